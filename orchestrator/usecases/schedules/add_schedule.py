"""A new schedule: everything it refers to is looked at before anybody relies on it."""

from __future__ import annotations

from dataclasses import dataclass, field

from orchestrator.app import App
from orchestrator.domain.access import Actor, scope_of
from orchestrator.domain.blackout import Blackout
from orchestrator.domain.confirmation import Confirm, Facts
from orchestrator.domain.errors import ScheduleInvalid
from orchestrator.domain.recurrence import Recurrence, first_occurrences
from orchestrator.domain.schedule import Order, Rules
from orchestrator.telemetry.logger import get_logger
from orchestrator.usecases.lists.import_list import refuse_bad_name
from orchestrator.usecases.schedules.describe_schedules import ScheduleView, describe_schedule
from orchestrator.usecases.schedules.judge_schedule import refuse_bad_schedule

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class NewSchedule:
    """What somebody asks for."""

    name: str
    recurrence: Recurrence
    order: Order
    rules: Rules = field(default_factory=Rules)
    channels: tuple[str, ...] = ()
    blackouts: tuple[Blackout, ...] = ()


async def add_schedule(
    app: App, new: NewSchedule, *, by: Actor, confirm: Confirm | None = None, shown_list: Facts | None = None
) -> ScheduleView:
    """Store the schedule; what it lacks is said now and not at night."""
    by.grant.refuse_change(scope_of(new.order.action, new.order.tenant, 0))
    refuse_bad_name(new.name, "a schedule")
    async with app.store.transaction() as tx:
        now = await tx.now()
        first = first_occurrences(new.recurrence, now, 1)
        if not first:
            raise ScheduleInvalid("This schedule is never due.")
        schedule = await tx.schedules.add(
            new.name, new.recurrence, new.order, new.rules, new.channels, by=by.name, creator=by.caller, now=now
        )
        await tx.schedules.add_blackouts(new.blackouts, schedule=schedule.number)
        await refuse_bad_schedule(app, tx, schedule, by=by, confirm=confirm, shown_list=shown_list)
        await tx.schedules.advance(schedule, first[0].at)
        facts = {"action": new.order.action, "list": new.order.list_name}
        await tx.audit.write(by, "schedule.added", new.name, reason=new.order.reason, facts=facts, now=now)
    log.info("schedule.added", schedule=new.name, next_at=first[0].at, by=by.name)
    return await describe_schedule(app, new.name)
