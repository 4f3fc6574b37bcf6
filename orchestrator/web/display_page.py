"""The page on which a reader chooses theme, height of rows and clock."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from orchestrator.domain.errors import RequestRejected
from orchestrator.http.web_context import MOST_OF_A_BODY
from orchestrator.web.display import remember_display, zone_name
from orchestrator.web.pages import Pages
from orchestrator.web.session import Viewer
from orchestrator.web.sign_in import inside


def display_routes(pages: Pages) -> APIRouter:
    """A plain form that leads back to where it was opened."""
    routes = APIRouter(prefix="/display", max_body_size=MOST_OF_A_BODY)

    @routes.get("")
    async def show(request: Request, _: Viewer, to: Annotated[str, Query(max_length=2000)] = "/") -> Response:
        return pages.show(request, "display.html", to=inside(to))

    @routes.post("")
    async def choose(
        *,
        request: Request,
        _: Viewer,
        theme: Annotated[str, Form(max_length=20)] = "",
        rows: Annotated[str, Form(max_length=20)] = "",
        zone: Annotated[str, Form(max_length=100)] = "",
        to: Annotated[str, Form(max_length=2000)] = "/",
    ) -> Response:
        if zone.strip() and not zone_name(zone):
            raise RequestRejected(f"{zone.strip()!r} is no time zone; give a name such as Europe/Berlin, or nothing.")
        response = RedirectResponse(inside(to), 303)
        remember_display(response, request, theme=theme, rows=rows, zone=zone)
        return response

    return routes
