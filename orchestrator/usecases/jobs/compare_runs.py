"""Compares a run of a schedule with the run before it: the devices that failed in both, newly, or no more."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from orchestrator.app import App
from orchestrator.domain.ids import JobId
from orchestrator.domain.job import Job
from orchestrator.domain.job_filter import JobFilter
from orchestrator.domain.target import TargetStatus
from orchestrator.store.engine.database import Transaction
from orchestrator.store.jobs.run_failures import RunTarget
from orchestrator.usecases.jobs.describe_jobs import JobView, list_jobs
from orchestrator.usecases.jobs.device_names import devices_of

RUNS_SHOWN = 14
NAMED = 200
"""Devices that a comparison names of each kind."""

_MOST_FAILURES = 5_000
_MOST_TARGETS = 1_000_000
"""Targets of both runs together: they are read once, and the answer is kept."""

_MOST_KEPT = 200


@dataclass(frozen=True, slots=True)
class ComparedDevice:
    """A device and its error in the run before and in this one, as "404 ResourceNotFound"; empty where it has none."""

    device: str
    name: str | None
    before: str
    now: str


@dataclass(frozen=True, slots=True)
class ComparedGroup:
    """Devices of one kind: how many, and the first of them by name."""

    count: int
    devices: tuple[ComparedDevice, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Devices that failed or are uncertain in a run, against the run before it.

    `mended` were accepted now; `gone` counts those that failed before and are not in this run, or were never called.
    """

    before: JobId
    same: ComparedGroup
    new: ComparedGroup
    mended: ComparedGroup
    gone: int


async def related_runs(app: App, view: JobView) -> tuple[list[JobView], Comparison | None]:
    """The last runs of the job's schedule, newest first, and how it compares with the last run before it that ended.

    No comparison while the job is under way, where there is no earlier run, or where the two have thousands of failures
    or more than a million targets.
    """
    if view.job.schedule is None:
        return [], None
    wanted = JobFilter(schedule=view.job.schedule)
    runs = await list_jobs(app, wanted=wanted, limit=RUNS_SHOWN)
    if runs and view.job.number < runs[-1].job.number:
        # An old run, among those up to it.
        runs = await list_jobs(app, wanted=wanted, limit=RUNS_SHOWN, before=view.job.number + 1)
    before = next((run for run in runs if run.job.number < view.job.number and run.status.is_final), None)
    if before is None or not view.status.is_final or not _is_comparable(view, before):
        return runs, None
    return runs, await _compared(app, view.job, before.job)


def _is_comparable(view: JobView, before: JobView) -> bool:
    most = max(run.tally.failed + run.tally.uncertain for run in (view, before))
    return most <= _MOST_FAILURES and view.tally.total + before.tally.total <= _MOST_TARGETS


async def _compared(app: App, job: Job, before: Job) -> Comparison:
    key = (job.number, before.number)
    if key not in app.comparisons:
        async with app.store.reading() as tx:
            found = await tx.run_failures.of(job.number, before.number)
            now = {each.device: each for each in found if each.job == job.number}
            then = {each.device: each for each in found if each.job == before.number}
            compared = await _comparison(tx, job, before.id, now, then)
        if len(app.comparisons) >= _MOST_KEPT:
            app.comparisons.clear()
        app.comparisons[key] = compared
    kept: Comparison = app.comparisons[key]
    return kept


async def _comparison(
    tx: Transaction, job: Job, before: JobId, now: Mapping[str, RunTarget], then: Mapping[str, RunTarget]
) -> Comparison:
    mended = {device for device, each in now.items() if each.status is TargetStatus.ACCEPTED}
    bad = now.keys() - mended
    known = await _names(tx, job, {**then, **now}.values())

    def group(devices: Collection[str]) -> ComparedGroup:
        named = [
            ComparedDevice(device, known.get(device), _error(then.get(device)), _error(now.get(device)))
            for device in devices
        ]
        named.sort(key=lambda each: (each.name is None, (each.name or each.device).casefold()))
        return ComparedGroup(len(named), tuple(named[:NAMED]))

    gone = len(then.keys() - now.keys())
    return Comparison(before, group(bad & then.keys()), group(bad - then.keys()), group(mended), gone)


async def _names(tx: Transaction, job: Job, targets: Collection[RunTarget]) -> dict[str, str]:
    """The names of these devices: of the list of the job, else of the inventory of its tenant."""
    known = {each.device: each.name for each in targets if each.name}
    found = await devices_of(tx, job, {each.device for each in targets} - known.keys())
    return {**known, **{device.id: device.name for device in found.values() if device.name}}


def _error(target: RunTarget | None) -> str:
    if target is None or target.status is TargetStatus.ACCEPTED:
        return ""
    return " ".join(str(part) for part in (target.http_status, target.code) if part) or target.status.value
