"""Which timer runs in which state of a connection; time is moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from orchestrator.http.connection_bounds import ConnectionBounds, bounded_protocol

HEAD = b"POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 200000\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nhost: here\r\n\r\n"


@dataclass
class Timer:
    seconds: float
    act: Callable[[], None]
    is_cancelled: bool = False

    def cancel(self) -> None:
        self.is_cancelled = True


class Loop:
    """The running loop, but for its timers, which a test lets go off."""

    def __init__(self) -> None:
        self.timers: list[Timer] = []
        self.create_task = asyncio.get_running_loop().create_task

    def time(self) -> float:
        return 0.0

    def call_later(self, seconds: float, act: Callable[[], None]) -> Timer:
        self.timers.append(Timer(seconds, act))
        return self.timers[-1]

    def running(self) -> list[float]:
        return [timer.seconds for timer in self.timers if not timer.is_cancelled]

    def go_off(self) -> None:
        (timer,) = [timer for timer in self.timers if not timer.is_cancelled]
        timer.is_cancelled = True
        timer.act()


class Transport:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.written = b""
        self.is_closed = False

    def get_extra_info(self, _: str) -> None:
        return None

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.is_closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.is_closed

    def pause_reading(self) -> None:
        pass

    resume_reading = pause_reading


class Application:
    """Answers each request once it is let."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()

    async def __call__(self, _: Scope, __: Receive, send: Send) -> None:
        await self.may_answer.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


def a_connection(app: Application) -> tuple[Any, Loop, Transport]:
    bounds = ConnectionBounds(header_timeout=10, body_timeout=60)
    config = uvicorn.Config(app, ws="none", log_config=None, timeout_keep_alive=5)
    loop, transport = Loop(), Transport()
    protocol_of_uvicorn: Any = bounded_protocol(bounds)
    protocol = protocol_of_uvicorn(config=config, server_state=ServerState(), app_state={}, _loop=loop)
    protocol.connection_made(transport)
    return protocol, loop, transport


async def answered(protocol: Any) -> None:
    """Return once the request in hand has its answer."""
    await asyncio.gather(*protocol.tasks)


async def test_each_state_of_a_connection_has_one_timer_and_an_answer_in_the_making_has_none() -> None:
    app = Application()
    protocol, loop, _ = a_connection(app)
    assert loop.running() == [10]

    protocol.data_received(GET)
    assert loop.running() == []

    app.may_answer.set()
    await answered(protocol)
    assert loop.running() == [5]  # uvicorn's, between two requests

    protocol.data_received(GET[:20])
    assert loop.running() == [10]
    started = len(loop.timers)
    protocol.data_received(GET[20:25])
    assert len(loop.timers) == started

    loop.go_off()
    assert protocol.transport.written.endswith(b"}")
    assert b"408" in protocol.transport.written
    assert protocol.transport.is_closed


async def test_a_body_that_the_application_does_not_take_is_not_late() -> None:
    protocol, loop, transport = a_connection(Application())
    protocol.data_received(HEAD + bytes(100_000))  # more than uvicorn takes ahead of the application
    assert loop.running() == [60]

    loop.go_off()
    assert (loop.running(), transport.is_closed) == ([60], False)

    await protocol.cycle.receive()
    loop.go_off()
    assert transport.is_closed
    assert transport.written.startswith(b"HTTP/1.1 408 ")


async def test_a_body_that_stops_after_its_answer_began_closes_the_connection_without_another_answer() -> None:
    app = Application()
    protocol, loop, transport = a_connection(app)
    protocol.data_received(HEAD + b"some")
    app.may_answer.set()
    await answered(protocol)

    protocol.data_received(b"more")
    loop.go_off()

    assert transport.is_closed
    assert transport.written.count(b"HTTP/1.1") == 1
