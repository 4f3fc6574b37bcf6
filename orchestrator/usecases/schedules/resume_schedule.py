"""Resume a schedule that was paused or set aside."""

from __future__ import annotations

from orchestrator.app import App
from orchestrator.domain.access import Actor
from orchestrator.domain.confirmation import Facts, refuse_outdated
from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.schedule import ScheduleStatus
from orchestrator.telemetry.logger import get_logger
from orchestrator.usecases.access.revoke_key import refusal_of_creator
from orchestrator.usecases.access.scopes import schedule_to_change
from orchestrator.usecases.schedules.describe_schedules import ScheduleView, describe_schedule, facts_shown
from orchestrator.usecases.schedules.judge_schedule import refuse_bad_schedule
from orchestrator.usecases.schedules.skip_occurrences import skip_passed

log = get_logger(__name__)


async def resume_schedule(
    app: App, name: str, *, by: Actor, reason: str | None = None, shown: Facts | None = None
) -> ScheduleView:
    """Let a paused schedule, or one that was set aside, go on; occurrences that have passed are not made up for.

    Checks the list and the options again: a schedule that is still bad stays as it is, and the error says why.
    """
    async with app.store.transaction() as tx:
        schedule = await schedule_to_change(tx, name, by)
        if schedule.status is ScheduleStatus.ENDED:
            raise RequestRejected(f"Schedule {name!r} has ended. Add another for another time.")
        if schedule.status is not ScheduleStatus.ACTIVE:
            refuse_outdated(shown, await facts_shown(tx, schedule))
            now = await tx.now()
            await refuse_bad_schedule(app, tx, schedule, by=by)
            next_at = await skip_passed(tx, schedule, f"the schedule was {schedule.status}", now=now)
            await tx.schedules.advance(schedule, next_at)
            await tx.schedules.clear_reason(schedule.number)
            if await refusal_of_creator(tx, schedule.creator, now=now) is not None:
                await tx.schedules.set_creator(schedule.number, by.caller)
            await tx.audit.write(by, "schedule.resumed", name, reason=reason, now=now)
    log.info("schedule.resumed", schedule=name, by=by.name)
    return await describe_schedule(app, name)
