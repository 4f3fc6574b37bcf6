"""The context of a request, for the API and the pages: the application, and the parts of the web process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from orchestrator.app import App
from orchestrator.domain.access import Actor
from orchestrator.domain.audit import CHANGE_REFUSED, SIGN_IN_FAILED, Refusal
from orchestrator.domain.people import Limits
from orchestrator.engine.driver import Driver
from orchestrator.engine.stop import StopSignal
from orchestrator.http.forwarded import address_of
from orchestrator.http.sign_in_limits import Attempts, OneTimeLink
from orchestrator.inventory.background_refresh import BackgroundRefreshes
from orchestrator.settings import Settings
from orchestrator.usecases.access.known_keys import KnownKeys
from orchestrator.usecases.access.person_sign_in import Provider
from orchestrator.usecases.access.record_refusals import Refusals
from orchestrator.usecases.access.sign_in import Directory
from orchestrator.usecases.jobs.sample_progress import Sampler
from orchestrator.usecases.jobs.watch import Watch
from orchestrator.usecases.operations.check_health import RecentHealth

MOST_OF_A_BODY = 256 * 1024
"""Bytes of a request that is no upload."""


@dataclass(frozen=True, slots=True)
class WebContext:
    """One web process; `driver` is there where it also works, `link` where it is one person's own.

    `sampler` shows by its looks that the process goes on. `attempts` counts one-time links that were wrong, by address.
    `announce` shows the link on the terminal that started the process.
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
    refreshes: BackgroundRefreshes
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


async def record_refused_change(request: Request, parts: WebContext, by: Actor, problem: Exception) -> None:
    """Writes to the audit log that a change was refused; reading changes nothing, and is not written down."""
    if request.method in READING:
        return
    subject = next((str(each).replace("\x00", "")[:200] for each in request.path_params.values()), None)
    asked = f"{request.method} {getattr(request.scope.get('route'), 'path', '')}"
    await parts.refusals.record(Refusal(by, CHANGE_REFUSED, subject, f"{asked}: {problem}"))


async def record_failed_sign_in(request: Request, parts: WebContext, reason: str) -> None:
    """Writes a refused sign-in to the audit log."""
    unknown = Actor("unknown", origin_of(request))
    await parts.refusals.record(Refusal(unknown, SIGN_IN_FAILED, None, reason))


READING = frozenset({"GET", "HEAD", "OPTIONS"})


def origin_of(request: Request) -> str:
    """The address that a request comes from, as the audit log says it; `unknown` where there is none."""
    return (address_of(request.client.host) if request.client else None) or "unknown"


def served(request: Request) -> WebContext:
    """The parts of the process that this request reached."""
    parts: WebContext = request.app.state.served
    return parts


def _app(parts: Annotated[WebContext, Depends(served)]) -> App:
    return parts.app


Parts = Annotated[WebContext, Depends(served)]
TheApp = Annotated[App, Depends(_app)]
