"""A count that somebody types back before so many devices are called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends, Request

from orchestrator.domain.action import Action
from orchestrator.domain.confirmation import Confirm, asks_above
from orchestrator.serving.served import Parts

TYPED_FIELD = "confirmed"
ACTION_FIELD = "confirmed_action"


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
    fields = dict(sent)
    typed, asked_for = fields.get(TYPED_FIELD, ""), fields.get(ACTION_FIELD)

    def confirm(action: Action, count: int) -> None:
        # The form may ask for something else by now than when it said how many devices that would be.
        is_confirmed = is_typed(typed, count) and asked_for in {None, action.value}
        if count > asks_above(action, parts.settings.confirm_above) and not is_confirmed:
            others = [(name, value) for name, value in sent if name not in {TYPED_FIELD, ACTION_FIELD}]
            raise Untyped(action, count, others)

    return confirm


Typed = Annotated[Confirm, Depends(_typed)]
"""Asked by a use case, it lets the form be shown again with a field for the number."""
