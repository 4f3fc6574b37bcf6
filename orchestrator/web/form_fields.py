"""The fields that many forms of the dashboard have: a reason, and the key that lets a form count once."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Form

from orchestrator.app import App
from orchestrator.domain.plain_text import plain_text

ONCE_FIELD = "once"


def text_or_none(text: str) -> str | None:
    """Returns a text that was typed on one line, or None; raises ControlCharacter for a control character."""
    return plain_text(text.replace("\x00", "").strip()) or None


def new_once(app: App) -> str:
    """The key of a form that is about to be shown: however often its button is pressed, it makes one thing."""
    return f"{app.chance.getrandbits(128):032x}"


def _reason(reason: Annotated[str, Form(max_length=2000)] = "") -> str | None:
    return text_or_none(reason)


def _once(once: Annotated[str, Form(alias=ONCE_FIELD, max_length=200)] = "") -> str | None:
    return text_or_none(once)


Reason = Annotated[str | None, Depends(_reason)]
Once = Annotated[str | None, Depends(_once)]
