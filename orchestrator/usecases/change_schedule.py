"""Pause a schedule, let it go on, or remove it."""

from __future__ import annotations

from collections import deque

import structlog

from orchestrator.domain.access import Asker, Role
from orchestrator.domain.errors import RequestRejected, ScheduleInvalid, UnknownChannel
from orchestrator.domain.schedule import MomentStatus, Schedule, ScheduleStatus
from orchestrator.store.database import Transaction
from orchestrator.store.moments import MomentFacts
from orchestrator.usecases.app import App
from orchestrator.usecases.describe_schedules import ScheduleView, describe_schedule
from orchestrator.usecases.fire_schedules import MOST_ROWS

log = structlog.get_logger()


async def pause_schedule(app: App, name: str, *, by: Asker, reason: str | None = None) -> ScheduleView:
    """Let no further moment become a job; a job that runs goes on."""
    by.grant.refuse_below(Role.OPERATOR)
    async with app.store.transaction() as tx:
        schedule = await tx.schedules.by_name(name)
        if schedule.status is ScheduleStatus.ENDED:
            raise RequestRejected(f"Schedule {name!r} has ended: there is nothing to pause.")
        if schedule.status is not ScheduleStatus.PAUSED:
            words = f"paused by {by.name}" if reason is None else f"paused by {by.name}: {reason}"
            await tx.schedules.put(schedule.number, ScheduleStatus.PAUSED, words)
            await tx.audit.write(by, "schedule.paused", name, reason=reason, now=await tx.now())
    log.info("schedule.paused", schedule=name, by=by.name, reason=reason)
    return await describe_schedule(app, name)


async def resume_schedule(app: App, name: str, *, by: Asker, reason: str | None = None) -> ScheduleView:
    """Let a paused schedule, or one that was set aside, go on; moments that have passed are not made up for.

    What a schedule refers to is looked at again: one that is still bad stays as it is, and says why.
    """
    async with app.store.transaction() as tx:
        schedule = await tx.schedules.by_name(name)
        by.grant.refuse_action(schedule.order.action)
        if schedule.status is ScheduleStatus.ENDED:
            raise RequestRejected(f"Schedule {name!r} has ended. Add another for another time.")
        if schedule.status is not ScheduleStatus.ACTIVE:
            await _refuse_if_bad(app, tx, schedule)
            await _go_on(tx, schedule)
            await tx.schedules.put_reason(schedule.number, None)
            await tx.audit.write(by, "schedule.resumed", name, reason=reason, now=await tx.now())
    log.info("schedule.resumed", schedule=name, by=by.name)
    return await describe_schedule(app, name)


async def remove_schedule(app: App, name: str, *, by: Asker, reason: str | None = None) -> None:
    """Remove a schedule and its history; its jobs stay."""
    by.grant.refuse_below(Role.OPERATOR)
    async with app.store.transaction() as tx:
        await tx.schedules.remove(name)
        await tx.audit.write(by, "schedule.removed", name, reason=reason, now=await tx.now())
    log.info("schedule.removed", schedule=name, by=by.name)


async def _refuse_if_bad(app: App, tx: Transaction, schedule: Schedule) -> None:
    app.tenant(schedule.order.tenant)
    version = await tx.lists.newest(schedule.order.list_name)
    if version.via is not schedule.order.via:
        raise ScheduleInvalid(f"List {version.name!r} is imported for --via {version.via}, not {schedule.order.via}.")
    for channel in schedule.channels:
        if channel not in app.messenger.channels:
            raise UnknownChannel(channel, tuple(app.messenger.channels))


async def _go_on(tx: Transaction, schedule: Schedule) -> None:
    now = await tx.now()
    passed: deque[MomentFacts] = deque(maxlen=MOST_ROWS)
    words = f"the schedule was {schedule.status}"
    next_at = schedule.next_at
    if next_at is not None and next_at <= now:
        passed.append(MomentFacts(schedule.number, next_at, MomentStatus.SKIPPED, words, now))
        first, next_at = next_at, None
        for moment in schedule.rhythm.moments(first):
            if moment.at > now:
                next_at = moment.at
                break
            passed.append(MomentFacts(schedule.number, moment.at, MomentStatus.SKIPPED, words, now))
    await tx.moments.note(list(passed))
    await tx.schedules.advance(schedule, next_at)
