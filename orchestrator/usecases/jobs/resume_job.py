"""Let a paused or stopped job go on where it stood."""

from __future__ import annotations

from orchestrator.app import App
from orchestrator.domain.access import Actor
from orchestrator.domain.confirmation import Confirm, Facts, job_facts, refuse_outdated
from orchestrator.domain.errors import IllegalMove, WrongStatus
from orchestrator.domain.ids import LaneKey
from orchestrator.domain.job import ACTIVE, RESTING, Job, JobStatus
from orchestrator.engine.circuit_breaker import begin_anew
from orchestrator.engine.publish_waiting import publish_job
from orchestrator.store.engine.database import Transaction
from orchestrator.telemetry.logger import get_logger
from orchestrator.usecases.access.scopes import job_to_change
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.jobs.describe_jobs import JobView
from orchestrator.usecases.jobs.job_lane import lane_to_move_to, move_to_lane

log = get_logger(__name__)


async def resume_job(
    app: App,
    wanted: str,
    *,
    by: Actor,
    reason: str | None = None,
    confirm: Confirm | None = None,
    rebind: bool = False,
    shown: Facts | None = None,
) -> JobView:
    """Sets the job running again, and with `rebind` moves it to its tenant's present lane; a running job only moves.

    Everything happens in one transaction after `confirm`, so a person who says no has changed nothing.

    IllegalMove where it has ended, WrongStatus where another job has taken over what it left, TenantChanged where the
    settings lead to another lane than the job's, unless it may `rebind` (see `lane_to_move_to`), ConfirmationOutdated
    where the job is not as it was `shown`.
    """
    lane = await lane_to_move_to(app, wanted, by=by, rebind=rebind)
    async with app.store.transaction() as tx:
        job, tally = await job_to_change(tx, wanted, by)
        is_resting = job.status not in ACTIVE
        moves = lane not in {None, job.lane}
        if is_resting:
            refuse_outdated(shown, job_facts(job, tally))
            await _set_running(tx, job)
        if confirm is not None and (is_resting or moves):
            confirm(job.action, tally.waiting)
        if lane is not None and moves:
            await move_to_lane(tx, job, lane, by=by, reason=reason)
        if is_resting:
            await _begin_again(tx, job, lane or job.lane)
            await tx.audit.write(by, "job.resumed", job.id, reason=reason, now=await tx.now())
            log.info("job.resumed", job=job.id, by=by.name, reason=reason)
        tx.after_commit(lambda: publish_job(app, job.number))
    return await describe_job(app, job.id)


async def _set_running(tx: Transaction, job: Job) -> None:
    carried_to = await tx.job_ends.carried_to(job.number)
    if carried_to is not None:
        raise WrongStatus(
            f"What job {job.id} left is first in job {carried_to}: to go on here would call it a second time. "
            f"`muster job retry {job.id} --status waiting` calls it all the same."
        )
    if not await tx.jobs.move(job.number, JobStatus.RUNNING, if_in=RESTING, reason=None, now=await tx.now()):
        raise IllegalMove(job.status, JobStatus.RUNNING)


async def _begin_again(tx: Transaction, job: Job, lane: LaneKey) -> None:
    """Lets the waiting targets of a job that runs again be called in this lane, and its brake judge anew."""
    now = await tx.now()
    await tx.job_ends.lift_window(job.number, now=now)
    await tx.fair_queue.rejoin(job.number, lane, now=now)
    await begin_anew(tx, job.number)
    await tx.job_ends.settle(job.number, now=now)
