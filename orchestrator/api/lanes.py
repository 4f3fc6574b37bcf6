"""Lane routes."""

from __future__ import annotations

from fastapi import APIRouter

from orchestrator.api.access import Viewer
from orchestrator.api.etags import TaggedRoute
from orchestrator.api.problems import problem_responses
from orchestrator.http.web_context import TheApp
from orchestrator.usecases.operations.describe_lanes import describe_lane, list_lanes
from orchestrator.views.collections import Items
from orchestrator.views.lanes import LaneFacts, lane_object


def lane_routes() -> APIRouter:
    """Everything below /api/lanes."""
    routes = APIRouter(prefix="/api/lanes", tags=["lanes"], route_class=TaggedRoute)

    @routes.get("", responses=problem_responses())
    async def lanes(app: TheApp, _: Viewer) -> Items[LaneFacts]:
        """How fast each lane may go, until when it is closed, and who waits."""
        return {"items": [lane_object(view) for view in await list_lanes(app)]}

    @routes.get("/{tenant}", responses=problem_responses(404))
    async def lane(app: TheApp, _: Viewer, tenant: str) -> LaneFacts:
        """The lane that a tenant leads to."""
        return lane_object(await describe_lane(app, tenant))

    return routes
