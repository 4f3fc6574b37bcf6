"""One event loop, one App and one driver for the life of a worker process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from orchestrator.bootstrap import open_app
from orchestrator.engine.driver import Driver, open_driver
from orchestrator.engine.stop import StopSignal
from orchestrator.settings import Settings
from orchestrator.telemetry.logger import get_logger
from workers.watchdog import Watchdog

log = get_logger(__name__)
T = TypeVar("T")

PATIENCE = 6.5
"""Seconds that answers on their way are waited for: ten are what everything together may take until it is gone."""

LONGEST_WORK = 20.0
"""Seconds that one message keeps its thread while there is work; the driver goes on without it."""


class ProcessLoop:
    """The event loop of one process; tasks on other threads wait for work on it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="loop", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], patience: float | None = None) -> T:
        """Wait for work on the loop, from any other thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(patience)

    def close(self) -> None:
        """End the loop and its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)


class WorkerProcess:
    """Nothing until `start`; then the driver claims and calls, by itself and whenever a bell rings."""

    def __init__(self) -> None:
        self._loop: ProcessLoop | None = None
        self._driver: Driver | None = None
        self._stop: StopSignal | None = None
        self._living: asyncio.Task[None] | None = None

    def start(self, settings: Settings) -> None:
        """Open everything; an error here ends the worker with its message."""
        self._loop = ProcessLoop()
        self._loop.run(self._begin(settings))

    def work(self) -> None:
        """Look for work now, and stay while there is any."""
        if self._loop is not None and self._driver is not None:
            self._loop.run(self._until_idle(self._driver))

    def stop(self) -> None:
        """No new call leaves from here on; returns at once."""
        if self._loop is not None:
            self._loop.run(self._ask_to_stop())

    def close(self) -> None:
        """Wait for the answers on their way, write everything down, and let go."""
        if self._loop is not None:
            self.stop()
            self._loop.run(self._end(), PATIENCE * 3)
            self._loop.close()
            self._loop = None

    async def _begin(self, settings: Settings) -> None:
        self._stop = StopSignal()
        ready: asyncio.Future[Driver] = asyncio.get_running_loop().create_future()
        self._living = asyncio.create_task(self._live(settings, self._stop, ready))
        self._living.add_done_callback(lambda _: ready.cancel())
        try:
            self._driver = await ready
        except asyncio.CancelledError:
            # It ended before it was ready: say why.
            await self._living
            raise

    async def _live(self, settings: Settings, stop: StopSignal, ready: asyncio.Future[Driver]) -> None:
        async with open_app(settings, kind="worker") as app, open_driver(app, stop, patience=PATIENCE) as driver:
            log.info("worker.ready", worker=app.worker)
            ready.set_result(driver)
            watchdog = Watchdog(lambda: driver.look_count)
            await stop.wait()
            watchdog.close()
        log.info("worker.ended", worker=app.worker)

    async def _until_idle(self, driver: Driver) -> None:
        driver.wake()
        await driver.idle(LONGEST_WORK)

    async def _ask_to_stop(self) -> None:
        if self._stop is not None:
            self._stop.request()

    async def _end(self) -> None:
        if self._living is not None:
            await self._living
