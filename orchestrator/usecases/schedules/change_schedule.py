"""Change a schedule in place: its recurrence, what it asks for, or its rules; its name, history and blackouts stay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from orchestrator.app import App
from orchestrator.domain.access import Actor, scope_of
from orchestrator.domain.confirmation import Confirm, Facts
from orchestrator.domain.errors import RequestRejected, ScheduleInvalid, UnknownSchedule
from orchestrator.domain.recurrence import first_occurrences
from orchestrator.domain.schedule import Schedule, ScheduleStatus
from orchestrator.domain.schedule_change import ScheduleChange, changed
from orchestrator.telemetry.logger import get_logger
from orchestrator.usecases.access.scopes import scope_of_schedule
from orchestrator.usecases.schedules.describe_schedules import ScheduleView, describe_schedule
from orchestrator.usecases.schedules.expand_selection import ExpandedSelection, expanded
from orchestrator.usecases.schedules.judge_schedule import refuse_bad_schedule
from orchestrator.usecases.schedules.schedule_differences import differences
from orchestrator.usecases.schedules.skip_occurrences import skip_passed

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ChangedSchedule:
    """The changed schedule, and its differences in words."""

    view: ScheduleView
    differences: dict[str, str]


async def change_schedule(
    app: App,
    name: str,
    change: ScheduleChange,
    *,
    by: Actor,
    confirm: Confirm | None = None,
    shown_list: Facts | None = None,
    refuse_if_outdated: Callable[[Schedule], None] | None = None,
) -> ChangedSchedule:
    """Changes the schedule for all occurrences without a decision; a running job goes on as it was submitted.

    The changed schedule is checked like a new one. A paused schedule stays paused, one that was set aside stays so, and
    one that has ended goes on with a new recurrence. `refuse_if_outdated` is called with the locked schedule before the
    change; an exception from it leaves the schedule as it is.
    """
    if not change:
        raise RequestRejected("Say what is to change: every option of `muster schedule add` can be given.")
    wish = _Wish(change, by, confirm, shown_list, refuse_if_outdated)
    source = change.get("source")
    if source is None:
        different = await _change(app, name, wish, None)
    else:
        wish = replace(wish, change={**change, "ceiling": by.grant.ceiling})
        async with app.store.reading() as tx:
            order = (await tx.schedules.by_name(name)).order
        by.grant.refuse_change(scope_of(order.action, order.tenant, 0))
        order = replace(order, tenant=change.get("tenant", order.tenant), via=change.get("via", order.via))
        by.grant.refuse_change(scope_of(order.action, order.tenant, 0))
        async with expanded(app, name, order, replace(source, is_stale_ok=True), by=by) as expansion:
            different = await _change(app, name, wish, expansion)
    return ChangedSchedule(await describe_schedule(app, name), different)


@dataclass(frozen=True, slots=True)
class _Wish:
    """The change, the actor, and the facts that they confirm."""

    change: ScheduleChange
    by: Actor
    confirm: Confirm | None
    shown_list: Facts | None
    refuse_if_outdated: Callable[[Schedule], None] | None


async def _change(app: App, name: str, wish: _Wish, expansion: ExpandedSelection | None) -> dict[str, str]:
    change, by, confirm, shown_list = wish.change, wish.by, wish.confirm, wish.shown_list
    async with app.store.transaction() as tx:
        now = await tx.now()
        schedule = await tx.schedules.locked((await tx.schedules.by_name(name)).number)
        if schedule is None:
            raise UnknownSchedule(name)
        if wish.refuse_if_outdated is not None:
            wish.refuse_if_outdated(schedule)
        wanted = changed(schedule, change, now=now)
        by.grant.refuse_change(await scope_of_schedule(tx, schedule))
        by.grant.refuse_change(scope_of(wanted.order.action, wanted.order.tenant, 0))
        if (wanted.order.action, wanted.order.list_name) == (schedule.order.action, schedule.order.list_name) and (
            wanted.order.source == schedule.order.source
        ):
            confirm = shown_list = None  # it calls no other devices, and for nothing else
        if expansion is not None:
            await expansion.publish(tx)
        await refuse_bad_schedule(app, tx, wanted, by=by, confirm=confirm, shown_list=shown_list)
        next_at, status = schedule.next_at, schedule.status
        if wanted.recurrence != schedule.recurrence:
            await skip_passed(tx, schedule, "the schedule was given another recurrence", now=now)
            first = first_occurrences(wanted.recurrence, now, 1)
            if not first:
                raise ScheduleInvalid("This schedule is never due.")
            next_at = first[0].at
            status = ScheduleStatus.ACTIVE if status is ScheduleStatus.ENDED else status
        different = differences(schedule, wanted)
        if different:
            await tx.schedules.redefine(wanted, next_at=next_at, status=status)
            await tx.audit.write(by, "schedule.changed", name, reason=change.get("reason"), facts=different, now=now)
        if schedule.order.source is not None and wanted.order.source is None:
            await tx.lists.discard(schedule.order.list_name)
    log.info("schedule.changed", schedule=name, changed=[*different], next_at=next_at, by=by.name)
    return different
