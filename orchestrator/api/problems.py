"""Errors as problem documents (RFC 9457), in one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute, Match, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.api.access import NotSignedIn
from orchestrator.domain.access import Actor, Role
from orchestrator.domain.errors import (
    AmbiguousJob,
    CannotContinue,
    EmergencyStopped,
    IllegalMove,
    IntakeFailed,
    ListNeeded,
    MusterError,
    NotPermitted,
    RequestRejected,
    StillRunning,
    TenantChanged,
    TryLater,
    UnknownAttentionItem,
    UnknownJob,
    UnknownKey,
    UnknownLane,
    UnknownList,
    UnknownSchedule,
    UnknownSession,
    WrongStatus,
)
from orchestrator.domain.inventory import NoInventory
from orchestrator.domain.line_problem import MOST_PROBLEMS
from orchestrator.http.faults import FaultsAnswered, message_for_caller
from orchestrator.http.web_context import record_refused_change
from orchestrator.inventory.device_history import AmbiguousDevice, UnknownDevice
from orchestrator.telemetry.logger import get_logger
from orchestrator.views.previews import problem_objects

log = get_logger(__name__)

# The first that fits counts, so leaves stand before their branches.
_STATUSES: tuple[tuple[type[Exception], int], ...] = (
    (NotSignedIn, 401),
    (NotPermitted, 403),
    (UnknownJob, 404),
    (UnknownKey, 404),
    (UnknownSession, 404),
    (UnknownLane, 404),
    (UnknownAttentionItem, 404),
    (UnknownSchedule, 404),
    (UnknownList, 404),
    (UnknownDevice, 404),
    (NoInventory, 404),
    (AmbiguousDevice, 409),
    (ListNeeded, 409),
    (StillRunning, 409),
    (EmergencyStopped, 409),
    (AmbiguousJob, 409),
    (IllegalMove, 409),
    (WrongStatus, 409),
    (TenantChanged, 409),
    (RequestRejected, 422),
    (CannotContinue, 502),
    (TryLater, 503),
)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
_TOO_LARGE = HTTPStatus.REQUEST_ENTITY_TOO_LARGE.value
_CONTENT_TYPE = "application/problem+json"


class PlainRefusals:
    """Gives a refusal of the framework's own body limit, which comes as plain text, the form that all others have."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, its refusal rewritten."""
        is_refused = False

        async def send_ours(message: Message) -> None:
            nonlocal is_refused
            if message["type"] == "http.response.start":
                content_type = Headers(raw=message["headers"]).get("content-type", "")
                is_refused = message["status"] == _TOO_LARGE and content_type.startswith("text/plain")
                if is_refused:
                    await answer(_TOO_LARGE, "The request is larger than what is taken here.")(scope, receive, send)
            if not is_refused:
                await send(message)

        await self._app(scope, receive, send_ours)


class FieldProblem(BaseModel):
    """One error: a bad line of the device list, or a field of the request."""

    line: int | None = None
    field: str | None = None
    reason: str


class Problem(BaseModel):
    """An error answer: its cause and its remedy (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] | None = None


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Returns the error answers of a route for OpenAPI; a missing key and a lost database are always among them."""
    return {status: problem_response(status) for status in sorted({401, 403, 422, 503, *statuses})}


def problem_response(status: int) -> dict[str, Any]:
    """One of these ways."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": HTTPStatus(status).phrase, "content": {_CONTENT_TYPE: {"schema": schema}}}


def created(description: str = "Successful Response") -> dict[int | str, dict[str, Any]]:
    """Returns the OpenAPI description of a 201 with a `Location` header."""
    location = {"description": "Where it is.", "schema": {"type": "string"}}
    return {201: {"description": description, "headers": {"Location": location}}}


def answer(status: int, detail: str, faults: Sequence[Mapping[str, object]] | None = None) -> Response:
    """A problem document."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if faults is not None:
        body["errors"] = faults
    headers = {"Cache-Control": "no-store"}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = "5"
    return JSONResponse(body, status, headers, media_type=_CONTENT_TYPE)


