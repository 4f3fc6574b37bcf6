"""Change the priority of a job among the jobs of its lane."""

from __future__ import annotations

from orchestrator.app import App
from orchestrator.domain.access import Actor
from orchestrator.domain.confirmation import Facts, priority_facts, refuse_outdated
from orchestrator.domain.errors import IllegalMove
from orchestrator.domain.job import Priority
from orchestrator.usecases.access.scopes import job_to_change
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.jobs.describe_jobs import JobView


async def reprioritise_job(
    app: App, wanted: str, priority: Priority, *, by: Actor, reason: str | None = None, shown: Facts | None = None
) -> JobView:
    """Give the job another priority; it counts from the next claim. IllegalMove where the job has ended."""
    async with app.store.transaction() as tx:
        job, tally = await job_to_change(tx, wanted, by)
        if job.status.is_final:
            raise IllegalMove(job.status, f"one of {priority} priority")
        if job.priority is not priority:
            refuse_outdated(shown, priority_facts(job, tally))
            now = await tx.now()
            await tx.jobs.set_priority(job.number, priority, now=now)
            facts = {"from": job.priority, "to": priority}
            await tx.audit.write(by, "job.reprioritised", job.id, reason=reason, facts=facts, now=now)
    return await describe_job(app, job.id)
