"""A way between a process and what it needs that can be cut, frozen and mended."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from tests.support.waiting import PATIENCE


@dataclass(slots=True)
class TcpProxy:
    """Passes bytes on as long as nobody says otherwise; to be told from another thread."""

    host: str
    port: int
    loop: asyncio.AbstractEventLoop
    listening_on: int = 0
    _is_cut: bool = False
    _flows: asyncio.Event = field(default_factory=asyncio.Event)
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    def cut(self) -> None:
        """Reset every connection, and take no new one."""
        self._do(self._cut)

    def freeze(self) -> None:
        """Take connections and bytes, and pass nothing on: a firewall that drops."""
        self._do(self._flows.clear)

    def reset(self) -> None:
        """Reset every connection; new ones are welcome."""
        self._do(self._reset)

    def mend(self) -> None:
        """Pass everything on again."""
        self._do(self._mend)

    def url(self, behind: str) -> str:
        """The URL of a service, by way of this proxy."""
        parts = urlsplit(behind)
        account, at, _ = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=f"{account}{at}127.0.0.1:{self.listening_on}"))

    async def serve(self, stop: asyncio.Event, ready: threading.Event) -> None:
        """Until told to stop."""
        self._flows.set()
        server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        self.listening_on = server.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        server.close()
        self._reset()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            if self._is_cut:
                return
            behind_reader, behind_writer = await asyncio.open_connection(self.host, self.port)
            self._open.add(behind_writer)
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._flow(reader, behind_writer))
                    both.create_task(self._flow(behind_reader, writer))
            finally:
                self._abort(behind_writer)
        except (OSError, ExceptionGroup):
            return
        finally:
            self._abort(writer)

    async def _flow(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await self._flows.wait()
            writer.write(data)
            await writer.drain()
        # The other direction ends with this one: half-open connections are not what this is for.
        raise ConnectionResetError

    def _abort(self, writer: asyncio.StreamWriter) -> None:
        self._open.discard(writer)
        with suppress(RuntimeError):
            writer.transport.abort()

    def _reset(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()

    def _cut(self) -> None:
        self._is_cut = True
        self._reset()

    def _mend(self) -> None:
        self._is_cut = False
        self._flows.set()

    def _do(self, change: object) -> None:
        self.loop.call_soon_threadsafe(change)  # type: ignore[arg-type] # one of the methods above


@contextmanager
def open_proxy(url: str) -> Iterator[TcpProxy]:
    """A proxy before the service at this URL, on a thread of its own."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    loop = asyncio.new_event_loop()
    proxy, ready = TcpProxy(parts.hostname, parts.port, loop), threading.Event()
    stop = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(proxy.serve(stop, ready)), daemon=True)
    thread.start()
    assert ready.wait(PATIENCE)
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(PATIENCE)
        _end(loop)


def _end(loop: asyncio.AbstractEventLoop) -> None:
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    loop.close()


@asynccontextmanager
async def a_proxy(answer: bytes) -> AsyncIterator[str]:
    """A proxy that gives this answer to whatever it is asked."""

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(say, "127.0.0.1", 0) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
