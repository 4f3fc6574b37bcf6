"""What is to be otherwise with a schedule, as somebody wrote it, and the schedule that comes of it; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypedDict, assert_never

from orchestrator.domain.action import Action
from orchestrator.domain.circuit_breaker import BrakeOptions
from orchestrator.domain.device import Via
from orchestrator.domain.job import Priority
from orchestrator.domain.recurrence import (
    Cron,
    Every,
    Once,
    Recurrence,
    parse_cron,
    parse_once,
    parse_span,
    recurrence_of,
)
from orchestrator.domain.schedule import Overlap, Schedule, parse_until
from orchestrator.domain.selection import Selection, own_list
from orchestrator.domain.zones import zone_of


class ScheduleChange(TypedDict, total=False):
    """A change of a schedule: fields that are not named stay; None removes an optional one."""

    cron: str
    every: str
    at: str
    timezone: str
    action: Action
    via: Via
    tenant: str
    list_name: str
    source: Selection
    ceiling: int | None
    priority: Priority
    job_name: str | None
    reason: str | None
    canary: int
    brake_share: int
    brake_sample: int
    start_within: str
    overlap: Overlap
    until: str | None
    carry_over: bool
    jitter: str
    tolerate: int
    notify: Sequence[str]


def changed(schedule: Schedule, change: ScheduleChange, *, now: datetime) -> Schedule:
    """The schedule as it is to be; ScheduleInvalid says which part of the change cannot be read."""
    order, rules = schedule.order, schedule.rules
    until = change.get("until")
    list_name, source = _devices(schedule, change)
    return replace(
        schedule,
        recurrence=_recurrence(schedule.recurrence, change, now),
        order=replace(
            order,
            action=change.get("action", order.action),
            via=change.get("via", order.via),
            tenant=change.get("tenant", order.tenant),
            list_name=list_name,
            source=source,
            ceiling=change.get("ceiling") if "source" in change else order.ceiling,
            priority=change.get("priority", order.priority),
            name=change.get("job_name", order.name),
            reason=change.get("reason", order.reason),
            canary=change.get("canary", order.canary),
            brake=BrakeOptions(
                change.get("brake_share", order.brake.share), change.get("brake_sample", order.brake.sample)
            ),
        ),
        rules=replace(
            rules,
            start_within=parse_span(change["start_within"]) if "start_within" in change else rules.start_within,
            overlap=change.get("overlap", rules.overlap),
            until=parse_until(until) if until is not None else None if "until" in change else rules.until,
            carry_over=change.get("carry_over", rules.carry_over),
            jitter=parse_span(change["jitter"]) if "jitter" in change else rules.jitter,
            tolerate=change.get("tolerate", rules.tolerate),
        ),
        channels=tuple(change.get("notify", schedule.channels)),
    )


def _devices(schedule: Schedule, change: ScheduleChange) -> tuple[str, Selection | None]:
    """The list and the source: a new one of either takes the place of what was there."""
    order = schedule.order
    if "source" in change:
        return own_list(schedule.name), change["source"]
    # A form sends back the list that it was shown, the schedule's own among them.
    if change.get("list_name", order.list_name) == order.list_name:
        return order.list_name, order.source
    return change["list_name"], None


def _recurrence(recurrence: Recurrence, change: ScheduleChange, now: datetime) -> Recurrence:
    """A new recurrence keeps the zone, and another zone the recurrence, where only one of them is named."""
    timezone = change.get("timezone", recurrence.timezone)
    if change.keys() & {"cron", "every", "at"}:
        return recurrence_of(change.get("cron"), change.get("every"), change.get("at"), timezone, now=now)
    if timezone == recurrence.timezone:
        return recurrence
    match recurrence:
        case Cron(expression):
            return parse_cron(expression, timezone, now=now)
        case Every(interval, beginning):
            return Every(interval, beginning, zone_of(timezone).key)
        case Once(wall):
            return parse_once(wall.isoformat(), timezone, now=now)
        case _:
            assert_never(recurrence)
