"""A count that somebody types back before so many devices are called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends, Request

from orchestrator.domain.action import Action
from orchestrator.domain.confirmation import Confirm, asks_above
from orchestrator.serving.served import Parts

TYPED_FIELD = "confirmed"


class Untyped(Exception):
    """These are so many devices that their number is typed first; `fields` are what the form was sent with."""

    def __init__(self, action: Action, count: int, fields: Sequence[tuple[str, str]]) -> None:
        super().__init__(f"{count} devices are not confirmed")
        self.action, self.count, self.fields = action, count, fields


def is_typed(text: str, count: int) -> bool:
    """Whether this is the number, however it is grouped."""
    return "".join(text.replace(",", "").split()) == str(count)


async def _typed(request: Request, parts: Parts) -> Confirm:
    sent = [(name, value) for name, value in (await request.form()).multi_items() if isinstance(value, str)]
    typed = dict(sent).get(TYPED_FIELD, "")

    def confirm(action: Action, count: int) -> None:
        if count > asks_above(action, parts.settings.confirm_above) and not is_typed(typed, count):
            raise Untyped(action, count, [(name, value) for name, value in sent if name != TYPED_FIELD])

    return confirm


Typed = Annotated[Confirm, Depends(_typed)]
"""Asked by a use case, it lets the form be shown again with a field for the number."""
