"""Samples the progress of running jobs, for the line in their chart."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestrator.app import App
from orchestrator.domain.course import EventKind, Span, spans
from orchestrator.domain.errors import MusterError
from orchestrator.domain.job import Job, JobStatus, Tally
from orchestrator.domain.waiting import LaneWait, WaitKind
from orchestrator.engine.stop import StopSignal
from orchestrator.store.engine.database import Transaction
from orchestrator.store.jobs.samples import Sample
from orchestrator.telemetry.logger import get_logger
from orchestrator.usecases.operations.live_processes import SILENT_AFTER

log = get_logger(__name__)

EVERY = 5
"""Seconds; all who sample agree on the times, so that many web processes write what one does."""

_MOST_JOBS = 200
_AFTER = 0.02
"""Seconds by which a look is later than its time: a timer may ring early."""

_PATIENCE = 20.0
_DEAD_AFTER = 60.0
"""More than twice what a look may take that fails."""


async def sample_progress(app: App) -> float:
    """Writes down how far every running job is, and whether its lane has lost the way to Graph.

    Returns the seconds until the next sample is due, by the clock of the database.
    """
    async with app.store.reading() as tx:
        now = await tx.now()
        jobs = await tx.jobs.newest(_MOST_JOBS, statuses=[JobStatus.RUNNING])
        instant = _instant(now)
        numbers = [job.number for job in jobs if is_sampled_at(instant, started_at=job.started_at or now)]
        tallies = await tx.jobs.tallies(numbers)
        reports = await tx.lane_waits.reported_since(now - SILENT_AFTER, {job.lane for job in jobs})
    due_in = EVERY - now.timestamp() % EVERY
    if not numbers:
        return due_in
    async with app.store.transaction() as tx:
        sampled = set(numbers)
        limits = {job.number: _limit_of(app, job) for job in jobs if job.number in sampled}
        await tx.samples.add(instant, tallies, limits)
        unreachable = {lane for lane, waits in reports.items() if any(map(_is_unreachable, waits.values()))}
        lost = {job.number: job.lane in unreachable for job in jobs if job.number in sampled}
        await tx.samples.mark_reach(lost, now=instant)
    return due_in


def is_sampled_at(instant: datetime, *, started_at: datetime) -> bool:
    """Whether a job is sampled at a time: every 5 seconds in its first hour, every minute on its first day.

    After that every ten minutes: what a job leaves in the table is bounded, and its chart needs no more points.
    """
    age = instant - started_at
    step = EVERY if age < timedelta(hours=1) else 60 if age < timedelta(days=1) else 600
    return int(instant.timestamp()) % step == 0


def _is_unreachable(wait: LaneWait) -> bool:
    return wait.kind is WaitKind.GRAPH_UNREACHABLE


class Sampler:
    """Samples until the process stops; a read that fails leaves a gap in the line of the chart."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._looked_at = app.clock.monotonic()

    @property
    def is_alive(self) -> bool:
        """Whether a look ended lately, well or not: the loop of this process, and its way to the database, go on."""
        return self._app.clock.monotonic() - self._looked_at < _DEAD_AFTER

    async def run(self, stop: StopSignal) -> None:
        """Samples until the stop is requested."""
        while not stop.is_requested:
            due_in: float = EVERY
            try:
                async with asyncio.timeout(_PATIENCE):
                    due_in = await sample_progress(self._app)
            except (MusterError, TimeoutError) as problem:
                log.warning("samples.waiting", reason=str(problem))
            except Exception:
                log.exception("samples.broke")
            self._looked_at = self._app.clock.monotonic()
            # A look long after its time would count the calls since then too, and the chart would show a higher rate.
            await stop.wait(due_in + _AFTER)


@dataclass(frozen=True, slots=True)
class Course:
    """How a job came to where it is, and the spans in which it rested or Graph was out.

    `refused` are the minutes in which calls of its lane were answered with 429, and how many. `canaries` is how the job
    stood when its canaries had gone well, None where it has none, or they did not.
    """

    samples: tuple[Sample, ...]
    spans: tuple[Span, ...]
    is_at_rest: bool
    refused: tuple[tuple[datetime, int], ...] = ()
    canaries: Sample | None = None


async def read_course(app: App, tx: Transaction, job: Job, tally: Tally) -> Course:
    """The samples of a job that was read before, its beginning and its end among them."""
    samples = await tx.samples.of(job.number)
    events = [(event.at, event.kind) for event in await tx.samples.events_of(job.number)]
    now = await tx.now()
    refused: list[tuple[datetime, int]] = []
    if job.started_at is not None:
        minutes = await tx.lanes.refused(job.lane, since=job.started_at, until=job.finished_at or now)
        refused = [(max(job.started_at, minute), count) for minute, count in minutes]
    passed = {at for at, kind in events if kind is EventKind.CANARIES}
    canaries = next((sample for sample in samples if sample.at in passed), None)
    if job.started_at is not None and (not samples or job.started_at < samples[0].at):
        samples.insert(0, Sample(job.started_at, 0, 0))
    ended = job.finished_at if job.status.is_final else now if job.status is JobStatus.RUNNING else None
    if ended is not None and samples and ended > samples[-1].at:
        # A rate over a short span says little: the last span has the full length.
        if len(samples) > 1 and (ended - samples[-1].at).total_seconds() < EVERY:
            samples.pop()
        limit = samples[-1].per_second if job.status.is_final else _limit_of(app, job)
        # Cancelled devices were never called, so the rate leaves them out.
        samples.append(Sample(ended, tally.accepted, max(tally.called, samples[-1].settled), limit))
    if job.finished_at is not None:
        events.append((job.finished_at, EventKind.ENDED))
    return Course(tuple(samples), tuple(spans(events)), job.status.is_at_rest, tuple(refused), canaries)


def _limit_of(app: App, job: Job) -> float | None:
    """Calls a second that the settings allow in the job's lane now; None where nothing limits it."""
    tenant = app.tenants.get(job.tenant)
    limit = tenant.write_limit if tenant else None
    return None if limit is None else limit.calls / limit.window.total_seconds()


def _instant(now: datetime) -> datetime:
    return now.replace(second=now.second - now.second % EVERY, microsecond=0)
