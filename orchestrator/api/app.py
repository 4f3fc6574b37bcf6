"""The API as one part of the web process: its routes, how its errors leave, and the document that describes it."""

from __future__ import annotations

from functools import cache
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from orchestrator.api.halt import halt_routes
from orchestrator.api.health import health_routes
from orchestrator.api.installation import installation_routes
from orchestrator.api.inventory import inventory_routes
from orchestrator.api.jobs import job_routes, preview_routes
from orchestrator.api.keys import key_routes
from orchestrator.api.lanes import lane_routes
from orchestrator.api.lists import list_routes
from orchestrator.api.metrics import metric_routes
from orchestrator.api.parameters import refuse_unknown_parameters
from orchestrator.api.problems import PlainRefusals, Problem, explain_problems, methods_at
from orchestrator.api.schedules import occurrence_routes, schedule_routes
from orchestrator.api.sessions import session_routes
from orchestrator.api.status import status_routes
from orchestrator.settings import Settings

_ABOUT = """\
Bulk ConfigMgr actions for co-managed Windows fleets through Microsoft Graph.

Send a key as `Authorization: Bearer …`. Errors are `application/problem+json`. Times are UTC. Lists are read page by
page: give `nextCursor` back as `cursor`. Answers to GET carry an ETag: given back as `If-Match`, a change is 412 where
something else has changed it since.
"""


def add_api(web: FastAPI, settings: Settings) -> None:
    """Give the web process its API."""
    web.router.routes.extend(_routes(settings.max_bytes))
    for path in ("/api/{rest:path}", "/metrics", "/openapi.json"):
        web.router.routes.append(Route(path, _Nowhere(), include_in_schema=False))
    explain_problems(web)
    web.add_middleware(PlainRefusals)
    web.openapi = lambda: _document(web)  # type: ignore[method-assign] # FastAPI's documented way to extend it


def operation_id(route: APIRoute) -> str:
    """Returns the name of a route in generated clients: the name of its function."""
    return route.name


class _Nowhere:
    """Answers requests to unknown addresses (404) and by methods that an address does not take (405)."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Say which of the two it is; any method comes here, also an unknown one."""
        del send
        raise HTTPException(405 if methods_at(Request(scope, receive)) else 404)


@cache
def _routes(max_bytes: int) -> list[BaseRoute]:
    # Once in a process: FastAPI reads the signature of every route, a third of a second, and none has state.
    once = FastAPI(openapi_url=None, generate_unique_id_function=operation_id)
    for routes in (
        job_routes(max_bytes),
        preview_routes(max_bytes),
        schedule_routes(),
        occurrence_routes(),
        list_routes(max_bytes),
        lane_routes(),
        halt_routes(),
        inventory_routes(),
        key_routes(),
        session_routes(),
        status_routes(),
        installation_routes(),
        health_routes(),
        metric_routes(),
    ):
        once.include_router(routes, dependencies=[Depends(refuse_unknown_parameters)])
    return once.routes


def _document(web: FastAPI) -> dict[str, Any]:
    if web.openapi_schema is None:
        document = get_openapi(title=web.title, version=web.version, description=_ABOUT, routes=web.routes)
        _, problems = models_json_schema([(Problem, "serialization")], ref_template="#/components/schemas/{model}")
        # Routes refer to them by name: FastAPI knows only models that come as application/json.
        document["components"]["schemas"].update(problems["$defs"])
        document["components"]["schemas"].pop("HTTPValidationError", None)
        document["components"]["schemas"].pop("ValidationError", None)
        web.openapi_schema = document
    return web.openapi_schema
