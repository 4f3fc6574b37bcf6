"""Re-weigh a job among the jobs of its lane, at once."""

from __future__ import annotations

from orchestrator.domain.job import Priority
from orchestrator.usecases.app import App
from orchestrator.usecases.describe_jobs import JobView, describe_job


async def reprioritise_job(app: App, wanted: str, priority: Priority) -> JobView:
    """Give the job another priority; it counts from the next claim."""
    async with app.store.transaction() as tx:
        job = await tx.jobs.find(wanted)
        await tx.jobs.set_priority(job.number, priority, now=await tx.now())
    return await describe_job(app, job.id)
