"""What changed between a run of a schedule and the run before it: which devices failed in both, newly, or no more."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.app import App
from orchestrator.domain.ids import JobId
from orchestrator.domain.job import Job
from orchestrator.domain.job_filter import JobFilter
from orchestrator.domain.target import TargetStatus
from orchestrator.store.engine.database import Transaction
from orchestrator.usecases.jobs.describe_jobs import JobView, list_jobs

RUNS_SHOWN = 14
_MOST_FAILURES = 5_000
_BAD = (TargetStatus.FAILED, TargetStatus.UNCERTAIN)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Devices that failed or are uncertain in a run, against the run before it."""

    before: JobId
    same: int
    new: int
    mended: int


async def related_runs(app: App, view: JobView) -> tuple[list[JobView], Comparison | None]:
    """The last runs of the job's schedule, newest first, and how it compares with the run before it.

    No comparison where there is no earlier run, or where one of the two has thousands of failures.
    """
    if view.job.schedule is None:
        return [], None
    runs = await list_jobs(app, wanted=JobFilter(schedule=view.job.schedule), limit=RUNS_SHOWN)
    earlier = [run for run in runs if run.job.number < view.job.number]
    if not earlier:
        return runs, None
    before = earlier[0]
    if max(_bad_count(view), _bad_count(before)) > _MOST_FAILURES:
        return runs, None
    async with app.store.reading() as tx:
        now, then = await _bad_devices(tx, view.job), await _bad_devices(tx, before.job)
    return runs, Comparison(before.job.id, len(now & then), len(now - then), len(then - now))


def _bad_count(view: JobView) -> int:
    return view.tally.failed + view.tally.uncertain


async def _bad_devices(tx: Transaction, job: Job) -> frozenset[str]:
    found = await tx.targets.page(job.number, job.id, limit=_MOST_FAILURES, statuses=_BAD)
    return frozenset(target.device for target in found)
