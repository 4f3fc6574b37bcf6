"""The past runs of schedules with their jobs: those of a time, for calendars, and the last one of a schedule."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from orchestrator.app import App
from orchestrator.domain.errors import UnknownJob
from orchestrator.domain.ids import ScheduleNumber
from orchestrator.domain.job import Job
from orchestrator.store.engine.database import Transaction
from orchestrator.store.schedules.occurrences import OccurrenceFacts
from orchestrator.usecases.jobs.describe_jobs import JobView, standings_of

MOST_RUNS = 1_500


@dataclass(frozen=True, slots=True)
class PastRun:
    """An occurrence of a schedule, and its job where it became one that is still there."""

    occurrence: OccurrenceFacts
    job: JobView | None


async def past_runs(
    app: App, begin: datetime, end: datetime, *, schedule: ScheduleNumber | None = None
) -> list[PastRun]:
    """The newest runs of that time, at most 1,500, newest first."""
    async with app.store.reading() as tx:
        found = await tx.occurrences.between(begin, end, schedule=schedule, limit=MOST_RUNS)
    jobs = await standings_of(app, {each.job for each in found if each.job is not None})
    return [PastRun(each, jobs.get(each.job) if each.job else None) for each in found]


async def last_job(tx: Transaction, number: ScheduleNumber) -> Job | None:
    """The schedule's last job; None where there was none, or where the retention has removed it."""
    job_id = await tx.occurrences.last_job(number)
    if job_id is None:
        return None
    try:
        return await tx.jobs.find(job_id)
    except UnknownJob:
        return None
