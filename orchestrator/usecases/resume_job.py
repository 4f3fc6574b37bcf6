"""Let a paused or stopped job go on where it stood."""

from __future__ import annotations

import structlog

from orchestrator.domain.access import Asker, scope_of
from orchestrator.domain.confirmation import Confirm, Facts, job_facts, refuse_outdated
from orchestrator.domain.errors import IllegalMove, WrongMoment
from orchestrator.domain.job import JobStatus
from orchestrator.usecases.app import App
from orchestrator.usecases.brake_jobs import begin_anew
from orchestrator.usecases.describe_jobs import JobView, describe_job
from orchestrator.usecases.settle_lane import settle_lane

log = structlog.get_logger()

_RESTING = (JobStatus.PAUSED, JobStatus.STOPPED)


async def resume_job(
    app: App,
    wanted: str,
    *,
    by: Asker,
    reason: str | None = None,
    confirm: Confirm | None = None,
    rebind: bool = False,
    shown: Facts | None = None,
) -> JobView:
    """Set the job running again; a running one stays as it is.

    IllegalMove where it has ended, WrongMoment where another job has taken over what it left, TenantChanged where the
    settings lead to another lane than the job's, unless it may `rebind` (see `settle_lane`), ConfirmationOutdated where
    the job is not as it was `shown`.
    """
    await settle_lane(app, wanted, by=by, reason=reason, rebind=rebind)
    async with app.store.transaction() as tx:
        job = await tx.jobs.find(wanted)
        tally = (await tx.jobs.tallies([job.number]))[job.number]
        by.grant.refuse_change(scope_of(job.action, job.tenant, tally.total))
        if job.status not in {JobStatus.QUEUED, JobStatus.RUNNING}:
            now = await tx.now()
            refuse_outdated(shown, job_facts(job, tally))
            carried_to = await tx.jobs.carried_to(job.number)
            if carried_to is not None:
                raise WrongMoment(
                    f"What job {job.id} left is first in job {carried_to}: to go on here would call it a second time. "
                    f"`muster job retry {job.id} --status waiting` calls it all the same."
                )
            if not await tx.jobs.move(job.number, JobStatus.RUNNING, frm=_RESTING, reason=None, now=now):
                raise IllegalMove(job.status, JobStatus.RUNNING)
            if confirm is not None:
                confirm(job.action, tally.waiting)
            await tx.jobs.lift_window(job.number, now=now)
            await tx.jobs.rejoin(job.number, job.lane, now=now)
            await begin_anew(tx, job.number)
            await tx.targets.make_due(job.number, now=now)
            await tx.jobs.settle(job.number, now=now)
            await tx.audit.write(by, "job.resumed", job.id, reason=reason, now=now)
            log.info("job.resumed", job=job.id, by=by.name, reason=reason)
        tx.after_commit(lambda: app.bell.ring(1))
    return await describe_job(app, job.id)
