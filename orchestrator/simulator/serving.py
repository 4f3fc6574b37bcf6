"""The simulator on a port: inside a running loop, in a thread of its own, or as a whole process."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import HANDLED_SIGNALS

from orchestrator.simulator.exchange import HANG_UP, Receive, Scope, Send

Application = Callable[[Scope, Receive, Send], Any]


@dataclass(frozen=True, slots=True)
class Tls:
    """The certificate to serve with, and its key where that is in another file."""

    certificate: Path
    key: Path | None = None


class _Connection(H11Protocol):
    """Uvicorn's own HTTP, remembered by the caller's address so that a fault can cut it off."""

    open: dict[tuple[str, int], asyncio.Transport]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        if self.client is not None:
            self.open[self.client] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self.client is not None:
            self.open.pop(self.client, None)
        super().connection_lost(exc)


class _Server(uvicorn.Server):
    """A server that tells when it is ready, and leaves signals alone unless it owns the process."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None], *, owns_process: bool) -> None:
        super().__init__(config)
        self._ready, self._owns_process = ready, owns_process

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    def capture_signals(self) -> Any:
        return self._stop_on_signal() if self._owns_process else nullcontext()

    @contextmanager
    def _stop_on_signal(self) -> Iterator[None]:
        # Uvicorn raises the signal again after a clean end, which would make that end look like a failure.
        before = {each: signal.signal(each, self.handle_exit) for each in HANDLED_SIGNALS}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)


@asynccontextmanager
async def serve(
    app: Application, *, host: str = "127.0.0.1", port: int = 0, tls: Tls | None = None
) -> AsyncIterator[str]:
    """Serve in the running loop for as long as the block lasts; gives the base URL."""
    listener = _listen(host, port)
    ready = asyncio.Event()
    server = _server(app, tls, ready.set, owns_process=False)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        waiting.cancel()
        await serving  # raises what kept it from starting
        raise RuntimeError("the simulator ended before it was ready")
    try:
        yield _url(listener, host, tls)
    finally:
        server.should_exit = True
        await serving


@contextmanager
def serve_in_thread(
    app: Application, *, host: str = "127.0.0.1", port: int = 0, tls: Tls | None = None
) -> Iterator[str]:
    """Serve from a thread with a loop of its own, for callers that block; gives the base URL."""
    listener = _listen(host, port)
    ready = threading.Event()
    server = _server(app, tls, ready.set, owns_process=False)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="simulator", daemon=True)
    thread.start()
    # Only a bound for what hangs: on a busy machine a thread may wait long for its turn.
    if not ready.wait(timeout=120):
        raise RuntimeError("the simulator did not start within two minutes")
    try:
        yield _url(listener, host, tls)
    finally:
        server.should_exit = True
        thread.join(timeout=120)


def serve_process(
    app: Application, *, host: str, port: int, tls: Tls | None, ready: Callable[[str, int], None]
) -> None:
    """Serve until Ctrl-C or a request to stop; `ready` is told the base URL and the port."""
    listener = _listen(host, port)
    url, taken = _url(listener, host, tls), cast("int", listener.getsockname()[1])
    _server(app, tls, lambda: ready(url, taken), owns_process=True).run(sockets=[listener])


def _server(app: Application, tls: Tls | None, ready: Callable[[], None], *, owns_process: bool) -> _Server:
    connections: dict[tuple[str, int], asyncio.Transport] = {}
    protocol = type("Connection", (_Connection,), {"open": connections})

    async def with_hang_up(scope: Scope, receive: Receive, send: Send) -> None:
        transport = connections.get(scope.get("client"))  # type: ignore[arg-type]  # None is no key, which is meant
        if transport is not None:
            scope["extensions"] = {HANG_UP: transport.abort}
        await app(scope, receive, send)

    config = uvicorn.Config(
        cast("Any", with_hang_up),
        http=protocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        proxy_headers=False,
        server_header=False,
        date_header=False,
        access_log=False,
        log_config=None,  # uvicorn would set up logging for the whole process
        log_level="warning",
        backlog=4096,
        # A caller must never find a connection closed that it was about to use: faults close, the server does not.
        timeout_keep_alive=3600,
        timeout_graceful_shutdown=1,
        ssl_certfile=None if tls is None else str(tls.certificate),
        ssl_keyfile=None if tls is None or tls.key is None else str(tls.key),
    )
    return _Server(config, ready, owns_process=owns_process)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only where the protocol is named, and socket.create_server leaves it out: an answer with
    # a body, which uvicorn writes in two pieces, would then wait 40 ms for a delayed acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(4096)
        listener.setblocking(False)  # noqa: FBT003 - the socket module's own signature
    except OSError:
        listener.close()
        raise
    return listener


def _url(listener: socket.socket, host: str, tls: Tls | None) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"{'http' if tls is None else 'https'}://{shown}:{listener.getsockname()[1]}"
