"""A job of a schedule now, because somebody asks for it."""

from __future__ import annotations

from orchestrator.domain.access import Asker
from orchestrator.domain.errors import StillRunning
from orchestrator.domain.ids import JobId
from orchestrator.domain.job import Job
from orchestrator.domain.schedule import MomentStatus, Overlap
from orchestrator.store.moments import MomentFacts
from orchestrator.usecases.app import App
from orchestrator.usecases.fire_schedules import running_job
from orchestrator.usecases.start_moment import MAKING, Making, start_moment


async def run_schedule(app: App, name: str, *, by: Asker) -> Job:
    """The job, without a window, whatever the schedule's status; StillRunning where the last one has not ended."""
    async with app.store.transaction() as tx:
        schedule = await tx.schedules.by_name(name)
        by.grant.refuse_action(schedule.order.action)
        by.grant.refuse_devices((await tx.lists.newest(schedule.order.list_name)).devices)
        await tx.schedules.locked(schedule.number)
        now = await tx.now()
        running = await running_job(tx, schedule.number)
        making = [each for each in await tx.moments.open_of(schedule.number) if each.status is MomentStatus.STARTING]
        if making:
            raise StillRunning(f"A job of schedule {name!r} is being made right now. Look at it first.")
        cancels: JobId | None = None
        if running is not None:
            if schedule.rules.overlap is not Overlap.CANCEL:
                raise StillRunning(
                    f"Job {running} of schedule {name!r} has not ended, and its devices would be called twice. "
                    f"`muster job watch {running}` follows it, `muster job cancel {running}` ends it."
                )
            cancels = running
        starting = MomentFacts(schedule.number, now, MomentStatus.STARTING, None, now, by=by.name)
        await tx.moments.note([starting], holder=app.worker, lease_until=now + MAKING)
    try:
        return await start_moment(app, Making(schedule, now, None, cancels, app.worker, by))
    except BaseException as problem:
        async with app.store.transaction() as tx:
            reason = str(problem) or "interrupted"
            await tx.moments.settle(schedule.number, now, MomentStatus.FAILED, reason, now=await tx.now())
        raise
