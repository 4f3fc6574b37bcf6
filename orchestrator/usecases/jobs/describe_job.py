"""One job with its errors, its circuit breaker and the change of its selection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from orchestrator.app import App
from orchestrator.domain.circuit_breaker import window_of
from orchestrator.domain.error_groups import ErrorCount, ErrorGroup
from orchestrator.domain.job import Job, Tally
from orchestrator.domain.outcome import GraphError
from orchestrator.domain.target import TargetFacts, TargetFilter, TargetStatus
from orchestrator.graph.error_catalogue import meaning
from orchestrator.store.engine.database import Transaction
from orchestrator.usecases.jobs.describe_jobs import JobView, seen_now, views_of
from orchestrator.usecases.jobs.device_names import with_names

_MOST_EXAMPLES = 10_000


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


async def describe_job(app: App, wanted: str) -> JobView:
    """Returns one job with its error groups."""
    async with app.store.reading() as tx:
        job = await tx.jobs.find(wanted)
        seen = await seen_now(tx, [job])
        errors = await tx.jobs.errors(job.number)
        examples = {group: await _example_of(app, tx, job, group) for group in errors}
        retries = await tx.jobs.retried_by([job.id])
        brake = await _brake_view(tx, job, seen[1][job.number], errors)
        selection = (
            None
            if job.schedule is None
            else await tx.occurrences.selection_of(job.id, job.schedule, submitted_at=job.submitted_at)
        )
    [shown] = views_of(app, seen)
    ordered = sorted(errors.items(), key=lambda item: -item[1].count)
    named = tuple(_error_view(group, count, examples[group]) for group, count in ordered)
    return replace(shown, errors=named, retried_by=retries.get(job.id, ()), brake=brake, selection=selection)


async def _example_of(app: App, tx: Transaction, job: Job, group: ErrorGroup) -> TargetFacts | None:
    """One device of the group with what was answered to it; looked for once, since it never changes."""
    key = (job.number, group)
    if key not in app.examples:
        found = await tx.targets.page(job.number, job.id, TargetFilter((group.status,), group.code), limit=1)
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
    ended = await tx.canaries.ended(job.number, canaries) if canaries else 0
    options = brake.options
    return BrakeView(options.share, options.sample, window.ended, window.errors, len(canaries), ended)


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
