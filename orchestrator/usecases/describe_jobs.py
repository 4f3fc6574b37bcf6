"""The read side: how jobs stand, and every target of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestrator.domain.batch import ErrorCount, ErrorGroup
from orchestrator.domain.ids import JobId, JobNumber, LaneKey
from orchestrator.domain.job import Job, JobStatus, Tally, shown_status
from orchestrator.domain.job_filter import EVERY_JOB, JobFilter
from orchestrator.domain.outcome import GraphError
from orchestrator.domain.target import TargetFacts, TargetStatus
from orchestrator.graph.meanings import meaning
from orchestrator.store.database import Transaction
from orchestrator.store.jobs import Waiting
from orchestrator.usecases.app import App
from orchestrator.usecases.forecast_job import forecast_waiting, lane_paces, rates_of_late

_ACTIVE = (JobStatus.QUEUED, JobStatus.RUNNING)


@dataclass(frozen=True, slots=True)
class ErrorView:
    """One error group in words."""

    status: TargetStatus
    http_status: int | None
    code: str
    count: int
    meaning: str
    hint: str
    example_request_id: str | None


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as people see it; `status` is the shown one, and the counts add up at every moment."""

    job: Job
    status: JobStatus
    tally: Tally
    errors: tuple[ErrorView, ...]
    estimated_finish_at: datetime | None


async def describe_job(app: App, wanted: str) -> JobView:
    """How one job stands, its error groups included."""
    async with app.store.reading() as tx:
        job = await tx.jobs.find(wanted)
        tally = (await tx.jobs.tallies([job.number]))[job.number]
        errors = await tx.jobs.errors(job.number)
        waiting = await _waiting_beside(tx, [job])
    done_at = await _finish_times(app, [job], waiting)
    return _shown(job, tally, errors, done_at.get(job.number))


async def list_jobs(app: App, *, limit: int, before: int | None = None, wanted: JobFilter = EVERY_JOB) -> list[JobView]:
    """The newest jobs first, without their error groups; `before` is the number of the last one seen."""
    async with app.store.reading() as tx:
        numbers = await tx.job_search.newest(wanted, limit=limit, before=before)
        seen = await _seen(tx, await tx.jobs.by_numbers(numbers))
    return await _views(app, seen)


async def unfinished_jobs(app: App, *, other_than: JobId) -> list[JobView]:
    """Jobs that are neither finished nor cancelled: an embedded `run` names them and leaves them alone."""
    open_statuses = (*_ACTIVE, JobStatus.PAUSED, JobStatus.STOPPED)
    async with app.store.reading() as tx:
        jobs = await tx.jobs.newest(50, statuses=open_statuses)
        seen = await _seen(tx, [job for job in jobs if job.id != other_than])
    return await _views(app, seen)


async def list_targets(
    app: App,
    wanted: str,
    *,
    statuses: Sequence[TargetStatus] = (),
    code: str | None = None,
    search: str | None = None,
    after_line: int = 0,
    limit: int,
) -> list[TargetFacts]:
    """Targets in the order of the input; the last line is where the next page goes on."""
    async with app.store.reading() as tx:
        job = await tx.jobs.find(wanted)
        return await tx.targets.page(
            job.number, job.id, after_line=after_line, limit=limit, statuses=statuses, code=code, search=search
        )


@dataclass(frozen=True, slots=True)
class _Waiting:
    """What waits in the lanes of some jobs at a moment."""

    jobs: Sequence[Waiting]
    rates: Mapping[LaneKey, float | None]
    now: datetime


_Seen = tuple[Sequence[Job], dict[JobNumber, Tally], _Waiting | None]


async def _seen(tx: Transaction, jobs: Sequence[Job]) -> _Seen:
    return jobs, await tx.jobs.tallies([job.number for job in jobs]), await _waiting_beside(tx, jobs)


async def _waiting_beside(tx: Transaction, jobs: Sequence[Job]) -> _Waiting | None:
    lanes = {job.lane for job in jobs if job.status in _ACTIVE}
    # A job that has ended is asked about most, and nothing is forecast for it.
    if not lanes:
        return None
    return _Waiting(await tx.jobs.waiting_in(lanes), await rates_of_late(tx, lanes), await tx.now())


async def _views(app: App, seen: _Seen) -> list[JobView]:
    jobs, tallies, waiting = seen
    done_at = await _finish_times(app, jobs, waiting)
    return [_shown(job, tallies[job.number], {}, done_at.get(job.number)) for job in jobs]


async def _finish_times(app: App, jobs: Sequence[Job], beside: _Waiting | None) -> dict[JobNumber, datetime]:
    """When each of the jobs that are under way will be done, where something paces it.

    Outside the transaction that saw them: whoever asks for a connection while he holds one may wait for himself.
    """
    if beside is None:
        return {}
    paces = await lane_paces(app, beside.rates)
    waiting, now, asked = beside.jobs, beside.now, {job.number for job in jobs}
    found = {
        each.number: forecast_waiting(each, waiting, paces[each.lane], now).seconds
        for each in waiting
        if each.number in asked and each.lane in paces
    }
    return {number: now + timedelta(seconds=left) for number, left in found.items() if left is not None}


def _shown(
    job: Job, tally: Tally, errors: dict[ErrorGroup, ErrorCount], estimated_finish_at: datetime | None
) -> JobView:
    ordered = sorted(errors.items(), key=lambda item: -item[1].count)
    return JobView(
        job=job,
        status=shown_status(job.status, tally),
        tally=tally,
        errors=tuple(_error_view(group, count) for group, count in ordered),
        estimated_finish_at=estimated_finish_at,
    )


def _error_view(group: ErrorGroup, count: ErrorCount) -> ErrorView:
    said, hint = meaning(GraphError(group.code, "", group.http_status))
    return ErrorView(group.status, group.http_status, group.code, count.count, said, hint, count.example_request_id)
