"""How fast each lane may go, until when it is closed, and who waits."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from orchestrator.http.web_context import Parts
from orchestrator.throttle.travel_time import assumption
from orchestrator.usecases.operations.describe_lanes import list_lanes
from orchestrator.web.pages import Pages, is_fragment
from orchestrator.web.session import Viewer


def lanes_page(pages: Pages) -> APIRouter:
    """One page, looked at again every few seconds."""
    routes = APIRouter()

    @routes.get("/lanes")
    async def lanes(request: Request, parts: Parts, _: Viewer) -> Response:
        template = "lanes_list.html" if is_fragment(request) else "lanes.html"
        now = parts.app.clock.now()
        return pages.show(request, template, lanes=await list_lanes(parts.app), now=now, assumption=assumption)

    return routes
