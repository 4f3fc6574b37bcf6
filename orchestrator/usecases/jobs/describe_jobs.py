"""Reads of jobs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from orchestrator.app import App
from orchestrator.domain.ids import JobId, JobNumber
from orchestrator.domain.job import ACTIVE, RESTING, Job, JobStatus, Tally, shown_status
from orchestrator.domain.job_filter import EVERY_JOB, JobFilter
from orchestrator.store.engine.database import Transaction

if TYPE_CHECKING:
    from orchestrator.domain.selection import SelectionChange
    from orchestrator.domain.waiting import WaitingFor
    from orchestrator.usecases.jobs.describe_job import BrakeView, ErrorView
    from orchestrator.usecases.jobs.forecast_job import LanesSeen
    from orchestrator.usecases.jobs.job_outlook import JobOutlook


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as people see it; `status` is the shown one, and the counts add up at every moment.

    `seconds_left` is the time from this look to `estimated_finish_at`.
    """

    job: Job
    status: JobStatus
    tally: Tally
    errors: tuple[ErrorView, ...]
    estimated_finish_at: datetime | None
    waiting_for: WaitingFor | None = None
    seconds_left: float | None = None
    retried_by: tuple[JobId, ...] = ()
    brake: BrakeView | None = None
    selection: SelectionChange | None = None


async def list_jobs(app: App, *, limit: int, before: int | None = None, wanted: JobFilter = EVERY_JOB) -> list[JobView]:
    """The newest jobs first, without their error groups; `before` is the number of the last one seen."""
    async with app.store.reading() as tx:
        numbers = await tx.job_search.newest(wanted, limit=limit, before=before)
        seen = await seen_now(tx, await tx.jobs.by_numbers(numbers))
        retries = await tx.jobs.retried_by([job.id for job in seen[0]])
    return [replace(view, retried_by=retries.get(view.job.id, ())) for view in views_of(app, seen)]


async def list_running(app: App, *, limit: int) -> tuple[list[JobView], LanesSeen]:
    """The newest jobs under way, and at the same moment their lanes and those of all tenants."""
    from orchestrator.usecases.jobs.forecast_job import lanes_seen  # noqa: PLC0415 - as in `_lanes_of`

    async with app.store.reading() as tx:
        jobs = await tx.jobs.newest(limit, statuses=ACTIVE)
        tallies = await tx.jobs.tallies([job.number for job in jobs])
        lanes = {tenant.lane for tenant in app.tenants.values()} | {job.lane for job in jobs}
        seen = await lanes_seen(tx, lanes)
        retries = await tx.jobs.retried_by([job.id for job in jobs])
    views = views_of(app, (jobs, tallies, seen))
    return [replace(view, retried_by=retries.get(view.job.id, ())) for view in views], seen


def timeless(view: JobView) -> JobView:
    """The view without its forecast, which moves with the clock alone: that is no change."""
    return replace(view, estimated_finish_at=None, seconds_left=None)


async def standings_of(app: App, ids: Collection[JobId]) -> dict[JobId, JobView]:
    """Returns these jobs without their error groups; a removed job is left out."""
    async with app.store.reading() as tx:
        seen = await seen_now(tx, await tx.jobs.by_ids(ids))
    return {view.job.id: view for view in views_of(app, seen)}


async def unfinished_jobs(app: App, *, other_than: JobId) -> list[JobView]:
    """Jobs that are neither finished nor cancelled: an embedded `run` names them and leaves them alone."""
    open_statuses = (*ACTIVE, *RESTING)
    async with app.store.reading() as tx:
        jobs = await tx.jobs.newest(50, statuses=open_statuses)
        seen = await seen_now(tx, [job for job in jobs if job.id != other_than])
    return views_of(app, seen)


Seen = tuple[Sequence[Job], Mapping[JobNumber, Tally], "LanesSeen | None"]


async def seen_now(tx: Transaction, jobs: Sequence[Job]) -> Seen:
    """The tallies of these jobs and their lanes, for `views_of` after the transaction."""
    return jobs, await tx.jobs.tallies([job.number for job in jobs]), await _lanes_of(tx, jobs)


async def _lanes_of(tx: Transaction, jobs: Sequence[Job]) -> LanesSeen | None:
    lanes = {job.lane for job in jobs if job.status in ACTIVE}
    if not lanes:
        return None
    # A job that has ended is asked about most, and nothing is forecast for it.
    from orchestrator.usecases.jobs.forecast_job import lanes_seen  # noqa: PLC0415

    return await lanes_seen(tx, lanes)


def views_of(app: App, seen: Seen) -> list[JobView]:
    """These jobs without their error groups."""
    jobs, tallies, lanes = seen
    if lanes is None:
        return [_shown(job, tallies[job.number], None) for job in jobs]
    from orchestrator.usecases.jobs.job_outlook import outlooks_of  # noqa: PLC0415 - as in `_lanes_of`

    outlooks = outlooks_of(app, jobs, tallies, lanes)
    return [_shown(job, tallies[job.number], outlooks.get(job.number)) for job in jobs]


def _shown(job: Job, tally: Tally, outlook: JobOutlook | None) -> JobView:
    return JobView(
        job=job,
        status=shown_status(job.status, tally),
        tally=tally,
        errors=(),
        estimated_finish_at=None if outlook is None else outlook.finish_at,
        waiting_for=None if outlook is None else outlook.waiting_for,
        seconds_left=None if outlook is None else outlook.seconds_left,
    )
