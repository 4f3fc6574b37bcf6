"""Share one read among all readers of the same value: fifty open pages cost the database as much as one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from typing import Generic, TypeVar
from zoneinfo import ZoneInfo

from orchestrator.app import App
from orchestrator.domain.errors import MusterError
from orchestrator.domain.job_filter import JobFilter
from orchestrator.engine.stop import StopSignal
from orchestrator.telemetry.logger import get_logger
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.jobs.describe_jobs import JobView, list_jobs, timeless
from orchestrator.usecases.jobs.describe_standing import JobStanding, describe_standing
from orchestrator.usecases.operations.describe_overview import Overview, Overviews
from orchestrator.usecases.operations.single_flight import SingleFlight

log = get_logger(__name__)

T = TypeVar("T")

EVERY = 1.0
"""Seconds between two looks at what is watched."""


class Watch:
    """The watched jobs and lanes of one process; each is read once a second, only while it has watchers."""

    def __init__(self, app: App, stop: StopSignal) -> None:
        self._app, self._stop = app, stop
        self.overviews = Overviews(app)
        self._standings = SingleFlight[JobStanding](app.clock)
        self._topics: dict[Hashable, _Topic[object]] = {}

    async def standing(self, job_id: str) -> JobStanding:
        """The job with its course and its events, as they were at most a second ago."""
        return await self._standings.get(job_id, lambda: describe_standing(self._app, job_id))

    def forget_reads(self) -> None:
        """Drops the shared reads: this process has changed something."""
        self.overviews.forget()
        self._standings.forget()

    async def close(self) -> None:
        """Ends the reads that are under way, before the database is closed."""
        await self.overviews.close()
        await self._standings.close()

    def job(self, job_id: str) -> AsyncIterator[JobView]:
        """The job now, and again whenever it has changed, until it is final or this process ends."""
        return self._follow(
            ("job", job_id),
            lambda: describe_job(self._app, job_id),
            alike=lambda one, other: timeless(one) == timeless(other),
            ends=lambda view: view.status.is_final,
        )

    def jobs(self, wanted: JobFilter, *, limit: int) -> AsyncIterator[list[JobView]]:
        """The newest jobs that fit, and again whenever one of them has changed."""
        return self._follow(
            ("jobs", wanted, limit),
            lambda: list_jobs(self._app, wanted=wanted, limit=limit),
            alike=lambda ones, others: [*map(timeless, ones)] == [*map(timeless, others)],
            ends=lambda _: False,
        )

    def overview(self, zone: ZoneInfo) -> AsyncIterator[Overview]:
        """The overview by the clock of a zone, and again whenever something of it has changed."""
        return self._follow(
            ("overview", zone.key),
            # Readers in several zones share one read, and no page is older than this.
            lambda: self.overviews.describe(zone, within=EVERY / 4),
            alike=lambda one, other: one.timeless == other.timeless,
            ends=lambda _: False,
        )

    async def _follow(
        self,
        key: Hashable,
        look: Callable[[], Awaitable[T]],
        *,
        alike: Callable[[T, T], bool],
        ends: Callable[[T], bool],
    ) -> AsyncIterator[T]:
        topic: _Topic[T] = self._topics.setdefault(key, _Topic(look, alike, self._app))  # type: ignore[arg-type, assignment] # a key names one kind of thing
        topic.enter()
        seen = 0
        try:
            while not self._stop.is_requested:
                value = await topic.newer_than(seen, self._stop)
                if value is None:
                    return
                seen = topic.version
                yield value
                if ends(value):
                    return
        finally:
            if topic.leave():
                self._topics.pop(key, None)


class _Topic(Generic[T]):
    """One watched value: its last state, and the readers that wait for the next one."""

    def __init__(self, look: Callable[[], Awaitable[T]], alike: Callable[[T, T], bool], app: App) -> None:
        self._look, self._alike, self._app = look, alike, app
        self._value: T | None = None
        self.version = 0
        self._changed = asyncio.Event()
        self._watchers = 0
        self._looking: asyncio.Task[None] | None = None

    def enter(self) -> None:
        """Counts one more watcher."""
        self._watchers += 1
        if self._looking is None:
            self._looking = asyncio.create_task(self._watch(), name="watch")

    def leave(self) -> bool:
        """Counts one watcher less; returns True where none is left."""
        self._watchers -= 1
        if self._watchers == 0 and self._looking is not None:
            self._looking.cancel()
            self._looking = None
        return self._watchers == 0

    async def newer_than(self, seen: int, stop: StopSignal) -> T | None:
        """The value once it is newer than that, None where the process ends first; a slow reader skips some."""
        while self.version <= seen and not stop.is_requested:
            waits = [asyncio.ensure_future(self._changed.wait()), asyncio.ensure_future(stop.wait())]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
        return None if self.version <= seen else self._value

    async def _watch(self) -> None:
        while True:
            try:
                value = await self._look()
            except MusterError as problem:
                # The watchers keep what they know; the next look may find the database again.
                log.warning("watch.waiting", reason=str(problem))
            except Exception:
                log.exception("watch.broke")
            else:
                self._publish(value)
            await self._app.clock.sleep(EVERY)

    def _publish(self, value: T) -> None:
        if self._value is not None and self._alike(self._value, value):
            return
        self._value = value
        self.version += 1
        self._changed.set()
        self._changed = asyncio.Event()
