"""The web process: the API and, embedded, worker and clock, under one lifespan."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from types import FrameType

import uvicorn
from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from orchestrator import __version__
from orchestrator.api.app import add_api, operation_id
from orchestrator.api.served import Served
from orchestrator.bootstrap import open_app
from orchestrator.engine.stop import StopSignal
from orchestrator.settings import Settings
from orchestrator.usecases.drive import open_driver
from orchestrator.usecases.watch import Watch


def make_app(settings: Settings, stop: StopSignal | None = None) -> FastAPI:
    """The ASGI application of one installation; what is streamed ends once `stop` is requested."""
    stop = stop or StopSignal()

    @asynccontextmanager
    async def lifespan(web: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as opened:
            app = await opened.enter_async_context(open_app(settings, kind="serve"))
            driver = None
            if settings.broker_url is None:
                driver = await opened.enter_async_context(open_driver(app, StopSignal()))
            web.state.served = Served(app, settings, Watch(app, stop), stop, driver)
            yield

    web = FastAPI(
        title="Muster",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=operation_id,
    )
    web.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
    add_api(web, settings)
    return web


class _Server(uvicorn.Server):
    """Ends what is streamed as soon as it is told to stop: uvicorn alone would wait for the watchers to go."""

    def __init__(self, config: uvicorn.Config, stop: StopSignal) -> None:
        super().__init__(config)
        self._stop = stop

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Ctrl-C or SIGTERM."""
        self._stop.request()
        super().handle_exit(sig, frame)


async def serve(settings: Settings, *, host: str, port: int) -> None:
    """Serve until told to stop; uvicorn takes Ctrl-C and SIGTERM, and the lifespan lets go of the work."""
    stop = StopSignal()
    config = uvicorn.Config(
        make_app(settings, stop), host=host, port=port, log_config=None, access_log=False, timeout_graceful_shutdown=10
    )
    await _Server(config, stop).serve()
