"""The status of the installation over HTTP, and the acknowledgement of attention items."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import Field

from orchestrator.api.access import Operator, Viewer
from orchestrator.api.etags import TaggedRoute
from orchestrator.api.problems import problem_responses
from orchestrator.http.json_model import JsonModel, Text
from orchestrator.http.web_context import MOST_OF_A_BODY, Parts, TheApp
from orchestrator.usecases.operations.list_attention import acknowledge
from orchestrator.views.status import AttentionFacts, StatusFacts, attention_object, status_object


class Acknowledgement(JsonModel):
    """The reason of a person who acknowledges an item."""

    reason: Text = Field(description="The audit log keeps it.")


def status_routes() -> APIRouter:
    """Returns /api/status and the routes below /api/attention."""
    routes = APIRouter(prefix="/api", tags=["status"], route_class=TaggedRoute, max_body_size=MOST_OF_A_BODY)

    @routes.get("/status", responses=problem_responses())
    async def status(parts: Parts, _: Viewer) -> StatusFacts:
        """The items that need attention, the jobs under way with what they wait for, and the next runs."""
        return status_object(await parts.watch.overviews.status())

    @routes.post("/attention/{item_id}/acknowledge", responses=problem_responses(404))
    async def acknowledge_item(app: TheApp, by: Operator, item_id: str, why: Acknowledgement) -> AttentionFacts:
        """Show this item no more, unless it begins anew; the reason goes to the audit log."""
        return attention_object(await acknowledge(app, item_id, reason=why.reason, by=by))

    return routes
