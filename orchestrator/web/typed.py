"""A count that a person types back before so many devices are called."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated

from fastapi import Depends, Request

from orchestrator.domain.action import Action
from orchestrator.domain.confirmation import Confirm, asks_above
from orchestrator.http.web_context import Parts
from orchestrator.web.shown import SHOWN_FIELD, Fields, sent_fields

TYPED_FIELD = "confirmed"
TYPED_FOR_FIELD = "confirmed_for"


class Untyped(Exception):
    """These are so many devices that their number is typed first; `fields` are what the form was sent with.

    `token` names what the number is asked for: the action, the count, and the fields.
    """

    def __init__(self, action: Action, count: int, fields: Fields, token: str) -> None:
        super().__init__(f"{count} devices are not confirmed")
        self.action, self.count, self.fields, self.token = action, count, fields, token


def is_typed(text: str, count: int) -> bool:
    """Whether this is the number, however it is grouped."""
    return "".join(text.replace(",", "").split()) == str(count)


async def _typed(request: Request, parts: Parts) -> Confirm:
    sent = await sent_fields(request)
    fields = dict(sent)
    others = [(name, value) for name, value in sent if name not in {TYPED_FIELD, TYPED_FOR_FIELD}]

    def confirm(action: Action, count: int) -> None:
        if count <= asks_above(action, parts.settings.confirm_above):
            return
        # A number that was typed for one thing confirms no other: the form may ask for something else by now.
        token = _token(request.url.path, action, count, others)
        if not is_typed(fields.get(TYPED_FIELD, ""), count) or fields.get(TYPED_FOR_FIELD) != token:
            raise Untyped(action, count, others, token)

    return confirm


def _token(path: str, action: Action, count: int, fields: Fields) -> str:
    said = sorted((name, value) for name, value in fields if name not in _BESIDES)
    return hashlib.sha256(json.dumps([path, action, count, said]).encode()).hexdigest()[:32]


_BESIDES = frozenset({"csrf", "once", "reason", SHOWN_FIELD})
"""They do not change which devices are called; the facts that were shown are compared separately."""

Typed = Annotated[Confirm, Depends(_typed)]
"""Asked by a use case, it lets the form be shown again with a field for the number."""
