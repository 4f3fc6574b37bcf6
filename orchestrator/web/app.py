"""The dashboard as one part of the web process: its pages, its files, and the headers that protect both."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.domain.errors import (
    IdempotencyConflict,
    IllegalMove,
    IntakeFailed,
    LineProblem,
    ListNeeded,
    MusterError,
    NotPermitted,
    SignInTooOld,
    StillRunning,
    TryLater,
    UnknownJob,
    UnknownKey,
    UnknownList,
    UnknownSchedule,
    UnknownSession,
    WrongMoment,
)
from orchestrator.serving.faults import FaultsAnswered, told_over_http
from orchestrator.settings import Settings
from orchestrator.web.access_pages import access_routes
from orchestrator.web.entra import entra_routes
from orchestrator.web.health_page import health_page
from orchestrator.web.job_pages import job_pages
from orchestrator.web.lanes_page import lanes_page
from orchestrator.web.list_pages import list_pages
from orchestrator.web.live import live_routes
from orchestrator.web.move_forms import move_routes
from orchestrator.web.new_job import new_job_routes
from orchestrator.web.pages import HERE, Pages, go_to, is_fragment, query
from orchestrator.web.schedule_pages import schedule_pages
from orchestrator.web.session import SignInFirst
from orchestrator.web.sign_in import sign_in_routes
from orchestrator.web.typed import Untyped

log = structlog.get_logger()

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


def make_web(settings: Settings) -> FastAPI:
    """The dashboard, to be mounted beside the API; it shares the state of the process."""
    pages = Pages()
    web = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    for routes in (
        sign_in_routes(pages),
        entra_routes(pages),
        new_job_routes(pages, settings.max_bytes),
        live_routes(pages),
        move_routes(),
        job_pages(pages),
        schedule_pages(pages),
        list_pages(pages, settings.max_bytes),
        access_routes(pages),
        lanes_page(pages),
        health_page(pages),
    ):
        web.include_router(routes)
    web.mount("/static", StaticFiles(directory=HERE / "static"))
    _explain_problems(web, pages)
    web.add_middleware(_Guard)
    return web


class _Guard:
    """Says to the browser what may happen on our pages, and how long it may keep our files."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, with our headers on its answer."""
        path: str = scope["path"]
        keeps = path.startswith("/static/") and scope["query_string"]

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] += [
                    (name, value) for name, value in _HEADERS if name not in dict(message["headers"])
                ]
                if keeps:
                    message["headers"].append((b"cache-control", b"public, max-age=31536000, immutable"))
            await send(message)

        await self._app(scope, receive, send_guarded)


_HEADERS = [
    (b"content-security-policy", _POLICY.encode()),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
]
_STATUSES: tuple[tuple[type[MusterError], HTTPStatus], ...] = (
    (NotPermitted, HTTPStatus.FORBIDDEN),
    (UnknownJob, HTTPStatus.NOT_FOUND),
    (UnknownKey, HTTPStatus.NOT_FOUND),
    (UnknownSession, HTTPStatus.NOT_FOUND),
    (UnknownSchedule, HTTPStatus.NOT_FOUND),
    (UnknownList, HTTPStatus.NOT_FOUND),
    (ListNeeded, HTTPStatus.CONFLICT),
    (StillRunning, HTTPStatus.CONFLICT),
    (IllegalMove, HTTPStatus.CONFLICT),
    (WrongMoment, HTTPStatus.CONFLICT),
    (TryLater, HTTPStatus.SERVICE_UNAVAILABLE),
)


