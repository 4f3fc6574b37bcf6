"""Who is signed in: a cookie that no script can read, and a token that no other site can know."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response
from structlog.contextvars import bind_contextvars

from orchestrator.domain.access import FRESH_SIGN_IN, Actor, Role
from orchestrator.domain.errors import MusterError, NotPermitted
from orchestrator.domain.sessions import LIFETIME, Session
from orchestrator.http.uploads import is_upload, upload_field
from orchestrator.http.web_context import MOST_OF_A_BODY, WebContext, origin_of, served
from orchestrator.usecases.access.sign_in import session_of
from orchestrator.usecases.operations.stops_in_force import stops_in_force

CSRF_FIELD = "csrf"
CSRF_HEADER = "x-csrf-token"

_SAFE = {"GET", "HEAD"}


class SignInFirst(Exception):
    """The request has no valid session: the page leads to the sign-in."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """A signed-in person: identity, role and session."""

    actor: Actor
    secret: str = field(repr=False)
    csrf: str = field(repr=False)
    session: Session

    @property
    def name(self) -> str:
        """Returns the display name."""
        return self.actor.name

    @property
    def role(self) -> Role:
        """Returns the role, which decides the offered actions."""
        return self.actor.grant.role

    def is_fresh(self, now: datetime) -> bool:
        """Whether they signed in so lately that they may create or change a key."""
        return now - self.session.signed_in_at <= FRESH_SIGN_IN

    def may(self, role: str) -> bool:
        """Whether they may do what takes this role."""
        return self.role.includes(Role(role))


async def visitor_of(request: Request, parts: WebContext) -> Visitor | None:
    """The person who is signed in; None where the request has no valid session."""
    secret = request.cookies.get(cookie_name(request))
    if not secret:
        return None
    session = await session_of(parts.app, secret, directory=parts.directory)
    return None if session is None else Visitor(session.actor(origin_of(request)), secret, _csrf_of(secret), session)


def _with(role: Role) -> Callable[[Request, WebContext], Awaitable[Visitor]]:
    async def check(request: Request, parts: Annotated[WebContext, Depends(served)]) -> Visitor:
        visitor = await visitor_of(request, parts)
        if visitor is None:
            raise SignInFirst
        bind_contextvars(who=visitor.name)
        # Before anything is refused: the page that says so is theirs too.
        request.state.visitor = visitor
        request.state.emergency_stops = await stops_in_force(parts.app)
        if "text/html" in request.headers.get("accept", "") and "hx-request" not in request.headers:
            request.state.counts = await _counts(parts)
        visitor.actor.grant.refuse_below(role)
        if request.method not in _SAFE:
            await refuse_foreign(request, visitor)
        return visitor

    return check


async def _counts(parts: WebContext) -> tuple[int, int] | None:
    """The counts beside the names of pages; None where they cannot be read, which must not cost the page."""
    try:
        return await parts.watch.overviews.counts()
    except MusterError:
        return None


Viewer = Annotated[Visitor, Depends(_with(Role.VIEWER))]
Operator = Annotated[Visitor, Depends(_with(Role.OPERATOR))]
Admin = Annotated[Visitor, Depends(_with(Role.ADMIN))]


async def refuse_foreign(request: Request, visitor: Visitor | None) -> None:
    """NotPermitted for a change that another site asked for; without a session only the origin is checked.

    The token is a header of what a script sends, and a field of what a form sends; an address never carries it, since
    addresses are kept in histories and logs.
    """
    if is_foreign(request):
        raise NotPermitted("Another site asked for this in your name, so nothing was done.")
    if visitor is None:
        return
    given = request.headers.get(CSRF_HEADER)
    if given is None and _is_short_form(request):
        given = str((await request.form()).get(CSRF_FIELD, ""))
    elif given is None and is_upload(request):
        given = await upload_field(request, CSRF_FIELD)
    if not _is_csrf_of(visitor.secret, given or ""):
        await request.close()
        raise NotPermitted("This page is older than your session, so nothing was done. Load it again.")


def is_foreign(request: Request) -> bool:
    """Whether the browser says that another site asked for this."""
    origin = request.headers.get("origin")
    return request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"} or (
        origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    )


def set_cookie(response: Response, request: Request, name: str, value: str, *, max_age: int, path: str = "/") -> None:
    """Lets the browser keep a value that no script can read and no other site can send, for `max_age` seconds."""
    response.set_cookie(
        name, value, max_age=max_age, path=path, secure=is_secure(request), httponly=True, samesite="lax"
    )


def keep(response: Response, request: Request, secret: str) -> None:
    """Let the browser remember who signed in."""
    set_cookie(response, request, cookie_name(request), secret, max_age=int(LIFETIME.total_seconds()))


def forget(response: Response, request: Request) -> None:
    """Let the browser forget it."""
    response.delete_cookie(cookie_name(request), path="/", secure=is_secure(request), httponly=True, samesite="lax")


def remember_state(response: Response, request: Request, state: str) -> None:
    """Let the browser remember which sign-in it was sent away with."""
    digest = hashlib.sha256(state.encode()).hexdigest()
    set_cookie(response, request, "muster-sign-in", digest, max_age=900, path="/sign-in")


def is_state_of(request: Request, state: str) -> bool:
    """Whether this browser was sent away with it."""
    remembered = request.cookies.get("muster-sign-in", "")
    return hmac.compare_digest(remembered.encode(), hashlib.sha256(state.encode()).hexdigest().encode())


def cookie_name(request: Request) -> str:
    """Under TLS the name itself makes the browser see to it that no other host set it."""
    return "__Host-muster" if is_secure(request) else f"muster-{request.url.port or 80}"


def is_secure(request: Request) -> bool:
    """Whether the reader came through TLS, to us or to a proxy before us."""
    public_url = request.app.state.served.settings.public_url
    return request.url.scheme == "https" or bool(public_url and public_url.startswith("https:"))


def _is_short_form(request: Request) -> bool:
    """Whether it may be read into memory to look for the token; uploads carry it elsewhere."""
    length = request.headers.get("content-length", "")
    is_form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    return is_form and length.isdecimal() and int(length) <= MOST_OF_A_BODY


def _csrf_of(secret: str, salt: str | None = None) -> str:
    # Another one on each page: pages are compressed and repeat what an address says, so that a constant one could be
    # guessed by their length (https://www.breachattack.com).
    salt = salt or secrets.token_hex(8)
    return salt + hashlib.sha256(f"csrf {salt} {secret}".encode()).hexdigest()[:48]


def _is_csrf_of(secret: str, given: str) -> bool:
    return hmac.compare_digest(given.encode(), _csrf_of(secret, given[:16] or "none").encode())
