"""Bounds on slow clients and on the number of connections, kept by the HTTP protocol of `muster serve`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

import h11
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from orchestrator.telemetry.logger import get_logger

log = get_logger(__name__)

LIVENESS = "/api/health/live"
RESERVED = 20
"""Connections above the bound that may still send one request, so that a full process is not taken for a dead one."""

_SECONDS_BETWEEN_WARNINGS = 60.0
_HEADERS_LATE = "The headers of the request did not arrive in time, so the connection was closed."
_BODY_LATE = "The body of the request stopped arriving, so the connection was closed and nothing was stored."
_FULL = "Muster serves as many connections as it may (MUSTER_MAX_CONNECTIONS). Try again in some seconds."


@dataclass(frozen=True, slots=True)
class ConnectionBounds:
    """Seconds for the headers of a request, seconds without a byte of a body, and connections at once.

    `reserved_timeout` is the seconds for the headers on a connection above the bound.
    """

    header_timeout: float = 10
    body_timeout: float = 60
    max_connections: int = 500
    reserved_timeout: float = 2


def bounded_protocol(bounds: ConnectionBounds) -> type[asyncio.Protocol]:
    """The HTTP protocol class for uvicorn (`http=`) that keeps these bounds.

    A keep-alive connection between two requests is left to uvicorn's `timeout_keep_alive`. A response has no bound, so
    event streams go on.
    """
    return type("BoundedConnection", (_BoundedConnection,), {"bounds": bounds})


class _BoundedConnection(H11Protocol):
    """One connection: uvicorn's HTTP/1.1, with one timer for the part of the request that is awaited."""

    bounds: ConnectionBounds
    warned_at = float("-inf")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._timer: asyncio.TimerHandle | None = None
        self._awaits_headers = False
        self._header_timeout = self.bounds.header_timeout

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Start the time for the headers; above the bound, take one request at most and answer liveness alone."""
        super().connection_made(transport)
        surplus = len(self.connections) - self.bounds.max_connections
        if surplus > 0:
            self._warn()
            self.app = cast("Any", _LivenessOnly(cast("ASGIApp", self.app)))
            self._header_timeout = min(self._header_timeout, self.bounds.reserved_timeout)
        if surplus > RESERVED:
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, _FULL)
            return
        self._await_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer with the connection."""
        self._stop_timer()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Take what arrived, then start or stop the timer by the part of the request that is awaited now."""
        super().handle_events()
        if self.transport.is_closing():
            self._stop_timer()
        elif self.conn.their_state is h11.SEND_BODY:
            self._await_body()
        elif self.conn.their_state is h11.IDLE and self.timeout_keep_alive_task is None:
            self._await_headers()
        else:
            self._stop_timer()

    def _await_headers(self) -> None:
        # The time is that of all headers: a byte now and then does not start it again.
        if not self._awaits_headers:
            self._start_timer(self._header_timeout, self._headers_are_late)
            self._awaits_headers = True

    def _await_body(self) -> None:
        self._start_timer(self.bounds.body_timeout, self._body_is_late)

    def _start_timer(self, seconds: float, act: Callable[[], None]) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(seconds, act)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._awaits_headers = None, False

    def _headers_are_late(self) -> None:
        has_begun = bool(self.conn.trailing_data[0])
        self._stop_timer()
        log.info("connection.too_slow", awaited="headers")
        if has_begun:
            self._answer(HTTPStatus.REQUEST_TIMEOUT, _HEADERS_LATE)
        else:
            # Browsers open connections ahead of use, and would show an answer to a request that they did not send.
            self.transport.close()

    def _body_is_late(self) -> None:
        if self.flow.read_paused or self.cycle.waiting_for_100_continue:
            # The application has not asked for more yet, so the client is not the slow one.
            self._await_body()
            return
        self._stop_timer()
        log.info("connection.too_slow", awaited="body")
        self.cycle.disconnected = True
        self.cycle.message_event.set()
        if self.conn.our_state is h11.SEND_RESPONSE:
            self._answer(HTTPStatus.REQUEST_TIMEOUT, _BODY_LATE)
        else:
            # A response has begun, so no other can be sent; closing gently would wait for a client that may not read.
            self.transport.abort()

    def _answer(self, status: HTTPStatus, detail: str) -> None:
        """Send an answer that no application made, and close the connection."""
        headers, body = _problem(status, detail)
        for event in (
            h11.Response(status_code=status, headers=headers, reason=status.phrase.encode()),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _warn(self) -> None:
        now, kind = self.loop.time(), type(self)
        if now - kind.warned_at >= _SECONDS_BETWEEN_WARNINGS:
            kind.warned_at = now
            log.warning("connections.full", max_connections=self.bounds.max_connections)


class _LivenessOnly:
    """Answers 503 to every request but the one for liveness, and closes the connection after either."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request of a connection above the bound."""
        if scope["path"] != LIVENESS:
            headers, body = _problem(HTTPStatus.SERVICE_UNAVAILABLE, _FULL)
            await send({"type": "http.response.start", "status": HTTPStatus.SERVICE_UNAVAILABLE, "headers": headers})
            await send({"type": "http.response.body", "body": body})
            return

        async def send_and_close(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), _CLOSE]}
            await send(message)

        await self._app(scope, receive, send_and_close)


_CLOSE = (b"connection", b"close")


def _problem(status: HTTPStatus, detail: str) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Headers and body of a problem document, as the API has them."""
    document = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail}
    body = json.dumps(document).encode()
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        _CLOSE,
    ]
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append((b"retry-after", b"5"))
    return headers, body
