"""A new schedule: everything it refers to is looked at before anybody relies on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from orchestrator.domain.access import Asker
from orchestrator.domain.blackout import Blackout
from orchestrator.domain.due import window_of
from orchestrator.domain.errors import ScheduleInvalid, UnknownChannel
from orchestrator.domain.rhythm import Rhythm, first_moments
from orchestrator.domain.schedule import Order, Rules
from orchestrator.usecases.app import App
from orchestrator.usecases.describe_schedules import ScheduleView, describe_schedule
from orchestrator.usecases.import_list import refuse_bad_name

log = structlog.get_logger()

SHORTEST_START = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class NewSchedule:
    """What somebody asks for."""

    name: str
    rhythm: Rhythm
    order: Order
    rules: Rules = field(default_factory=Rules)
    channels: tuple[str, ...] = ()
    blackouts: tuple[Blackout, ...] = ()


async def add_schedule(app: App, new: NewSchedule, *, by: Asker) -> ScheduleView:
    """Store the schedule; what it lacks is said now and not at night."""
    by.grant.refuse_action(new.order.action)
    refuse_bad_name(new.name, "a schedule")
    app.tenant(new.order.tenant)
    for channel in new.channels:
        if channel not in app.messenger.channels:
            raise UnknownChannel(channel, tuple(app.messenger.channels))
    if new.rules.start_within < SHORTEST_START:
        raise ScheduleInvalid(
            "--start-within takes ten seconds at least: a clock looks once a second, and may be busy."
        )
    if new.rules.carry_over and new.rules.until is None and not new.blackouts:
        raise ScheduleInvalid("--carry-over takes up what a window left: it needs --until.")
    async with app.store.transaction() as tx:
        now = await tx.now()
        version = await tx.lists.newest(new.order.list_name)
        if version.via is not new.order.via:
            raise ScheduleInvalid(
                f"List {version.name!r} was imported for --via {version.via}; say --via {version.via}, or import it "
                f"with --via {new.order.via}."
            )
        by.grant.refuse_devices(version.devices)
        first = first_moments(new.rhythm, now, 1)
        if not first:
            raise ScheduleInvalid("This schedule is never due.")
        schedule = await tx.schedules.add(new.name, new.rhythm, new.order, new.rules, new.channels, by=by.name, now=now)
        window = window_of(schedule, first[0].at, ())
        if window is not None and window.ends - first[0].at <= new.rules.jitter:
            raise ScheduleInvalid("--jitter may take a job beyond its window: give less of it, or a later --until.")
        await tx.schedules.advance(schedule, first[0].at)
        await tx.schedules.add_blackouts(new.blackouts, schedule=schedule.number)
        facts = {"action": new.order.action, "list": new.order.list_name}
        await tx.audit.write(by, "schedule.added", new.name, reason=new.order.reason, facts=facts, now=now)
    log.info("schedule.added", schedule=new.name, next_at=first[0].at, by=by.name)
    return await describe_schedule(app, new.name)
