"""A form that makes a job carries a key of its own: however often its button is pressed, it makes one job."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form

from orchestrator.app import App

ONCE_FIELD = "once"

Once = Annotated[str, Form(alias=ONCE_FIELD, max_length=200)]


def new_once(app: App) -> str:
    """The key of a form that is about to be shown."""
    return f"{app.chance.getrandbits(128):032x}"
