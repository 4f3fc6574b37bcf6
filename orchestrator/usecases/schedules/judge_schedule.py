"""Refuse a schedule that refers to something missing, or whose rules cannot be kept, before its first run."""

from __future__ import annotations

from datetime import timedelta

from orchestrator.app import App
from orchestrator.domain.access import Actor, scope_of
from orchestrator.domain.confirmation import Confirm, Facts, refuse_outdated, version_facts
from orchestrator.domain.due import window_of
from orchestrator.domain.errors import ScheduleInvalid, UnknownChannel
from orchestrator.domain.recurrence import first_occurrences
from orchestrator.domain.schedule import Schedule
from orchestrator.domain.zones import zone_of
from orchestrator.store.engine.database import Transaction

SHORTEST_START = timedelta(seconds=10)


async def refuse_bad_schedule(
    app: App,
    tx: Transaction,
    schedule: Schedule,
    *,
    by: Actor,
    confirm: Confirm | None = None,
    shown_list: Facts | None = None,
) -> None:
    """RequestRejected says what of this schedule is not there, cannot be kept, or is more than the actor may.

    A good one is confirmed by how many devices its list has; ConfirmationOutdated where the list is not as
    `shown_list`.
    """
    order, rules = schedule.order, schedule.rules
    zone_of(schedule.recurrence.timezone)
    app.tenant(order.tenant)
    for channel in schedule.channels:
        if channel not in app.messenger.channels:
            raise UnknownChannel(channel, tuple(app.messenger.channels))
    # The import of a version that is published meanwhile judges it.
    await tx.lists.hold(order.list_name)
    version = await tx.lists.newest(order.list_name)
    if version.via is not order.via:
        raise ScheduleInvalid(
            f"List {version.name!r} was imported for --via {version.via}; say --via {version.via}, or import it "
            f"with --via {order.via}."
        )
    by.grant.refuse_change(scope_of(order.action, order.tenant, version.devices))
    if rules.start_within < SHORTEST_START:
        raise ScheduleInvalid(
            "--start-within takes ten seconds at least: a clock looks once a second, and may be busy."
        )
    if rules.carry_over and rules.until is None and not await tx.schedules.own_blackouts(schedule.number):
        raise ScheduleInvalid("--carry-over takes up what a window left: it needs --until.")
    for first in first_occurrences(schedule.recurrence, await tx.now(), 1):
        window = window_of(schedule, first.at, ())
        if window is not None and window.ends - first.at <= rules.jitter:
            raise ScheduleInvalid("--jitter may take a job beyond its window: give less of it, or a later --until.")
    refuse_outdated(shown_list, version_facts(version.version, version.devices))
    if confirm is not None:
        confirm(order.action, version.devices)
