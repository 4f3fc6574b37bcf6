"""Cancel a job; its outcomes stay."""

from __future__ import annotations

from orchestrator.app import App
from orchestrator.domain.access import Actor, Role
from orchestrator.domain.confirmation import Facts, job_facts, refuse_outdated
from orchestrator.domain.errors import IllegalMove
from orchestrator.domain.ids import JobNumber
from orchestrator.domain.job import ACTIVE, RESTING, JobStatus
from orchestrator.telemetry.logger import get_logger
from orchestrator.usecases.access.scopes import job_to_change
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.jobs.describe_jobs import JobView

log = get_logger(__name__)

_BATCHES_A_PAGE = 10


async def cancel_job(
    app: App, wanted: str, *, by: Actor, reason: str | None = None, shown: Facts | None = None
) -> JobView:
    """Cancel the job: what was never sent is `cancelled`, the rest keeps its outcome; cancelling twice is once.

    ConfirmationOutdated where the job is not as it was `shown`.
    """
    by.grant.refuse_below(Role.OPERATOR)
    async with app.store.transaction() as tx:
        job, tally = await job_to_change(tx, wanted, by)
        if job.status is not JobStatus.CANCELLED:
            refuse_outdated(shown, job_facts(job, tally))
            if not await tx.jobs.move(
                job.number, JobStatus.CANCELLED, if_in=(*ACTIVE, *RESTING), reason=reason, now=await tx.now()
            ):
                raise IllegalMove(job.status, JobStatus.CANCELLED)
            await tx.audit.write(by, "job.cancelled", job.id, reason=reason, now=await tx.now())
            log.info("job.cancelled", job=job.id, by=by.name, reason=reason)
    await cancel_rest(app, job.number)
    return await describe_job(app, job.id)


async def cancel_rest(app: App, number: JobNumber) -> None:
    """Settle what waits in a job that is cancelled already; recovery does the same where a process dies before this."""
    cancelled = 1
    while cancelled:
        # A page at a time: a million targets in one statement would hold up every other writer.
        async with app.store.transaction() as tx:
            cancelled = await tx.targets.cancel_waiting(number, batches=_BATCHES_A_PAGE, now=await tx.now())
