"""What API and pages are given alike: the application, and what belongs to the web process alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from orchestrator.domain.access import Limits
from orchestrator.engine.stop import StopSignal
from orchestrator.serving.front_door import Attempts, OneTimeLink
from orchestrator.settings import Settings
from orchestrator.usecases.app import App
from orchestrator.usecases.check_health import RecentHealth
from orchestrator.usecases.drive import Driver
from orchestrator.usecases.person_sign_in import Provider
from orchestrator.usecases.sample_progress import Sampler
from orchestrator.usecases.sign_in import Directory
from orchestrator.usecases.watch import Watch

MOST_OF_A_BODY = 256 * 1024
"""Bytes of a request that is no upload."""


@dataclass(frozen=True, slots=True)
class Served:
    """One web process; `driver` is there where it also works, `link` where it is one person's own.

    `sampler` shows by its looks that the process goes on. `attempts` counts one-time links that were wrong, by address.
    `announce` shows the link to whoever started the process.
    """

    app: App
    settings: Settings
    watch: Watch
    stop: StopSignal
    attempts: Attempts
    sampler: Sampler
    health: RecentHealth
    driver: Driver | None = None
    link: OneTimeLink | None = None
    people: Provider | None = None
    announce: Callable[[OneTimeLink], None] | None = None

    @property
    def directory(self) -> Directory:
        """Through whom people sign in, and what the operators among them may do at most."""
        given = self.settings.people
        limits = Limits()
        if given is not None:
            limits = Limits(given.operator_ceiling, given.operator_actions, given.operator_tenants)
        return Directory(self.people, limits)


def origin_of(request: Request) -> str:
    """Where a request comes from, as the audit log says it."""
    return request.client.host if request.client else "unknown"


def served(request: Request) -> Served:
    """The parts of the process that this request reached."""
    parts: Served = request.app.state.served
    return parts


def _app(parts: Annotated[Served, Depends(served)]) -> App:
    return parts.app


Parts = Annotated[Served, Depends(served)]
TheApp = Annotated[App, Depends(_app)]
