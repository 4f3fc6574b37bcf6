"""Reads of jobs and of their targets."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from orchestrator.app import App
from orchestrator.domain.batch import ErrorCount, ErrorGroup
from orchestrator.domain.circuit_breaker import window_of
from orchestrator.domain.ids import JobId, JobNumber
from orchestrator.domain.job import Job, JobStatus, Tally, shown_status
from orchestrator.domain.job_filter import EVERY_JOB, JobFilter
from orchestrator.domain.outcome import GraphError
from orchestrator.domain.target import TargetFacts, TargetOrder, TargetStatus
from orchestrator.domain.waiting import WaitingFor
from orchestrator.graph.error_catalogue import meaning
from orchestrator.store.engine.database import Transaction
from orchestrator.usecases.jobs.device_names import search_of, with_names
from orchestrator.usecases.jobs.explain_waiting import explain
from orchestrator.usecases.jobs.forecast_job import LanesSeen, finish_time, lane_paces, lanes_seen

if TYPE_CHECKING:
    from orchestrator.domain.selection import SelectionChange

SORTED_UP_TO = 20_000
"""Targets of a job that can be sorted, since that reads all of them; of a larger job they come in the input's order."""

_MOST_EXAMPLES = 10_000
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
    example_message: str | None = None
    example_device: str | None = None
    example_device_name: str | None = None


@dataclass(frozen=True, slots=True)
class BrakeView:
    """The circuit breaker of a job: more than `share` percent errors stop it, once `sample` devices have ended.

    `ended` and `errors` are what the brake counts now. `canaries` go first, and `canaries_ended` of them have; 0 where
    there are none, or where they were looked at already.
    """

    share: int
    sample: int
    ended: int
    errors: int
    canaries: int
    canaries_ended: int


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


async def describe_job(app: App, wanted: str) -> JobView:
    """Returns one job with its error groups."""
    async with app.store.reading() as tx:
        job = await tx.jobs.find(wanted)
        tally = (await tx.jobs.tallies([job.number]))[job.number]
        errors = await tx.jobs.errors(job.number)
        examples = {group: await _example_of(app, tx, job, group) for group in errors}
        lanes = await _lanes_of(tx, [job])
        retries = await tx.jobs.retried_by([job.id])
        brake = await _brake_view(tx, job, tally, errors)
        selection = (
            None
            if job.schedule is None
            else await tx.occurrences.selection_of(job.id, job.schedule, submitted_at=job.submitted_at)
        )
    outlook = _outlook(app, [job], {job.number: tally}, lanes)
    shown = _shown(job, tally, outlook.get(job.number, _NO_OUTLOOK))
    ordered = sorted(errors.items(), key=lambda item: -item[1].count)
    named = tuple(_error_view(group, count, examples[group]) for group, count in ordered)
    return replace(shown, errors=named, retried_by=retries.get(job.id, ()), brake=brake, selection=selection)


async def _example_of(app: App, tx: Transaction, job: Job, group: ErrorGroup) -> TargetFacts | None:
    """One device of the group with what was answered to it; looked for once, since it never changes."""
    key = (job.number, group)
    if key not in app.examples:
        found = await tx.targets.page(job.number, job.id, limit=1, statuses=(group.status,), code=group.code)
        if not found:
            return None
        if len(app.examples) >= _MOST_EXAMPLES:
            app.examples.clear()
        app.examples[key] = (await with_names(tx, job, found))[0]
    return app.examples[key]


async def _brake_view(tx: Transaction, job: Job, tally: Tally, errors: Mapping[ErrorGroup, ErrorCount]) -> BrakeView:
    brake = await tx.brakes.of(job.number)
    window = window_of(tally, errors) - brake.since
    canaries = () if job.status.is_final else brake.canaries
    ended = await tx.brakes.canaries_ended(job.number, canaries) if canaries else 0
    options = brake.options
    return BrakeView(options.share, options.sample, window.ended, window.errors, len(canaries), ended)


async def list_jobs(app: App, *, limit: int, before: int | None = None, wanted: JobFilter = EVERY_JOB) -> list[JobView]:
    """The newest jobs first, without their error groups; `before` is the number of the last one seen."""
    async with app.store.reading() as tx:
        numbers = await tx.job_search.newest(wanted, limit=limit, before=before)
        seen = await _seen(tx, await tx.jobs.by_numbers(numbers))
        retries = await tx.jobs.retried_by([job.id for job in seen[0]])
    return [replace(view, retried_by=retries.get(view.job.id, ())) for view in _views(app, seen)]


async def is_first_job(app: App) -> bool:
    """Whether the database holds one job, and no more."""
    async with app.store.reading() as tx:
        return len(await tx.job_search.newest(EVERY_JOB, limit=2)) == 1


async def list_running(app: App, *, limit: int) -> tuple[list[JobView], LanesSeen]:
    """The newest jobs under way, and at the same moment their lanes and those of all tenants."""
    async with app.store.reading() as tx:
        jobs = await tx.jobs.newest(limit, statuses=_ACTIVE)
        tallies = await tx.jobs.tallies([job.number for job in jobs])
        lanes = {tenant.lane for tenant in app.tenants.values()} | {job.lane for job in jobs}
        seen = await lanes_seen(tx, lanes)
        retries = await tx.jobs.retried_by([job.id for job in jobs])
    views = _views(app, (jobs, tallies, seen))
    return [replace(view, retried_by=retries.get(view.job.id, ())) for view in views], seen


