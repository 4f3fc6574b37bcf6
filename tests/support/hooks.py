"""A server that is told things, and refuses, hangs or lies on request: raw bytes, because no library lies so well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
REFUSES = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\nretry-after: 120\r\n\r\nbusy"
GONE = b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n"
REDIRECTS = b"HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:1/elsewhere\r\ncontent-length: 0\r\n\r\n"
NO_HTTP = b"SSH-2.0-OpenSSH_9.6\r\n"
PROMISES_MORE = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nok"
OLD_CONNECTOR = (
    b"HTTP/1.1 200 OK\r\ncontent-length: 63\r\n\r\nWebhook message delivery failed with error: HTTP error 429 today"
)
HANGS: bytes | None = None
ENDLESS = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
"""Followed by chunks for as long as anybody reads."""


@dataclass(frozen=True, slots=True)
class Told:
    """One request as it came."""

    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Hook:
    """What the server was told, and where it is."""

    url: str = ""
    told: list[Told] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Ends every answer that hangs."""


@asynccontextmanager
async def a_hook(answer: Callable[[int], bytes | None]) -> AsyncIterator[Hook]:
    """A server on a free port that gives the n-th request (from 1) this answer, None for none at all."""
    hook = Hook()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
            original = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            hook.told.append(Told({name.lower(): value for name, value in original.items()}, body))
            given = answer(len(hook.told))
            if given is None:
                await hook.ended.wait()
                return
            writer.write(given)
            while given == ENDLESS:
                writer.write(b"8\r\nand on, \r\n")
                await writer.drain()
                await asyncio.sleep(0)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
        hook.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook?sig=hunter2"
        yield hook
        hook.ended.set()
        server.close()
