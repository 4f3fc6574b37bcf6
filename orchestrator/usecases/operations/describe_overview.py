"""The first page: attention items, running jobs, next runs, and the results of the last nights."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from orchestrator.app import App
from orchestrator.domain.attention import SubjectKind
from orchestrator.domain.due import window_of
from orchestrator.domain.errors import MusterError
from orchestrator.domain.ids import JobId
from orchestrator.domain.job import Tally
from orchestrator.domain.nights import Night, begin_of_nights, last_nights
from orchestrator.domain.zones import zone_of
from orchestrator.telemetry.logger import get_logger
from orchestrator.usecases.jobs.describe_jobs import timeless
from orchestrator.usecases.operations.describe_lanes import LaneView, list_lanes
from orchestrator.usecases.operations.describe_status import StatusView, describe_status_and_lanes
from orchestrator.usecases.operations.single_flight import RECENT, SingleFlight
from orchestrator.usecases.schedules.describe_schedules import OccurrenceView, ScheduleView, preview_all

log = get_logger(__name__)

AHEAD = timedelta(hours=24)
MOST_RUNS = 48
"""Runs of one schedule that are drawn; of one that runs more often only the first is."""

_NO_TIME = datetime.min.replace(tzinfo=UTC)
_COUNTS_FOR = 30.0
_PAST_FOR = timedelta(seconds=10)
_PATIENCE = 5.0
_PAST_AT_MOST = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A run to come: until when its calls take at the present pace, and when its window ends; None where unknown."""

    at: datetime
    ends_at: datetime | None
    window_ends_at: datetime | None
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedSchedule:
    """The runs of one schedule within the time ahead, and the blackouts that touch it."""

    name: str
    devices: int
    runs: tuple[PlannedRun, ...]
    blackouts: tuple[tuple[datetime, datetime, str], ...]
    is_frequent: bool


@dataclass(frozen=True, slots=True)
class Overview:
    """How the installation stands at `now`; `last_day` sums the jobs that started within 24 hours."""

    now: datetime
    status: StatusView
    plan: tuple[PlannedSchedule, ...]
    nights: tuple[Night, ...]
    last_day: Tally
    lanes: tuple[LaneView, ...]

    @property
    def timeless(self) -> Overview:
        """The overview without what moves with the clock alone, to tell whether anything has changed."""
        running = tuple(map(timeless, self.status.running))
        return replace(self, now=_NO_TIME, status=replace(self.status, running=running))


@dataclass(frozen=True, slots=True)
class _Present:
    """The overview without the nights."""

    now: datetime
    status: StatusView
    plan: tuple[PlannedSchedule, ...]
    lanes: tuple[LaneView, ...]


@dataclass(frozen=True, slots=True)
class _Past:
    """The outcomes of past jobs as they were at `read_at`, and their sums; the nights by the name of the zone."""

    read_at: datetime
    outcomes: Sequence[tuple[datetime, Tally]]
    missed: Sequence[tuple[datetime, str]]
    last_day: Tally
    nights: dict[str, tuple[Night, ...]] = field(default_factory=dict)

    def nights_in(self, zone: ZoneInfo) -> tuple[Night, ...]:
        """The last nights by the clock of a zone, summed once."""
        if zone.key not in self.nights:
            self.nights[zone.key] = tuple(last_nights(self.outcomes, self.missed, now=self.read_at, zone=zone))
        return self.nights[zone.key]


