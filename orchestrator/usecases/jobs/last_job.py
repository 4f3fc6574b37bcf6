"""The job that a schedule made last."""

from __future__ import annotations

from orchestrator.domain.errors import UnknownJob
from orchestrator.domain.ids import ScheduleNumber
from orchestrator.domain.job import Job
from orchestrator.store.engine.database import Transaction


async def last_job(tx: Transaction, number: ScheduleNumber) -> Job | None:
    """The schedule's last job; None where there was none, or where the retention has removed it."""
    job_id = await tx.occurrences.last_job(number)
    if job_id is None:
        return None
    try:
        return await tx.jobs.find(job_id)
    except UnknownJob:
        return None
