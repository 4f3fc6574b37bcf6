"""Look at the way to Graph before a job is set running again: where no call could leave, nothing is changed."""

from __future__ import annotations

from orchestrator.app import App
from orchestrator.domain.access import Actor
from orchestrator.usecases.jobs.job_lane import lane_to_move_to, refuse_other_tenant
from orchestrator.usecases.operations.check_way import check_way


async def check_way_to_resume(app: App, wanted: str, *, by: Actor, rebind: bool) -> None:
    """Raises what `resume_job` and `check_way` raise where this process could not call the rest of the job.

    A job that has ended is left to `resume_job`, which says so.
    """
    async with app.store.reading() as tx:
        job = await tx.jobs.find(wanted)
    if job.status.is_final:
        return
    if not rebind:
        await lane_to_move_to(app, wanted, by=by, rebind=False)
    await check_way(app, job.tenant)


async def check_way_to_retry(app: App, wanted: str) -> None:
    """Check the way to Graph for a new job of the old job's devices; the errors are those of a resume."""
    async with app.store.reading() as tx:
        job = await tx.jobs.find(wanted)
    refuse_other_tenant(app, job)
    await check_way(app, job.tenant)


async def check_way_to_run(app: App, schedule: str) -> None:
    """Check the way to Graph for a job of a schedule."""
    async with app.store.reading() as tx:
        tenant = (await tx.schedules.by_name(schedule)).order.tenant
    await check_way(app, tenant)
