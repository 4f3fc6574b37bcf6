"""Authenticate a request by its key (`Authorization: Bearer …`), and check the role that a route takes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Protocol, TypeVar

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from structlog.contextvars import bind_contextvars

from orchestrator.domain.access import Actor, Role
from orchestrator.domain.errors import TryLater
from orchestrator.http.admission import while_admitted
from orchestrator.http.web_context import Parts, TheApp, origin_of, record_failed_sign_in
from orchestrator.usecases.access.keys import failed_key_words, holder_of

T = TypeVar("T")

_bearer = HTTPBearer(
    scheme_name="key",
    description="An API key: `muster key create --role ROLE`, or `POST /api/keys`.",
    auto_error=False,
)


class Admission(Protocol):
    """Lets values through while the key that they are streamed to opens something."""

    def __call__(self, values: AsyncIterator[T], /) -> AsyncIterator[T]:
        """Yields the values until the key or the session ends."""
        ...


class NotSignedIn(Exception):
    """No key, or one that opens nothing."""


async def _holder(
    request: Request, parts: Parts, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Actor:
    if credentials is None:
        raise NotSignedIn
    text = credentials.credentials
    try:
        held = await holder_of(parts.app, text, origin=origin_of(request))
    except TryLater:
        # Only the holder of a key hears that something is away.
        if parts.known_keys.is_known(text):
            raise
        raise NotSignedIn from None
    if held is None:
        await record_failed_sign_in(request, parts, failed_key_words(text))
        raise NotSignedIn
    await parts.known_keys.reload_for(text)
    bind_contextvars(who=held.name)
    # For the audit entry of a refused request.
    request.state.actor = held
    return held


async def _has_key(
    request: Request, parts: Parts, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> bool:
    """Whether a key was sent that opens something; one that cannot be looked up now is as good as none."""
    try:
        await _holder(request, parts, credentials)
    except (NotSignedIn, TryLater):
        return False
    return True


async def _admission(request: Request, app: TheApp, _: Annotated[Actor, Depends(_holder)]) -> Admission:
    async def is_admitted() -> bool:
        key = request.headers["authorization"].partition(" ")[2].strip()
        return await holder_of(app, key, origin=origin_of(request)) is not None

    return lambda values: while_admitted(values, is_admitted, app.clock)


def _with(role: Role) -> Callable[[Actor], Awaitable[Actor]]:
    async def check(actor: Annotated[Actor, Depends(_holder)]) -> Actor:
        actor.grant.refuse_below(role)
        return actor

    return check


Viewer = Annotated[Actor, Depends(_with(Role.VIEWER))]
Operator = Annotated[Actor, Depends(_with(Role.OPERATOR))]
Admin = Annotated[Actor, Depends(_with(Role.ADMIN))]
HasKey = Annotated[bool, Depends(_has_key)]
"""For routes without a key; a key that may see jobs gets the full answer."""

WhileAdmitted = Annotated[Admission, Depends(_admission)]
