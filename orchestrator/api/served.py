"""What the routes are given: the application, and what belongs to the web process alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from orchestrator.engine.stop import StopSignal
from orchestrator.settings import Settings
from orchestrator.usecases.app import App
from orchestrator.usecases.drive import Driver
from orchestrator.usecases.watch import Watch

MOST_OF_A_BODY = 256 * 1024
"""Bytes of a request that is no upload."""


@dataclass(frozen=True, slots=True)
class Served:
    """One web process; `driver` is there where it also works."""

    app: App
    settings: Settings
    watch: Watch
    stop: StopSignal
    driver: Driver | None = None


def served(request: Request) -> Served:
    """The parts of the process that this request reached."""
    parts: Served = request.app.state.served
    return parts


def _app(parts: Annotated[Served, Depends(served)]) -> App:
    return parts.app


Parts = Annotated[Served, Depends(served)]
TheApp = Annotated[App, Depends(_app)]
