"""`Idempotency-Key`: a request for a job or an API key that comes again makes no second one."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header

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
