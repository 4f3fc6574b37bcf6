"""The values that a page showed of a thing, carried by each form that changes it and compared on its return."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends, Request

from orchestrator.domain.confirmation import Facts

SHOWN_FIELD = "shown"

Fields = Sequence[tuple[str, str]]


def shown_text(facts: Facts) -> str:
    """The facts as the value of a hidden field."""
    return json.dumps(dict(facts), sort_keys=True, ensure_ascii=False)


def facts_in(text: str) -> Facts:
    """The facts of such a field; none where it is absent or not one of ours."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: value for name, value in found.items() if isinstance(value, str | int)}


async def sent_fields(request: Request) -> Fields:
    """The text fields that a form was sent with, so that it can be shown again with them."""
    fields = [(name, value) for name, value in (await request.form()).multi_items() if isinstance(value, str)]
    request.state.sent = fields
    return fields


def fields_sent(request: Request) -> Fields:
    """The fields that `sent_fields` has read from this request; none if it has not."""
    fields: Fields = getattr(request.state, "sent", [])
    return fields


async def _shown(request: Request) -> Facts:
    return facts_in(dict(await sent_fields(request)).get(SHOWN_FIELD, ""))


async def _shown_if_any(request: Request) -> Facts | None:
    return await _shown(request) or None


Shown = Annotated[Facts, Depends(_shown)]
"""The values that the page of the form showed; a comparison refuses a form without any."""

ShownIfAny = Annotated[Facts | None, Depends(_shown_if_any)]
"""The same for a change that calls no device and can be taken back: a form that says nothing is taken too."""
