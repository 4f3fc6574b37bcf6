"""In through Entra ID: people are sent there, and taken in when they come back."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from orchestrator.domain.errors import NotPermitted, SignInRefused
from orchestrator.domain.sessions import Way
from orchestrator.http.web_context import Parts, origin_of, record_failed_sign_in
from orchestrator.usecases.access.person_sign_in import begin_person_sign_in, finish_person_sign_in
from orchestrator.web.addresses import query
from orchestrator.web.pages import Pages
from orchestrator.web.session import is_foreign, is_state_of, remember_state
from orchestrator.web.sign_in import begin, door, inside

_SEE_OTHER = 303
_LOST = "This sign-in was begun in another browser, or too long ago. Begin again."


def entra_routes(pages: Pages) -> APIRouter:
    """Returns the routes of the sign-in through Entra: to its page, and back with the code."""
    routes = APIRouter()

    @routes.get("/sign-in/entra")
    async def to_entra(request: Request, parts: Parts, to: str = "/", again: bool = False) -> Response:  # noqa: FBT001, FBT002 - of the address
        # Another site may lead here as often as it likes: only a person who presses our button is sent to Entra.
        if parts.people is None or is_foreign(request):
            return RedirectResponse(f"/sign-in{query(to=inside(to))}", _SEE_OTHER)
        try:
            where, state = await begin_person_sign_in(parts.app, parts.people, to=inside(to), again=again)
        except SignInRefused as problem:
            return door(pages, request, parts, to=to, problem=str(problem), status=403)
        response = RedirectResponse(where, _SEE_OTHER)
        remember_state(response, request, state)
        return response

    @routes.get("/sign-in/done")
    async def from_entra(request: Request, parts: Parts) -> Response:
        origin = origin_of(request)
        answer = dict(request.query_params)
        # The browser that comes back must be the one that was sent: the code of another browser opens no session here.
        if parts.people is None or not is_state_of(request, answer.get("state", "")):
            return door(pages, request, parts, to="/", problem=_LOST, status=400)
        try:
            entered = await finish_person_sign_in(
                parts.app, parts.people, answer, origin=origin, limits=parts.directory.limits
            )
        except (SignInRefused, NotPermitted) as problem:
            await record_failed_sign_in(request, parts, str(problem))
            return door(pages, request, parts, to="/", problem=str(problem), status=403)
        return await begin(
            request, parts, entered.actor, way=Way.ENTRA, to=entered.to, refresh_token=entered.refresh_token
        )

    return routes
