"""Pause a schedule."""

from __future__ import annotations

from orchestrator.app import App
from orchestrator.domain.access import Actor, Role
from orchestrator.domain.confirmation import Facts, refuse_outdated
from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.schedule import ScheduleStatus
from orchestrator.telemetry.logger import get_logger
from orchestrator.usecases.access.scopes import schedule_to_change
from orchestrator.usecases.schedules.describe_schedules import ScheduleView, describe_schedule, facts_shown

log = get_logger(__name__)


async def pause_schedule(
    app: App, name: str, *, by: Actor, reason: str | None = None, shown: Facts | None = None
) -> ScheduleView:
    """Let no further occurrence become a job; a job that runs goes on."""
    by.grant.refuse_below(Role.OPERATOR)
    async with app.store.transaction() as tx:
        schedule = await schedule_to_change(tx, name, by)
        if schedule.status is ScheduleStatus.ENDED:
            raise RequestRejected(f"Schedule {name!r} has ended: there is nothing to pause.")
        if schedule.status is not ScheduleStatus.PAUSED:
            refuse_outdated(shown, await facts_shown(tx, schedule))
            words = f"paused by {by.name}" if reason is None else f"paused by {by.name}: {reason}"
            await tx.schedules.set_status(schedule.number, ScheduleStatus.PAUSED, words)
            await tx.audit.write(by, "schedule.paused", name, reason=reason, now=await tx.now())
    log.info("schedule.paused", schedule=name, by=by.name, reason=reason)
    return await describe_schedule(app, name)
