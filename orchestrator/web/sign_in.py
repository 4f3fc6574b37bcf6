"""In and out: by the link that an embedded service prints, or with a key; and out again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from orchestrator.domain.access import Actor
from orchestrator.domain.sessions import Way
from orchestrator.domain.spans import span
from orchestrator.http.web_context import MOST_OF_A_BODY, Parts, WebContext, origin_of, record_failed_sign_in
from orchestrator.usecases.access.keys import failed_key_words, holder_of
from orchestrator.usecases.access.sign_in import begin_session, end_session
from orchestrator.web.addresses import query
from orchestrator.web.pages import Pages
from orchestrator.web.session import (
    cookie_name,
    forget,
    is_foreign,
    keep,
    refuse_foreign,
    visitor_of,
)

_SEE_OTHER = 303


def sign_in_routes(pages: Pages) -> APIRouter:
    """Everything that works without being signed in."""
    routes = APIRouter(max_body_size=MOST_OF_A_BODY)

    @routes.get("/sign-in")
    async def show_door(request: Request, parts: Parts, to: str = "/", said: str = "") -> Response:
        if await visitor_of(request, parts) is not None:
            return RedirectResponse(inside(to), _SEE_OTHER)
        return door(pages, request, parts, to=to, problem=_SAID.get(said))

    @routes.get("/sign-in/link")
    async def by_link(request: Request, parts: Parts, token: str = "") -> Response:
        origin = origin_of(request)
        if (wait := parts.attempts.wait_for(origin)) > 0:
            return door(pages, request, parts, to="/", problem=too_many(wait), status=429)
        if parts.link is None or not parts.link.redeem(token):
            if not is_foreign(request):
                # Any site can send a visitor's browser here: what it tries must not make their office wait.
                parts.attempts.count(origin)
                await record_failed_sign_in(request, parts, "A one-time link was wrong or used before.")
            return RedirectResponse("/sign-in?said=used", _SEE_OTHER)
        return await begin(request, parts, Actor(_owner(), origin_of(request)), way=Way.LINK, to="/")

    @routes.post("/sign-in")
    async def by_key(
        request: Request, parts: Parts, key: Annotated[str, Form()] = "", to: Annotated[str, Form()] = "/"
    ) -> Response:
        await refuse_foreign(request, None)
        origin = origin_of(request)
        # No lockout: a key has 256 bits, so none is guessed, and an office shares its address.
        held = await holder_of(parts.app, key.strip(), origin=origin)
        if held is None:
            await record_failed_sign_in(request, parts, failed_key_words(key.strip()))
            return door(pages, request, parts, to=to, problem="This key opens nothing. Check it.", status=401)
        return await begin(request, parts, held, way=Way.KEY, to=to)

    _add_again(routes, pages)
    _add_way_out(routes)
    return routes


def _add_again(routes: APIRouter, pages: Pages) -> None:
    @routes.get("/sign-in/again")
    async def again(request: Request, parts: Parts, to: str = "/keys") -> Response:
        visitor = await visitor_of(request, parts)
        if visitor is None or is_foreign(request):
            return RedirectResponse(f"/sign-in{query(to=inside(to))}", _SEE_OTHER)
        if visitor.session.way is Way.LINK and parts.link is not None and parts.announce is not None:
            parts.link.renew()
            parts.announce(parts.link)
        return door(pages, request, parts, to=to, problem=_AGAIN[visitor.session.way], again=visitor.session.way)


def _add_way_out(routes: APIRouter) -> None:
    @routes.post("/sign-out")
    async def leave(request: Request, parts: Parts) -> Response:
        visitor = await visitor_of(request, parts)
        response = RedirectResponse("/sign-in?said=out", _SEE_OTHER)
        if visitor is not None:
            await refuse_foreign(request, visitor)
            await end_session(parts.app, request.cookies[cookie_name(request)], by=visitor.actor)
        forget(response, request)
        return response


async def begin(
    request: Request, parts: WebContext, actor: Actor, *, way: Way, to: str, refresh_token: str | None = None
) -> Response:
    """Open a session and lead to the page that was asked for; the earlier session of this browser ends."""
    before = request.cookies.get(cookie_name(request))
    if before:
        await end_session(parts.app, before, by=actor)
    secret = await begin_session(parts.app, actor, way=way, refresh_token=refresh_token)
    response = RedirectResponse(inside(to), _SEE_OTHER)
    keep(response, request, secret)
    return response


def door(
    pages: Pages,
    request: Request,
    parts: WebContext,
    *,
    to: str,
    problem: str | None,
    status: int = 200,
    again: Way | None = None,
) -> Response:
    """The page that is shown to a person who is not signed in, or who must sign in again the way that they did."""
    return pages.show(
        request,
        "sign_in.html",
        status=status,
        to=inside(to),
        problem=problem,
        has_link=parts.link is not None and again in {None, Way.LINK},
        has_entra=parts.people is not None and again in {None, Way.ENTRA},
        has_key=again in {None, Way.KEY, Way.LINK},
        is_again=again is not None,
    )


def too_many(wait: float) -> str:
    """Returns the message for a locked-out client, with the wait in seconds."""
    return f"Too many tries. The next one counts in {span(wait)}."


def inside(to: str) -> str:
    """Where to go afterwards: never to another site."""
    is_ours = (
        to.startswith("/") and not to.startswith(("//", "/\\")) and to.isprintable() and not to.startswith("/sign")
    )
    return to if is_ours else "/"


def _owner() -> str:
    """Returns the account that started the service: the owner of the one-time link."""
    return "owner"


_AGAIN = {
    Way.LINK: "Creating or changing a key takes a sign-in that is younger than ten minutes. The terminal in which "
    "Muster runs shows a new link now: open it.",
    Way.KEY: "Creating or changing a key takes a sign-in that is younger than ten minutes. Give your key again.",
    Way.ENTRA: "Creating or changing a key takes a sign-in that is younger than ten minutes. Sign in again.",
}
_SAID = {
    "used": "This link was used before, or the service has started anew since. Its terminal has the latest one.",
    "out": "You are signed out.",
    "ended": "Your session has ended, so nothing was done. Sign in, and fill the form in again.",
}