def timeless(view: JobView) -> JobView:
    """The view without its forecast, which moves with the clock alone: that is no change."""
    return replace(view, estimated_finish_at=None, seconds_left=None)


async def standings_of(app: App, ids: Collection[JobId]) -> dict[JobId, JobView]:
    """Returns these jobs without their error groups; a removed job is left out."""
    async with app.store.reading() as tx:
        seen = await _seen(tx, await tx.jobs.by_ids(ids))
    return {view.job.id: view for view in _views(app, seen)}


async def unfinished_jobs(app: App, *, other_than: JobId) -> list[JobView]:
    """Jobs that are neither finished nor cancelled: an embedded `run` names them and leaves them alone."""
    open_statuses = (*_ACTIVE, JobStatus.PAUSED, JobStatus.STOPPED)
    async with app.store.reading() as tx:
        jobs = await tx.jobs.newest(50, statuses=open_statuses)
        seen = await _seen(tx, [job for job in jobs if job.id != other_than])
    return _views(app, seen)


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
    """Targets in the order of the input; the last line is where the next page goes on.

    `search` is looked for in ids, names and users.
    """
    async with app.store.reading() as tx:
        job = await tx.jobs.find(wanted)
        found = await tx.targets.page(
            job.number,
            job.id,
            after_line=after_line,
            limit=limit,
            statuses=statuses,
            code=code,
            search=await search_of(tx, job, search),
        )
        return await with_names(tx, job, found, users=True)


@dataclass(frozen=True, slots=True)
class TargetPage:
    """Some targets of a job in an order, after the first `offset` of the `count` that fit."""

    targets: tuple[TargetFacts, ...]
    count: int
    offset: int


async def page_of_targets(
    app: App,
    view: JobView,
    order: TargetOrder,
    *,
    statuses: Sequence[TargetStatus] = (),
    code: str | None = None,
    search: str | None = None,
    offset: int = 0,
    limit: int,
) -> TargetPage:
    """Targets in an order, with their names and users; only for a job of at most SORTED_UP_TO targets."""
    job = view.job
    async with app.store.reading() as tx:
        looked_for = await search_of(tx, job, search)
        found = await tx.targets.sorted_page(
            job.number, job.id, order, offset=offset, limit=limit, statuses=statuses, code=code, search=looked_for
        )
        count = view.tally.total
        if statuses or code or looked_for is not None:
            count = await tx.targets.count_fitting(job.number, statuses=statuses, code=code, search=looked_for)
        return TargetPage(tuple(await with_names(tx, job, found, users=True)), count, offset)


@dataclass(frozen=True, slots=True)
class _Outlook:
    """When a job will be done, and what holds it back now."""

    seconds_left: float | None
    finish_at: datetime | None
    waiting_for: WaitingFor | None


_NO_OUTLOOK = _Outlook(None, None, None)
_Tallies = Mapping[JobNumber, Tally]
_Seen = tuple[Sequence[Job], _Tallies, LanesSeen | None]


async def _seen(tx: Transaction, jobs: Sequence[Job]) -> _Seen:
    return jobs, await tx.jobs.tallies([job.number for job in jobs]), await _lanes_of(tx, jobs)


async def _lanes_of(tx: Transaction, jobs: Sequence[Job]) -> LanesSeen | None:
    lanes = {job.lane for job in jobs if job.status in _ACTIVE}
    # A job that has ended is asked about most, and nothing is forecast for it.
    return await lanes_seen(tx, lanes) if lanes else None


def _views(app: App, seen: _Seen) -> list[JobView]:
    jobs, tallies, lanes = seen
    outlook = _outlook(app, jobs, tallies, lanes)
    return [_shown(job, tallies[job.number], outlook.get(job.number, _NO_OUTLOOK)) for job in jobs]


def _outlook(app: App, jobs: Sequence[Job], tallies: _Tallies, beside: LanesSeen | None) -> dict[JobNumber, _Outlook]:
    """When each of the jobs that are under way will be done, where something paces it, and what it waits for."""
    if beside is None:
        return {}
    paces = lane_paces(app, beside.standings, beside.rates)
    left = {each.number: each for each in beside.jobs}
    now = beside.around.now
    worked_on = beside.worked_on(app)
    found: dict[JobNumber, _Outlook] = {}
    for job in jobs:
        if job.status not in _ACTIVE or (own := left.get(job.number)) is None:
            continue
        standing = beside.standings.get(job.lane)
        cause = explain(app, job, tallies[job.number], own, standing=standing, around=beside.around)
        is_open_ended = cause is not None and cause.kind.has_no_forecast
        at = None
        if job.lane in paces and not is_open_ended:
            at = finish_time(own, worked_on, paces[job.lane], now)
        found[job.number] = _Outlook(None if at is None else (at - now).total_seconds(), at, cause)
    return found


def _shown(job: Job, tally: Tally, outlook: _Outlook) -> JobView:
    return JobView(
        job=job,
        status=shown_status(job.status, tally),
        tally=tally,
        errors=(),
        estimated_finish_at=outlook.finish_at,
        waiting_for=outlook.waiting_for,
        seconds_left=outlook.seconds_left,
    )


def _error_view(group: ErrorGroup, count: ErrorCount, example: TargetFacts | None) -> ErrorView:
    said, hint = meaning(GraphError(group.code, "", group.http_status))
    return ErrorView(
        group.status,
        group.http_status,
        group.code,
        count.count,
        said,
        hint,
        count.example_request_id,
        example_message=None if example is None else example.error_message or None,
        example_device=None if example is None else example.device,
        example_device_name=None if example is None else example.name,
    )
