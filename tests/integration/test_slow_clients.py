"""Clients that are slow on purpose, and more connections than the bound, over raw sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from orchestrator.http.connection_bounds import LIVENESS, RESERVED, ConnectionBounds, bounded_protocol
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.enable_socket

LONG = PATIENCE
"""Seconds of a bound that the test is not about."""

GET = b"GET / HTTP/1.1\r\nhost: here\r\n\r\n"
HALF_A_BODY = b"POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 10\r\n\r\nhalf"


@dataclass
class Application:
    """Reads the whole body and answers; a request for `/stream` is answered in two pieces, the last when `may_end`."""

    may_end: asyncio.Event = field(default_factory=asyncio.Event)
    received: list[dict[str, Any]] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        while True:
            message = dict(await receive())
            self.received.append(message)
            if message["type"] == "http.disconnect":
                return
            if not message["more_body"]:
                break
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        if scope["path"] == "/stream":
            await send({"type": "http.response.body", "body": b"first ", "more_body": True})
            await self.may_end.wait()
        await send({"type": "http.response.body", "body": b"last"})


class Client:
    """One TCP connection to the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def rest(self) -> bytes:
        """All that arrives until the server has closed the connection; a reset ends it too."""
        received = b""
        async with asyncio.timeout(PATIENCE):
            try:
                while piece := await self.reader.read(65536):
                    received += piece
            except ConnectionResetError:
                pass
        return received

    async def until(self, end: bytes) -> bytes:
        async with asyncio.timeout(PATIENCE):
            return await self.reader.readuntil(end)


@dataclass
class Serving:
    """A server under test."""

    app: Application
    port: int
    clients: list[Client] = field(default_factory=list)

    async def client(self, first: bytes = b"") -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port))
        self.clients.append(client)
        client.send(first)
        return client


class Server(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()


@asynccontextmanager
async def a_server(bounds: ConnectionBounds) -> AsyncIterator[Serving]:
    app = Application()
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, http=bounded_protocol(bounds), ws="none", lifespan="off", log_config=None
    )
    server = Server(config)
    running = asyncio.create_task(server._serve())
    async with asyncio.timeout(PATIENCE):
        await server.is_up.wait()
    serving = Serving(app, server.servers[0].sockets[0].getsockname()[1])
    try:
        yield serving
    finally:
        app.may_end.set()
        for client in serving.clients:
            client.writer.close()
        server.should_exit = True
        await running


@pytest.mark.parametrize(
    ("sent", "status"),
    [(b"", b""), (b"GET / HTTP/1.1\r\nhost: he", b"HTTP/1.1 408")],
    ids=["nothing", "half a head"],
)
async def test_headers_that_do_not_come_close_the_connection(sent: bytes, status: bytes) -> None:
    async with a_server(ConnectionBounds(0.05, LONG)) as serving:
        client = await serving.client(sent)
        answer = await client.rest()

    assert answer[:12] == status
    assert serving.app.received == []


async def test_a_byte_now_and_then_does_not_extend_the_time_for_headers() -> None:
    async with a_server(ConnectionBounds(0.05, LONG)) as serving:
        client = await serving.client(b"GET / HTTP/1.1\r\nx: ")
        closed = asyncio.create_task(client.rest())
        while not closed.done():
            client.send(b"y")
            await asyncio.wait({closed}, timeout=0.01)
        await closed

    assert serving.app.received == []


async def test_a_body_that_stops_is_answered_408_and_the_application_sees_the_client_gone() -> None:
    async with a_server(ConnectionBounds(LONG, 0.05)) as serving:
        client = await serving.client(HALF_A_BODY)
        answer = await client.rest()

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"nothing was stored" in answer
    assert serving.app.received[-1] == {"type": "http.disconnect"}


async def test_an_event_stream_outlives_both_bounds() -> None:
    async with a_server(ConnectionBounds(LONG, 0.05)) as serving:
        stream = await serving.client(GET.replace(b" / ", b" /stream "))
        await stream.until(b"first ")
        # The slow connection is younger than the stream: once it is closed, the bound has passed for the stream too.
        slow = await serving.client(HALF_A_BODY)
        await slow.rest()
        serving.app.may_end.set()

        assert b"last" in await stream.until(b"last")


async def test_one_connection_too_many_is_refused_and_liveness_is_not() -> None:
    async with a_server(ConnectionBounds(LONG, LONG, max_connections=2)) as serving:
        stream = await serving.client(GET.replace(b" / ", b" /stream "))
        await stream.until(b"first ")
        other = await serving.client(GET)
        await other.until(b"last")

        refused = await (await serving.client(GET)).rest()
        alive = await (await serving.client(GET.replace(b" / ", f" {LIVENESS} ".encode()))).rest()

        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"MUSTER_MAX_CONNECTIONS" in refused
        assert alive.startswith(b"HTTP/1.1 200 ")
        assert b"connection: close" in alive

        # The older connections still work, and a connection that ends makes room for a new one.
        other.send(GET.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
        assert b"200 OK" in await other.rest()
        assert b"200 OK" in await (await serving.client(GET)).until(b"last")


async def test_above_the_reserve_a_connection_is_refused_before_it_says_anything() -> None:
    async with a_server(ConnectionBounds(LONG, LONG, max_connections=1, reserved_timeout=LONG)) as serving:
        silent = [await serving.client() for _ in range(1 + RESERVED)]
        last = await serving.client()

        assert (await last.rest()).startswith(b"HTTP/1.1 503 ")
        silent[0].send(GET)
        assert b"200 OK" in await silent[0].until(b"last")


async def test_a_silent_connection_above_the_bound_is_closed_sooner() -> None:
    async with a_server(ConnectionBounds(LONG, LONG, max_connections=1, reserved_timeout=0.05)) as serving:
        first, above = await serving.client(), await serving.client()

        assert await above.rest() == b""
        first.send(GET)
        assert b"200 OK" in await first.until(b"last")
