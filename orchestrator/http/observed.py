"""Every request has an id that its logs carry, and is counted and timed by its route."""

from __future__ import annotations

import re
import secrets
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from orchestrator.http.web_context import READING, WebContext
from orchestrator.telemetry.logger import get_logger
from orchestrator.telemetry.traces import hide_query

log = get_logger(__name__)

_SANE = re.compile(r"[\w.-]{1,64}", re.ASCII)
# Browsers must not guess a type from the content of a list or a name.
_AS_IT_SAYS = (b"x-content-type-options", b"nosniff")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Observed:
    """Around the whole web process."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        parts: WebContext | None = getattr(scope["app"].state, "served", None) if "app" in scope else None
        if scope["query_string"]:
            hide_query()
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _SANE.fullmatch(given) else secrets.token_hex(8)
        began = None if parts is None else parts.app.clock.monotonic()

        async def send_observed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode()), _AS_IT_SAYS]
                if parts is not None and scope["method"] not in READING:
                    # Before the answer leaves: the page that it leads to must show the change.
                    parts.watch.forget_reads()
                if parts is not None and began is not None:
                    _measure(parts, scope, message["status"], parts.app.clock.monotonic() - began)
            await send(message)

        with bound_contextvars(request_id=request_id):
            await self._app(scope, receive, send_observed)


def _measure(parts: WebContext, scope: Scope, status: int, seconds: float) -> None:
    if "fault" in scope:
        status = HTTPStatus.INTERNAL_SERVER_ERROR
    method = scope["method"] if scope["method"] in _METHODS else "other"
    # The template and never the path: clients choose what a path holds.
    route = getattr(scope.get("route"), "path", "none")
    parts.app.metrics.http.labels(method, route, str(int(status))).observe(seconds)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("request.refused", method=method, route=route, status=status)
