"""The web process: the API, the dashboard and, embedded, worker and clock, under one lifespan."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from types import FrameType

import uvicorn
from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from orchestrator import __version__
from orchestrator.api.app import add_api, operation_id
from orchestrator.bootstrap import open_app, people_of
from orchestrator.engine.driver import open_driver
from orchestrator.engine.garbage_collection import tune_garbage_collection
from orchestrator.engine.stop import StopSignal
from orchestrator.http.connection_bounds import ConnectionBounds, bounded_protocol
from orchestrator.http.forwarded import ForwardedAddresses
from orchestrator.http.heads import HeadsAnswered
from orchestrator.http.observed import Observed
from orchestrator.http.sign_in_limits import Attempts, OneTimeLink
from orchestrator.http.web_context import WebContext
from orchestrator.inventory.background_refresh import BackgroundRefreshes
from orchestrator.settings import Settings
from orchestrator.usecases.access.known_keys import KnownKeys
from orchestrator.usecases.access.record_refusals import Refusals
from orchestrator.usecases.jobs.sample_progress import Sampler
from orchestrator.usecases.jobs.watch import Watch
from orchestrator.usecases.operations.check_health import RecentHealth
from orchestrator.usecases.operations.keep_time import ticking
from orchestrator.web.app import make_web

Ready = Callable[[OneTimeLink | None], None]


def make_app(settings: Settings, stop: StopSignal | None = None, on_ready: Ready | None = None) -> FastAPI:
    """The ASGI application of one installation; what is streamed ends once `stop` is requested."""
    stop = stop or StopSignal()
    pages = make_web(settings)

    @asynccontextmanager
    async def lifespan(web: FastAPI) -> AsyncIterator[None]:
        async with _open_context(settings, stop, on_ready) as context:
            web.state.served = pages.state.served = context
            if on_ready is not None:
                on_ready(context.link)
            yield

    web = FastAPI(
        title="Muster",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=operation_id,
    )
    add_api(web, settings)
    # Middleware that is added later wraps middleware that was added before.
    web.add_middleware(HeadsAnswered)
    web.add_middleware(Observed)
    web.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
    web.add_middleware(ProxyHeadersMiddleware, trusted_hosts=[*settings.trusted_proxies])
    web.add_middleware(ForwardedAddresses)
    web.mount("/", pages)
    return web


@asynccontextmanager
async def _open_context(settings: Settings, stop: StopSignal, on_ready: Ready | None) -> AsyncIterator[WebContext]:
    """Opens the parts that requests share, and the driver and the clock of an embedded installation."""
    async with AsyncExitStack() as opened:
        app = await opened.enter_async_context(open_app(settings, kind="serve"))
        driver = None
        if settings.broker_url is None:
            driver = await opened.enter_async_context(open_driver(app, StopSignal()))
            await opened.enter_async_context(ticking(app))
        sampler, refusals, known_keys = Sampler(app), Refusals(app), KnownKeys(app)
        await known_keys.read()
        refreshes = BackgroundRefreshes()
        opened.push_async_callback(refreshes.close)
        watch = Watch(app, stop)
        opened.push_async_callback(watch.close)
        sampling = asyncio.create_task(sampler.run(stop), name="samples")
        reading_keys = asyncio.create_task(known_keys.run(stop), name="keys")
        try:
            yield WebContext(
                app,
                settings,
                watch,
                stop,
                attempts=Attempts(app.clock),
                sampler=sampler,
                health=RecentHealth(app),
                refusals=refusals,
                known_keys=known_keys,
                driver=driver,
                link=OneTimeLink() if settings.is_embedded else None,
                people=people_of(settings, app.clock),
                announce=on_ready,
                refreshes=refreshes,
            )
        finally:
            stop.request()
            await asyncio.gather(sampling, reading_keys)
            await refusals.close()


class _Server(uvicorn.Server):
    """Ends what is streamed as soon as it is told to stop: uvicorn alone would wait for the watchers to go."""

    def __init__(self, config: uvicorn.Config, stop: StopSignal) -> None:
        super().__init__(config)
        self._stop = stop

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Ctrl-C or SIGTERM."""
        self._stop.request()
        super().handle_exit(sig, frame)


async def serve(settings: Settings, *, host: str, port: int, say: Callable[[str], None]) -> None:
    """Serve until told to stop; uvicorn takes Ctrl-C and SIGTERM, and the lifespan lets go of the work.

    `say` is told where the dashboard is.
    """
    tune_garbage_collection()
    stop = StopSignal()
    here = f"http://{f'[{host}]' if ':' in host else host}:{port}"

    def announce(link: OneTimeLink | None) -> None:
        say(here if link is None else f"{here}/sign-in/link?token={link.token}")

    config = server_config(make_app(settings, stop, announce), settings, host=host, port=port)
    await _Server(config, stop).serve()


def server_config(web: FastAPI, settings: Settings, *, host: str, port: int) -> uvicorn.Config:
    """The configuration of uvicorn for this application, with the bounds on connections that the settings name."""
    bounds = ConnectionBounds(
        header_timeout=settings.header_timeout,
        body_timeout=settings.body_timeout,
        max_connections=settings.max_connections,
    )
    return uvicorn.Config(
        web,
        host=host,
        port=port,
        http=bounded_protocol(bounds),
        ws="none",
        log_config=None,
        access_log=False,
        # The application reads them itself, once it knows what in them are addresses.
        proxy_headers=False,
        timeout_graceful_shutdown=10,
    )
