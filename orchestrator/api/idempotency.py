"""`Idempotency-Key`: a request that comes again makes nothing new."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header
from pydantic import BaseModel

from orchestrator.domain.access import Actor
from orchestrator.inventory.refresh_inventory import IsRepeat
from orchestrator.store.engine.database import Transaction
from orchestrator.usecases.jobs.idempotency import Idempotency, result_before

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description=(
            "Sent again with the same key by the same caller, the request makes no second one; another request with it "
            "is refused (422)."
        ),
    ),
]


def sent_with(key: str | None, by: Actor, *request: str | BaseModel | None) -> Idempotency | None:
    """The request as it is known again: by its key, by who sent it, and by every part of it; None without a key."""
    if key is None:
        return None
    return Idempotency(by, key, [each.model_dump_json() if isinstance(each, BaseModel) else each for each in request])


def repeat_check(key: str | None, by: Actor, *request: str | BaseModel | None) -> IsRepeat | None:
    """Returns a function that keeps the request in a transaction and tells whether it was kept before."""
    sent = sent_with(key, by, *request)
    if sent is None:
        return None

    async def is_repeat(tx: Transaction) -> bool:
        return await result_before(tx, sent, "") is not None

    return is_repeat
