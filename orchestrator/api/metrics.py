"""The metrics for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter, Response

from orchestrator.api.access import Viewer
from orchestrator.api.problems import problem_responses
from orchestrator.http.web_context import TheApp
from orchestrator.telemetry.metrics import CONTENT_TYPE
from orchestrator.usecases.operations.measure import measure


def metric_routes() -> APIRouter:
    """/metrics; needs the key of a viewer."""
    routes = APIRouter(tags=["health"])

    @routes.get(
        "/metrics",
        response_class=Response,
        responses={**problem_responses(), 200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def metrics(app: TheApp, _: Viewer) -> Response:
        """Outcomes, rates, lanes, queue age, recoveries and latencies, in the text format of Prometheus."""
        return Response(await measure(app), media_type=CONTENT_TYPE)

    return routes
