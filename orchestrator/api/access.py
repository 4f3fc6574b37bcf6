"""Who is asking, and may they: a key in `Authorization: Bearer …`, and the role that a route takes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from structlog.contextvars import bind_contextvars

from orchestrator.domain.access import Asker, Role
from orchestrator.serving.served import TheApp, origin_of
from orchestrator.usecases.keys import holder_of

_bearer = HTTPBearer(
    scheme_name="key",
    description="An API key: `muster key create --role ROLE`, or `POST /api/keys`.",
    auto_error=False,
)


class NotSignedIn(Exception):
    """No key, or one that opens nothing."""


async def _holder(
    request: Request, app: TheApp, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Asker:
    held = await holder_of(app, credentials.credentials, origin=origin_of(request)) if credentials else None
    if held is None:
        raise NotSignedIn
    bind_contextvars(who=held[0].name)
    return held[0]


def _with(role: Role) -> Callable[[Asker], Awaitable[Asker]]:
    async def check(asker: Annotated[Asker, Depends(_holder)]) -> Asker:
        asker.grant.refuse_below(role)
        return asker

    return check


Viewer = Annotated[Asker, Depends(_with(Role.VIEWER))]
Operator = Annotated[Asker, Depends(_with(Role.OPERATOR))]
Admin = Annotated[Asker, Depends(_with(Role.ADMIN))]
