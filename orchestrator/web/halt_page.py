"""The emergency stop on the dashboard: its page, its banner, and the forms that set and lift it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from orchestrator.domain.confirmation import stop_facts
from orchestrator.domain.emergency_stop import stops_to_lift
from orchestrator.domain.errors import RequestRejected
from orchestrator.http.web_context import MOST_OF_A_BODY, Parts
from orchestrator.usecases.operations.emergency_stop import lift_stop, stop_calls
from orchestrator.usecases.operations.stop_effects import effects_of
from orchestrator.usecases.operations.stops_in_force import stops_in_force
from orchestrator.web.pages import Pages
from orchestrator.web.session import CSRF_HEADER, Admin, Operator, Viewer
from orchestrator.web.shown import Shown, shown_text

_Reason = Annotated[str, Form(max_length=2000)]
_Tenant = Annotated[str, Form(max_length=200)]


def halt_routes(pages: Pages) -> APIRouter:
    """Everything below /halt; the forms work without scripts and lead back to the page."""
    routes = APIRouter(prefix="/halt", max_body_size=MOST_OF_A_BODY)

    @routes.get("")
    async def show(request: Request, parts: Parts, _: Viewer) -> Response:
        stops = await stops_in_force(parts.app)
        effects = await effects_of(parts.app, stops)
        to_lift = [
            (stop, shown_text(stop_facts(stops_to_lift(stops, stop.tenant))), effect)
            for stop, effect in zip(stops, effects, strict=True)
        ]
        return pages.show(request, "halt.html", stops=to_lift, tenants=sorted(parts.app.tenants))

    @routes.get("/banner")
    async def banner(request: Request, visitor: Viewer) -> Response:
        """The banner, with a token for the forms of a page that was loaded in an earlier session."""
        response = pages.show(request, "halt_banner.html")
        response.headers[CSRF_HEADER] = visitor.csrf
        return response

    @routes.post("")
    async def stop(
        parts: Parts, visitor: Operator, reason: _Reason = "", tenant: _Tenant = "", confirmed: _Tenant = ""
    ) -> RedirectResponse:
        _refuse_unconfirmed(confirmed)
        await stop_calls(parts.app, tenant=tenant or None, reason=reason, by=visitor.actor)
        return RedirectResponse("/halt", 303)

    @routes.post("/lift")
    async def lift(
        *,
        parts: Parts,
        visitor: Admin,
        shown: Shown,
        reason: _Reason = "",
        tenant: _Tenant = "",
        confirmed: _Tenant = "",
    ) -> RedirectResponse:
        _refuse_unconfirmed(confirmed)
        await lift_stop(parts.app, tenant=tenant or None, reason=reason, by=visitor.actor, shown=shown)
        return RedirectResponse("/halt", 303)

    return routes


def _refuse_unconfirmed(confirmed: str) -> None:
    if not confirmed:
        raise RequestRejected("Tick the box to confirm it; nothing was changed.")
