"""Pages and fragments for a request that failed."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from orchestrator.domain.errors import (
    ConfirmationOutdated,
    EmergencyStopped,
    IdempotencyConflict,
    IllegalMove,
    IntakeFailed,
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
    WrongStatus,
)
from orchestrator.domain.line_problem import LineProblem
from orchestrator.http.faults import FaultsAnswered, message_for_caller
from orchestrator.http.uploads import is_upload
from orchestrator.http.web_context import record_refused_change
from orchestrator.inventory.device_history import UnknownDevice
from orchestrator.telemetry.logger import get_logger
from orchestrator.web.addresses import query
from orchestrator.web.page_words import field_words, in_page_words
from orchestrator.web.pages import Pages, go_to, is_fragment
from orchestrator.web.session import SignInFirst, Visitor, visitor_of
from orchestrator.web.shown import SHOWN_FIELD, fields_sent, shown_text
from orchestrator.web.typed import TYPED_FIELD, TYPED_FOR_FIELD, Untyped

log = get_logger(__name__)


def explain_problems(web: FastAPI, pages: Pages) -> None:
    """Adds a page for each error of the dashboard."""
    problems = _Problems(pages)
    for kind, explain in (
        (Untyped, problems.untyped),
        (ConfirmationOutdated, problems.outdated),
        (ListNeeded, problems.needed),
        (SignInTooOld, _sign_in_again),
        (MusterError, problems.ours),
        (SignInFirst, _sign_in_first),
        (HTTPException, problems.of_http),
        (RequestValidationError, problems.of_http),
        (ClientDisconnect, problems.cut_off),
    ):
        web.add_exception_handler(kind, explain)  # type: ignore[arg-type] # each takes its own kind
    web.add_middleware(FaultsAnswered, say=problems.broken)


class _Problems:
    """The pages that say what is wrong, by the kind of problem."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def ours(self, request: Request, problem: MusterError) -> Response:
        """The page for an error that a use case raised on purpose."""
        visitor: Visitor | None = getattr(request.state, "visitor", None)
        if isinstance(problem, NotPermitted) and visitor is not None:
            await record_refused_change(request, request.app.state.served, visitor.actor, problem)
        status = next((each for kind, each in _STATUSES if isinstance(problem, kind)), HTTPStatus.UNPROCESSABLE_ENTITY)
        said = _message(problem, status)
        lines = problem.problems if isinstance(problem, IntakeFailed) else ()
        return self._page_of(request, status, _TITLES.get(status, "That did not work"), said, lines=lines)

    async def outdated(self, request: Request, problem: ConfirmationOutdated) -> Response:
        """The page for a confirmation of something that changed meanwhile; shows the present state."""
        if is_fragment(request) or is_upload(request):
            # A page cannot send a file again; the person chooses it again.
            return await self.ours(request, problem)
        return self._pages.show(
            request,
            "outdated.html",
            status=HTTPStatus.CONFLICT,
            title=_CHANGED if problem.shown else _UNSAID,
            detail=str(problem),
            fields=[(name, value) for name, value in fields_sent(request) if name not in _CONFIRMATIONS],
            shown=shown_text(problem.now),
            now=problem.now,
            move=request.url.path.rpartition("/")[2],
        )

    async def needed(self, request: Request, problem: ListNeeded) -> Response:
        """A list that schedules need: names them, and offers the removal by force as a second, explicit choice."""
        return self._pages.show(
            request,
            "list_needed.html",
            status=HTTPStatus.CONFLICT,
            name=problem.name,
            schedules=problem.schedules,
            fields=[(name, value) for name, value in fields_sent(request) if name != "force"],
        )

    async def untyped(self, request: Request, problem: Untyped) -> Response:
        """So many devices that their number is typed first."""
        facts: dict[str, Any] = {"action": problem.action, "count": problem.count, "token": problem.token}
        if is_fragment(request):
            return self._pages.show(request, "untyped_part.html", **facts)
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        return self._pages.show(request, "untyped.html", status=status, fields=problem.fields, **facts)

    async def of_http(self, request: Request, problem: Exception) -> Response:
        """The page for a refusal of the framework: no such page, or a field that does not fit."""
        status = problem.status_code if isinstance(problem, HTTPException) else HTTPStatus.UNPROCESSABLE_ENTITY
        if status == HTTPStatus.NOT_FOUND:
            nowhere = "The address may be mistyped, or the page has moved."
            # No route asked who it is, and a page without its menu leads nowhere.
            request.state.visitor = await visitor_of(request, request.app.state.served)
            return self._page_of(request, status, "There is no such page", nowhere)
        said = problem.detail if isinstance(problem, HTTPException) else _what_is_wrong(problem)
        return self._page_of(request, status, "That did not work", said)

    async def cut_off(self, request: Request, _: Exception) -> Response:
        """The browser went away in the middle of an upload."""
        said = "The upload was cut off; nothing was stored."
        return self._page_of(request, HTTPStatus.BAD_REQUEST, "That did not work", said)

    def broken(self, request: Request, where: str) -> Response:
        """A fault of Muster itself."""
        return self._page_of(request, HTTPStatus.INTERNAL_SERVER_ERROR, "This is a fault of Muster", where)

    def _page_of(
        self, request: Request, status: int, title: str, detail: str, *, lines: Sequence[LineProblem] = ()
    ) -> Response:
        template = "notice.html" if is_fragment(request) else "problem.html"
        # htmx swaps only what went well; a fragment that says what is wrong is meant to be seen.
        shown = HTTPStatus.OK if is_fragment(request) else status
        bad = {"lines": lines[:_LINES_SHOWN], "unshown": max(0, len(lines) - _LINES_SHOWN)}
        return self._pages.show(request, template, status=shown, title=title, detail=detail, code=status, **bad)


