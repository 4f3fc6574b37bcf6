"""The web process: API and, embedded, worker and clock, under one lifespan."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import uvicorn
from fastapi import FastAPI

from orchestrator import __version__
from orchestrator.api.health import health_routes
from orchestrator.bootstrap import open_app
from orchestrator.engine.stop import StopSignal
from orchestrator.settings import Settings
from orchestrator.usecases.drive import open_driver
from orchestrator.usecases.keep_time import ticking


def make_app(settings: Settings) -> FastAPI:
    """The ASGI application of one installation."""

    @asynccontextmanager
    async def lifespan(web: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as opened:
            app = await opened.enter_async_context(open_app(settings, kind="serve"))
            driver = None
            if settings.broker_url is None:
                driver = await opened.enter_async_context(open_driver(app, StopSignal()))
                await opened.enter_async_context(ticking(app))
            web.state.muster, web.state.driver = app, driver
            yield

    web = FastAPI(title="Muster", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None)
    web.include_router(health_routes())
    return web


async def serve(settings: Settings, *, host: str, port: int) -> None:
    """Serve until told to stop; uvicorn takes Ctrl-C and SIGTERM, and the lifespan lets go of the work."""
    config = uvicorn.Config(
        make_app(settings), host=host, port=port, log_config=None, access_log=False, timeout_graceful_shutdown=10
    )
    await uvicorn.Server(config).serve()