def _explain_problems(web: FastAPI, pages: Pages) -> None:
    def say(request: Request, status: int, title: str, detail: str, *, lines: Sequence[LineProblem] = ()) -> Response:
        template = "notice.html" if is_fragment(request) else "problem.html"
        # htmx swaps only what went well; a fragment that says what is wrong is meant to be seen.
        shown = HTTPStatus.OK if is_fragment(request) else status
        bad = {"lines": lines[:_LINES_SHOWN], "unshown": max(0, len(lines) - _LINES_SHOWN)}
        return pages.show(request, template, status=shown, title=title, detail=detail, code=status, **bad)

    async def ours(request: Request, problem: Exception) -> Response:
        status = next((each for kind, each in _STATUSES if isinstance(problem, kind)), HTTPStatus.UNPROCESSABLE_ENTITY)
        said = _told(problem, status)
        lines = problem.problems if isinstance(problem, IntakeFailed) else ()
        return say(request, status, _TITLES.get(status, "That did not work"), said, lines=lines)

    async def untyped(request: Request, problem: Untyped) -> Response:
        facts: dict[str, Any] = {"action": problem.action, "count": problem.count, "fields": problem.fields}
        if is_fragment(request):
            return pages.show(request, "untyped_part.html", **facts)
        return pages.show(request, "untyped.html", status=HTTPStatus.UNPROCESSABLE_ENTITY, **facts)

    async def of_http(request: Request, problem: Exception) -> Response:
        status = problem.status_code if isinstance(problem, HTTPException) else HTTPStatus.UNPROCESSABLE_ENTITY
        if status == HTTPStatus.NOT_FOUND:
            return say(request, status, "There is no such page", "The address may be mistyped, or the page has moved.")
        said = problem.detail if isinstance(problem, HTTPException) else _what_is_wrong(problem)
        return say(request, status, "That did not work", said)

    async def cut_off(request: Request, _: Exception) -> Response:
        return say(request, HTTPStatus.BAD_REQUEST, "That did not work", "The upload was cut off; nothing was stored.")

    def broken(request: Request, where: str) -> Response:
        return say(request, 500, "This is a fault of Muster", where)

    web.add_exception_handler(SignInTooOld, _sign_in_again)  # type: ignore[arg-type] # it takes its own kind
    web.add_exception_handler(Untyped, untyped)  # type: ignore[arg-type] # it takes its own kind
    for kind, explain in (
        (MusterError, ours),
        (SignInFirst, _sign_in_first),
        (HTTPException, of_http),
        (RequestValidationError, of_http),
        (ClientDisconnect, cut_off),
    ):
        web.add_exception_handler(kind, explain)
    web.add_middleware(FaultsAnswered, say=broken)


def _page_of(request: Request) -> str:
    """The page that somebody looks at, and not the part of it that asked."""
    if is_fragment(request):
        page = urlsplit(request.headers.get("hx-current-url", ""))
        path, asked = page.path or "/", page.query
    else:
        path, asked = (request.url.path, request.url.query) if request.method == "GET" else ("/", "")
    return f"{path}?{asked}" if asked else path


async def _sign_in_again(request: Request, _: SignInTooOld) -> Response:
    return go_to(request, "/sign-in/again?to=/keys")


async def _sign_in_first(request: Request, _: Exception) -> Response:
    there = _page_of(request)
    where = f"/sign-in{query(to=there if there != '/' else None)}"
    if request.headers.get("accept") == "text/event-stream":
        # A browser would follow, find no events there, and never say so to the page.
        return Response("event: leave\ndata: leave\n\n", media_type="text/event-stream")
    if is_fragment(request):
        return Response(headers={"HX-Redirect": where})
    return RedirectResponse(where, HTTPStatus.SEE_OTHER)


def _told(problem: Exception, status: int) -> str:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("request.failed", status=status, reason=str(problem))
    return _USED if isinstance(problem, IdempotencyConflict) else told_over_http(problem)


def _what_is_wrong(problem: Exception) -> str:
    if not isinstance(problem, RequestValidationError):
        return str(problem)
    return "; ".join(f"{each['loc'][-1]}: {each['msg']}" for each in problem.errors())


_LINES_SHOWN = 200
_USED = "This form has made a job already. Load the page again to make another one."
_TITLES = {
    HTTPStatus.FORBIDDEN: "You may not do this",
    HTTPStatus.NOT_FOUND: "There is no such thing",
    HTTPStatus.CONFLICT: "Not now",
    HTTPStatus.SERVICE_UNAVAILABLE: "Something that is needed is away",
}
