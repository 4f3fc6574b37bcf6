"""Remove a job at rest for good, with its input and its targets."""

from __future__ import annotations

from orchestrator.app import App
from orchestrator.domain.access import Actor, Role
from orchestrator.domain.errors import IllegalMove
from orchestrator.domain.job import Job, shown_status
from orchestrator.telemetry.logger import get_logger
from orchestrator.usecases.jobs.receive_job import forget_reception

log = get_logger(__name__)


async def delete_job(app: App, wanted: str, *, by: Actor, reason: str | None = None) -> Job:
    """The job that was removed; its audit entries stay. Admins may do this.

    IllegalMove where the job is not at rest, or where a worker still holds a part of it.
    """
    by.grant.refuse_below(Role.ADMIN)
    async with app.store.transaction() as tx:
        job = await tx.jobs.find(wanted)
        # First, since it locks the row: what is looked at afterwards stays so until the commit.
        is_hidden = await tx.reception.hide(job.number, seen=job.status, now=await tx.now())
        tally = (await tx.jobs.tallies([job.number]))[job.number]
        status = shown_status(job.status, tally)
        if not is_hidden or not status.is_at_rest or await tx.jobs.is_held(job.number):
            held = "A worker still holds a part of it: try again in ten seconds."
            raise IllegalMove(
                status, "deleted", held if status.is_at_rest else f"`muster job cancel {job.id}` ends it."
            )
        facts = {"name": job.name, "action": job.action, "devices": tally.total, "status": status}
        await tx.audit.write(by, "job.deleted", job.id, reason=reason, facts=facts, now=await tx.now())
    log.info("job.deleted", job=job.id, by=by.name, reason=reason)
    await forget_reception(app, job.number)
    return job