def _page_of(request: Request) -> str:
    """The page that the reader sees, not the part of it that asked, nor the address that its form is sent to."""
    if is_fragment(request):
        page = urlsplit(request.headers.get("hx-current-url", ""))
    elif request.method == "GET":
        page = urlsplit(str(request.url))
    else:
        page = urlsplit(request.headers.get("referer", ""))
    path = page.path or "/"
    return f"{path}?{page.query}" if page.query else path


async def _sign_in_again(request: Request, _: SignInTooOld) -> Response:
    return go_to(request, "/sign-in/again?to=/keys")


async def _sign_in_first(request: Request, _: Exception) -> Response:
    there = _page_of(request)
    has_lost_form = request.method == "POST" and not is_fragment(request)
    where = f"/sign-in{query(to=there if there != '/' else None, said='ended' if has_lost_form else None)}"
    if request.headers.get("accept") == "text/event-stream":
        # A browser would follow, find no events there, and never say so to the page.
        return Response("event: leave\ndata: leave\n\n", media_type="text/event-stream")
    if is_fragment(request):
        return Response(headers={"HX-Redirect": where})
    return RedirectResponse(where, HTTPStatus.SEE_OTHER)


def _message(problem: Exception, status: int) -> str:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("request.failed", status=status, reason=str(problem))
    return _USED if isinstance(problem, IdempotencyConflict) else in_page_words(message_for_caller(problem))


def _what_is_wrong(problem: Exception) -> str:
    if not isinstance(problem, RequestValidationError):
        return str(problem)
    return "; ".join(f"{field_words(str(each['loc'][-1]))}: {each['msg']}" for each in problem.errors())


_LINES_SHOWN = 200
_CHANGED = "It has changed since you looked"
_UNSAID = "Look at it first"
_CONFIRMATIONS = frozenset({SHOWN_FIELD, TYPED_FIELD, TYPED_FOR_FIELD, "lists"})
"""Fields that confirm something else than what is shown now."""
_USED = "This form was sent before, filled in otherwise. Load the page again to send another one."
_TITLES = {
    HTTPStatus.FORBIDDEN: "You may not do this",
    HTTPStatus.NOT_FOUND: "Not found",
    HTTPStatus.CONFLICT: "Not possible now",
    HTTPStatus.SERVICE_UNAVAILABLE: "A service that Muster needs does not answer",
}
_STATUSES: tuple[tuple[type[MusterError], HTTPStatus], ...] = (
    (NotPermitted, HTTPStatus.FORBIDDEN),
    (ConfirmationOutdated, HTTPStatus.CONFLICT),
    (UnknownDevice, HTTPStatus.NOT_FOUND),
    (UnknownJob, HTTPStatus.NOT_FOUND),
    (UnknownKey, HTTPStatus.NOT_FOUND),
    (UnknownSession, HTTPStatus.NOT_FOUND),
    (ListNeeded, HTTPStatus.CONFLICT),
    (UnknownSchedule, HTTPStatus.NOT_FOUND),
    (UnknownList, HTTPStatus.NOT_FOUND),
    (StillRunning, HTTPStatus.CONFLICT),
    (EmergencyStopped, HTTPStatus.CONFLICT),
    (IllegalMove, HTTPStatus.CONFLICT),
    (WrongStatus, HTTPStatus.CONFLICT),
    (TryLater, HTTPStatus.SERVICE_UNAVAILABLE),
)
