"""One event loop, one App and one driver for the life of a worker process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

from orchestrator.app import App
from orchestrator.bootstrap import open_app
from orchestrator.domain.batch import NamedBatch
from orchestrator.engine.batch_messages import Ending
from orchestrator.engine.driver import Driver, open_driver
from orchestrator.engine.stop import StopSignal
from orchestrator.settings import Settings
from orchestrator.store.work.fair_queue import DueJob
from orchestrator.telemetry.logger import get_logger
from orchestrator.telemetry.traces import TRACE_HEADERS, continued
from workers.prefetch import PREFETCH
from workers.watchdog import Watchdog

log = get_logger(__name__)
T = TypeVar("T")

PATIENCE = 6.5
"""Seconds that answers on their way are waited for: ten are what everything together may take until it is gone."""

_PUBLISHING = 0.25
"""Seconds between two looks for batches that the driver chose by itself, and that no message names yet."""


class ProcessLoop:
    """The event loop of one process; tasks on other threads wait for work on it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="loop", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], patience: float | None = None) -> T:
        """Wait for work on the loop, from any other thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(patience)

    def begin(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Start work on the loop, from any other thread, and do not wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self) -> None:
        """End the loop and its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)


class WorkerProcess:
    """The driver of one worker: after `start` it claims and calls, by itself and at once with every message."""

    def __init__(self) -> None:
        self._loop: ProcessLoop | None = None
        self._driver: Driver | None = None
        self._stop: StopSignal | None = None
        self._living: asyncio.Task[None] | None = None

    def start(self, settings: Settings, serves: Callable[[DueJob], bool] | None = None) -> None:
        """Open everything; an error here ends the worker with its message. `serves` says which jobs it works on."""
        self._loop = ProcessLoop()
        self._loop.run(self._begin(settings, serves))

    @property
    def held(self) -> int:
        """The batches that this process holds."""
        return 0 if self._driver is None else self._driver.messages.held

    def begin_batch(
        self, batch: NamedBatch, headers: Mapping[str, Any], started: Callable[[], None], ended: Callable[[str], None]
    ) -> None:
        """Take in a message about a batch, and do not wait.

        `started` is called once this process holds the batch, `ended` when the message is over, both on another thread.
        """
        if self._loop is None or self._driver is None:
            ended(Ending.NOT_HELD)
            return
        running = self._loop.begin(self._run_batch(self._driver, batch, headers, started))
        running.add_done_callback(lambda done: ended(_ending_of(done)))

    def run_batch(self, batch: NamedBatch, headers: Mapping[str, Any]) -> str:
        """Take in a message about a batch, from a task's own thread; returns when the message is over."""
        if self._loop is None or self._driver is None:
            return Ending.NOT_HELD
        return self._loop.run(self._run_batch(self._driver, batch, headers, lambda: None))

    def look(self) -> None:
        """Makes the driver look for work; returns at once."""
        if self._loop is not None and self._driver is not None:
            self._loop.begin(self._wake(self._driver))

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

    async def _begin(self, settings: Settings, serves: Callable[[DueJob], bool] | None) -> None:
        self._stop = StopSignal()
        ready: asyncio.Future[Driver] = asyncio.get_running_loop().create_future()
        self._living = asyncio.create_task(self._live(settings, self._stop, ready, serves))
        self._living.add_done_callback(lambda _: ready.cancel())
        try:
            self._driver = await ready
        except asyncio.CancelledError:
            # The process ended before it was ready: the task raises the reason.
            await self._living
            raise

    async def _live(
        self,
        settings: Settings,
        stop: StopSignal,
        ready: asyncio.Future[Driver],
        serves: Callable[[DueJob], bool] | None,
    ) -> None:
        async with (
            open_app(settings, kind="worker") as app,
            open_driver(app, stop, patience=PATIENCE, serves=serves) as driver,
        ):
            log.info("worker.ready", worker=app.worker)
            ready.set_result(driver)
            watchdog = Watchdog(lambda: driver.look_count)
            publishing = asyncio.create_task(_publish_unnamed(app, driver), name="publishing")
            await stop.wait()
            publishing.cancel()
            watchdog.close()
        log.info("worker.ended", worker=app.worker)

    async def _run_batch(
        self, driver: Driver, batch: NamedBatch, headers: Mapping[str, Any], started: Callable[[], None]
    ) -> str:
        carried = {name: value for name in TRACE_HEADERS if (value := headers.get(name))}
        with continued("run_batch", carried):
            return await driver.messages.run(batch, started)

    async def _wake(self, driver: Driver) -> None:
        driver.wake()

    async def _ask_to_stop(self) -> None:
        if self._stop is not None:
            self._stop.request()

    async def _end(self) -> None:
        if self._living is not None:
            await self._living


def _ending_of(done: Future[str]) -> str:
    """How a message ended; one that broke must end too, or no other would be read (workers/prefetch.py)."""
    problem = None if done.cancelled() else done.exception()
    if problem is not None:
        log.error("message.broke", exc_info=problem)
    return Ending.NOT_HELD if done.cancelled() or problem is not None else done.result()


async def _publish_unnamed(app: App, driver: Driver) -> None:
    while True:
        await app.clock.sleep(_PUBLISHING)
        if unnamed := driver.messages.pop_unnamed():
            await app.queue.publish_to(PREFETCH.own_queue, unnamed)
            PREFETCH.expect_own()


PROCESS = WorkerProcess()
"""The one of this process: Celery makes its parts from their names, and can hand them nothing."""
