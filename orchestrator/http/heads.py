"""HEAD is GET without its body, wherever GET is."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_DOORS = "/sign-in/"
"""Below it a GET opens a session: a HEAD must not use up the link."""


class HeadsAnswered:
    """Asks as GET would, and drops the answer once it has begun, because a stream may have no end."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD" or scope["path"].startswith(_DOORS):
            await self._app(scope, receive, send)
            return
        has_begun = False
        inner = {**scope, "method": "GET"}

        async def send_head(message: Message) -> None:
            nonlocal has_begun
            if message["type"] != "http.response.start":
                return
            has_begun = True
            # For the metrics, which count answers by route.
            scope.update({name: inner[name] for name in ("route", "fault") if name in inner})
            await send(message)
            await send({"type": "http.response.body"})
            asking.cancel()

        asking = asyncio.ensure_future(self._app(inner, receive, send_head))
        try:
            await asking
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not has_begun or (task is not None and task.cancelling()):
                raise