def status_of(problem: Exception) -> int:
    """The HTTP status of a problem."""
    return next((status for kind, status in _STATUSES if isinstance(problem, kind)), 500)


def explain_problems(web: FastAPI) -> None:
    """Let every error of the API leave as a problem document."""
    web.add_middleware(FaultsAnswered, say=lambda _, where: answer(500, f"This is a fault of Muster. {where}"))
    for kind, explain in (
        (MusterError, _explain_ours),
        (NotSignedIn, _explain_sign_in),
        (RequestValidationError, _explain_request),
        (HTTPException, _explain_http),
        (ClientDisconnect, _explain_cut_off),
    ):
        web.add_exception_handler(kind, explain)  # type: ignore[arg-type] # each handler takes its own kind


async def _explain_ours(request: Request, problem: MusterError) -> Response:
    actor: Actor | None = getattr(request.state, "actor", None)
    if isinstance(problem, NotPermitted) and actor is not None:
        await record_refused_change(request, request.app.state.served, actor, problem)
    faults, more = None, ""
    if isinstance(problem, IntakeFailed) and problem.problems:
        faults = problem_objects(problem.problems)
        more = f" `errors` names the first {MOST_PROBLEMS:,} of them." if len(faults) >= MOST_PROBLEMS else ""
    status = status_of(problem)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("request.failed", status=status, reason=str(problem))
    said = message_for_caller(problem)
    if isinstance(problem, ListNeeded):
        said = said.replace("--force", "`?force=true`")
    return answer(status, said + more, faults)


async def _explain_sign_in(_: Request, __: NotSignedIn) -> Response:
    return answer(401, "Send a key as `Authorization: Bearer …`. `muster key create --role viewer` makes one.")


async def _explain_request(_: Request, problem: RequestValidationError) -> Response:
    reasons: dict[str, list[str]] = {}
    for each in problem.errors():
        field, reason = _fault(each)
        reasons.setdefault(field, []).append(reason)
    faults = [{"field": field, "reason": "; or: ".join(all_of_it)} for field, all_of_it in reasons.items()]
    return answer(422, "The request does not fit; `errors` says where. GET /openapi.json has what fits.", faults)


def _fault(error: Mapping[str, Any]) -> tuple[str, str]:
    """The field that does not fit, and why; a body whose role chooses its form is told about as one form."""
    # Where a field may be of several types, pydantic adds the type that it tried, such as `str-enum[JobStatus]`.
    inner = [str(part) for part in error["loc"][1:] if "[" not in str(part)]
    if error["type"] == "union_tag_not_found":
        return "role", "Field required"
    if error["type"] == "union_tag_invalid":
        roles = ", ".join(Role)
        return "role", f"{error['ctx']['tag']!r} is none of {roles}."
    field = ".".join(inner[1:] if inner and inner[0] in set(Role) else inner)
    return field or str(error["loc"][0]), error["msg"]


async def _explain_http(request: Request, problem: HTTPException) -> Response:
    phrase = HTTPStatus(problem.status_code).phrase
    said = problem.detail if problem.detail != phrase else f"{phrase}. GET /openapi.json has what there is."
    response = answer(problem.status_code, said)
    response.headers.update(problem.headers or {})
    if problem.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = methods_at(request)
    return response


def methods_at(request: Request) -> str:
    """Every method that the path takes: each has a route of its own, and the framework knows of one at a time."""
    methods: set[str] = set()
    for method in METHODS:
        scope = {**request.scope, "method": method}
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.router.routes if _is_ours(route)):
            methods.add(method)
    if "GET" in methods:
        methods.add("HEAD")
    return ", ".join(sorted(methods))


async def _explain_cut_off(_: Request, __: ClientDisconnect) -> Response:
    log.info("request.cut_off")
    return answer(400, "The request ended before its body did; nothing was stored.")


def _is_ours(route: BaseRoute) -> bool:
    """Whether it is a route of the API, and not what stands for all that is none."""
    return getattr(route, "methods", METHODS) is not None and not isinstance(route, Mount)
