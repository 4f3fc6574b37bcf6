"""The emergency stop over HTTP."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import Field

from orchestrator.api.access import Operator, Viewer
from orchestrator.api.etags import TaggedRoute
from orchestrator.api.idempotency import IdempotencyKey, sent_with
from orchestrator.api.problems import problem_responses
from orchestrator.app import App
from orchestrator.http.json_model import JsonModel, Text
from orchestrator.http.web_context import MOST_OF_A_BODY, TheApp
from orchestrator.usecases.operations.emergency_stop import lift_stop, stop_calls
from orchestrator.usecases.operations.stop_effects import effects_of
from orchestrator.usecases.operations.stops_in_force import stops_in_force
from orchestrator.views.emergency_stops import HaltFacts, stop_object


class HaltChange(JsonModel):
    """Stops the calls of one tenant or of all, or lifts that."""

    reason: Text = Field(description="Why; the audit log keeps it.")
    tenant: Text | None = Field(default=None, description="Only this tenant; null for all, or to lift every stop.")
    lift: bool = Field(default=False, description="Lift the stop in place of setting it; this takes an admin.")


def halt_routes() -> APIRouter:
    """Returns the routes below /api/halt."""
    routes = APIRouter(prefix="/api/halt", tags=["halt"], route_class=TaggedRoute, max_body_size=MOST_OF_A_BODY)

    @routes.get("", responses=problem_responses())
    async def emergency_stops(app: TheApp, _: Viewer) -> HaltFacts:
        """The emergency stops in force."""
        return await _facts(app)

    @routes.post("", responses=problem_responses(404))
    async def change_emergency_stop(
        app: TheApp, by: Operator, change: HaltChange, key: IdempotencyKey = None
    ) -> HaltFacts:
        """Stop every call of one tenant or of all within a second, or lift the stop; answers with what is in force."""
        if change.lift:
            again = sent_with(key, by, "halt", change)
            await lift_stop(app, tenant=change.tenant, reason=change.reason, by=by, idempotency=again)
        else:
            await stop_calls(app, tenant=change.tenant, reason=change.reason, by=by)
        return await _facts(app)

    return routes


async def _facts(app: App) -> HaltFacts:
    stops = await stops_in_force(app)
    items = [stop_object(*each) for each in zip(stops, await effects_of(app, stops), strict=True)]
    return {"isHalted": bool(stops), "items": items}