class Overviews:
    """Describes the overview: all requests within a second share one read of the present.

    Past jobs are read and summed at most every ten seconds. That takes longer than the rest, so no reader waits for it
    who can be shown sums of the last minute.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._present = SingleFlight[_Present](app.clock)
        self._past: _Past | None = None
        self._renewal: asyncio.Task[None] | None = None

    async def urgent_jobs(self, *, within: float = RECENT) -> frozenset[JobId]:
        """The ids of the jobs that need attention, as they were at most `within` seconds ago."""
        items = (await self._present.get("present", self._read, within=within)).status.attention
        return frozenset(JobId(item.subject) for item in items if item.subject_kind is SubjectKind.JOB)

    async def counts(self) -> tuple[int, int]:
        """How many items need attention and how many jobs run, at most half a minute old: each page shows them."""
        status = (await self._present.get("present", self._read, within=_COUNTS_FOR)).status
        return len(status.attention), len(status.running)

    async def status(self) -> StatusView:
        """Returns the items that need attention, the running jobs and the next runs, at most a second old."""
        return (await self._present.get("present", self._read)).status

    async def describe(self, zone: ZoneInfo, *, within: float = RECENT) -> Overview:
        """The overview as it was at most `within` seconds ago, its nights by the clock of `zone`."""
        present = await self._present.get("present", self._read, within=within)
        past = await self._past_at(present.now)
        return Overview(
            now=present.now,
            status=present.status,
            plan=present.plan,
            nights=past.nights_in(zone),
            last_day=past.last_day,
            lanes=present.lanes,
        )

    def forget(self) -> None:
        """Drops the shared reads: this process has changed something."""
        self._present.forget()

    async def close(self) -> None:
        """Ends the reads that are under way."""
        await self._present.close()
        if self._renewal is not None:
            await asyncio.wait([self._renewal], timeout=_PATIENCE)

    async def _read(self) -> _Present:
        app = self._app
        status, seen = await describe_status_and_lanes(app)
        lanes = await list_lanes(app, seen)
        now = app.clock.now()
        return _Present(now, status, await _plan(app, status.upcoming, now), tuple(lanes))

    async def _past_at(self, now: datetime) -> _Past:
        if self._past is None or now - self._past.read_at >= _PAST_AT_MOST:
            self._past = await self._read_past(now)
        elif now - self._past.read_at >= _PAST_FOR and (self._renewal is None or self._renewal.done()):
            self._renewal = asyncio.create_task(self._renew_past(now), name="nights")
        return self._past

    async def _renew_past(self, now: datetime) -> None:
        try:
            self._past = await self._read_past(now)
        except MusterError as problem:
            log.warning("overview.waiting", reason=str(problem))

    async def _read_past(self, now: datetime) -> _Past:
        # Every zone's nights lie in it: their noons are less than a day apart.
        begin = begin_of_nights(now, zone_of("UTC")) - timedelta(days=1)
        async with self._app.store.reading() as tx:
            outcomes = await tx.past_outcomes.since(begin)
            missed = await tx.past_outcomes.missed_since(begin)
        return _Past(now, outcomes, missed, sum((tally for at, tally in outcomes if now - at <= AHEAD), Tally()))


async def _plan(app: App, upcoming: Sequence[ScheduleView], now: datetime) -> tuple[PlannedSchedule, ...]:
    until = now + AHEAD
    soon = [view for view in upcoming if view.upcoming[0].at < until]
    runs = await preview_all(app, soon, until=until, most=MOST_RUNS)
    return tuple(_planned(view, runs.get(view.schedule.name), now) for view in soon)


def _planned(view: ScheduleView, runs: Sequence[OccurrenceView] | None, now: datetime) -> PlannedSchedule:
    zone = zone_of(view.schedule.recurrence.timezone)
    spans = [(*blackout.span(zone), blackout.words) for blackout in view.blackouts]
    return PlannedSchedule(
        name=view.schedule.name,
        devices=view.version.devices if view.version else 0,
        runs=tuple(_run(view, instant) for instant in (view.upcoming if runs is None else runs)),
        blackouts=tuple(span for span in spans if span[0] < now + AHEAD and span[1] > now),
        is_frequent=runs is None,
    )


def _run(view: ScheduleView, instant: OccurrenceView) -> PlannedRun:
    takes = view.forecast.seconds if view.forecast else None
    window = window_of(view.schedule, instant.at, view.blackouts)
    return PlannedRun(
        at=instant.at,
        ends_at=None if takes is None else instant.at + timedelta(seconds=takes),
        window_ends_at=None if window is None else window.ends,
        marks=instant.marks,
    )
