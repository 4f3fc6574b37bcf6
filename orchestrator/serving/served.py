"""What API and pages are given alike: the application, and what belongs to the web process alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from orchestrator.domain.access import CHANGE_REFUSED, SIGN_IN_FAILED, Asker, Limits, Refusal
from orchestrator.engine.stop import StopSignal
from orchestrator.serving.forwarded import address_of
from orchestrator.serving.front_door import Attempts, OneTimeLink
from orchestrator.settings import Settings
from orchestrator.usecases.app import App
from orchestrator.usecases.check_health import RecentHealth
from orchestrator.usecases.drive import Driver
from orchestrator.usecases.known_keys import KnownKeys
from orchestrator.usecases.person_sign_in import Provider
from orchestrator.usecases.record_refusals import Refusals
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
    refusals: Refusals
    known_keys: KnownKeys
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


async def record_refused_change(request: Request, parts: Served, by: Asker, problem: Exception) -> None:
    """Writes to the audit log that a change was refused; reading changes nothing, and is not written down."""
    if request.method in _READING:
        return
    subject = next((str(each).replace("\x00", "")[:200] for each in request.path_params.values()), None)
    asked = f"{request.method} {getattr(request.scope.get('route'), 'path', '')}"
    await parts.refusals.record(Refusal(by, CHANGE_REFUSED, subject, f"{asked}: {problem}"))


async def record_failed_sign_in(request: Request, parts: Served, reason: str) -> None:
    """Writes to the audit log that nobody was let in."""
    nobody = Asker("unknown", origin_of(request))
    await parts.refusals.record(Refusal(nobody, SIGN_IN_FAILED, None, reason))


_READING = {"GET", "HEAD", "OPTIONS"}


def origin_of(request: Request) -> str:
    """The address that a request comes from, as the audit log says it; `unknown` where there is none."""
    return (address_of(request.client.host) if request.client else None) or "unknown"


def served(request: Request) -> Served:
    """The parts of the process that this request reached."""
    parts: Served = request.app.state.served
    return parts


def _app(parts: Annotated[Served, Depends(served)]) -> App:
    return parts.app


Parts = Annotated[Served, Depends(served)]
TheApp = Annotated[App, Depends(_app)]
