"""Pause a job: no new call leaves until it is resumed."""

from __future__ import annotations

from orchestrator.app import App
from orchestrator.domain.access import Actor, Role
from orchestrator.domain.confirmation import Facts, job_facts, refuse_outdated
from orchestrator.domain.errors import IllegalMove
from orchestrator.domain.job import ACTIVE, JobStatus
from orchestrator.telemetry.logger import get_logger
from orchestrator.usecases.access.scopes import job_to_change
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.jobs.describe_jobs import JobView

log = get_logger(__name__)


async def pause_job(
    app: App, wanted: str, *, by: Actor, reason: str | None = None, shown: Facts | None = None
) -> JobView:
    """Pause the job; pausing a paused one changes nothing, IllegalMove where there is nothing to pause."""
    by.grant.refuse_below(Role.OPERATOR)
    async with app.store.transaction() as tx:
        job, tally = await job_to_change(tx, wanted, by)
        if job.status is not JobStatus.PAUSED:
            refuse_outdated(shown, job_facts(job, tally))
            if not await tx.jobs.move(job.number, JobStatus.PAUSED, if_in=ACTIVE, reason=reason, now=await tx.now()):
                raise IllegalMove(job.status, JobStatus.PAUSED)
            await tx.audit.write(by, "job.paused", job.id, reason=reason, now=await tx.now())
            log.info("job.paused", job=job.id, by=by.name, reason=reason)
    return await describe_job(app, job.id)
