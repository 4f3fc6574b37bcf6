"""One request and its reply over ASGI: reading it, waiting, answering, hanging up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
RawHeaders = list[tuple[bytes, bytes]]

HANG_UP = "muster.hang_up"  # the ASGI extension under which our server offers to cut the connection
_MOST_BODY = 4 * 1024 * 1024  # Graph takes 4 MB: https://learn.microsoft.com/graph/best-practices-concept
_PIECE = 64 * 1024


class CallerLeft(Exception):
    """The caller closed the connection before its request was complete."""


class TooLong(Exception):
    """The request has more than Graph takes."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The other end of one request."""

    scope: Scope
    receive: Receive
    send: Send

    def header(self, name: bytes) -> str:
        """The text of a request header, or nothing."""
        for each, text in self.scope["headers"]:
            if each == name:
                return str(text, "latin-1")
        return ""


async def read_body(caller: Caller) -> bytes:
    """The whole body of the request."""
    message = await caller.receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body", False):
        message = await caller.receive()
        body += message.get("body", b"")
        if len(body) > _MOST_BODY:
            raise TooLong
    if message["type"] == "http.disconnect":
        raise CallerLeft
    return body


async def respond(caller: Caller, status: int, headers: RawHeaders, body: bytes) -> None:
    """Send a whole reply."""
    if status != 204:
        headers.append((b"content-length", str(len(body)).encode()))
    await caller.send({"type": "http.response.start", "status": status, "headers": headers})
    while len(body) > _PIECE:
        await caller.send({"type": "http.response.body", "body": body[:_PIECE], "more_body": True})
        body = body[_PIECE:]
    await caller.send({"type": "http.response.body", "body": body})


async def respond_json(caller: Caller, status: int, payload: object) -> None:
    """Send JSON and nothing more."""
    await respond(caller, status, [(b"content-type", b"application/json")], json.dumps(payload).encode())


async def hang_up(caller: Caller, lost: Callable[[str], Exception]) -> None:
    """Close the connection without a word; in process, where there is none, raise what stands for it."""
    cut = caller.scope.get("extensions", {}).get(HANG_UP)
    if cut is None:
        raise lost("the simulated connection was closed without an answer")
    cut()
    await _leaving(caller)


async def caller_stays(caller: Caller, pause: Awaitable[None]) -> bool:
    """Let the pause pass; False as soon as the caller gives up waiting."""
    leaving = asyncio.ensure_future(_leaving(caller))
    pausing = asyncio.ensure_future(pause)
    try:
        await asyncio.wait({leaving, pausing}, return_when=asyncio.FIRST_COMPLETED)
        return not leaving.done()
    finally:
        leaving.cancel()
        pausing.cancel()


async def _leaving(caller: Caller) -> None:
    while (await caller.receive())["type"] != "http.disconnect":
        pass
