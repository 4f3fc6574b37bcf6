"""A fault of ours leaves as an answer, which those around it can count and put their headers on."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import Request, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import get_contextvars

from orchestrator.domain.errors import QueueUnavailable, StoreUnavailable
from orchestrator.telemetry.logger import get_logger

log = get_logger(__name__)


def message_for_caller(problem: Exception) -> str:
    """Returns the text of a problem for the caller.

    Of a database or a broker that is away no more than that: the caller may be a stranger, since who it is cannot be
    looked up then, and the cause names hosts and accounts. The log has the cause.
    """
    return _AWAY if isinstance(problem, StoreUnavailable | QueueUnavailable) else str(problem)


_AWAY = "Something that Muster needs is away at this moment: its database or its broker. Try again in some seconds."


class FaultsAnswered:
    """Inside of the middleware that sees every answer: the framework's own handler is outside of it."""

    def __init__(self, app: ASGIApp, say: Callable[[Request, str], Response]) -> None:
        self._app, self._say = app, say

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; an answer that had begun is broken off, so that no client takes it for the whole one."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def send_noting(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, send_noting)
        except Exception:
            log.exception("request.broke", method=scope["method"], path=scope["path"])
            # A part of a page has a status of its own for the browser; metrics count it as a fault.
            scope["fault"] = True
            if not has_begun:
                request = Request(scope, receive)
                await self._say(request, _what_to_look_for())(scope, receive, send)


def _what_to_look_for() -> str:
    request_id = get_contextvars().get("request_id")
    return "Its log says more." if request_id is None else f"Its log says more, under request_id {request_id}."
