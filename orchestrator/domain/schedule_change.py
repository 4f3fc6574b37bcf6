"""A change of a schedule as a person wrote it, and the changed schedule; pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, assert_never

from orchestrator.domain.options import replaced
from orchestrator.domain.recurrence import Cron, Every, Once, Recurrence, parse_cron, parse_once, recurrence_of
from orchestrator.domain.schedule import SCHEDULE_OPTIONS, Schedule
from orchestrator.domain.selection import Selection, own_list
from orchestrator.domain.zones import zone_of

ScheduleChange = dict[str, Any]
"""A change of a schedule by the names of its options; one that is not named stays, and None removes an optional one.

Beside the options: `cron`, `every` or `at`, `timezone`, `list_name` or `source` (a Selection), `ceiling` and `notify`.
"""

_BESIDE = frozenset({"cron", "every", "at", "timezone", "list_name", "source", "ceiling", "notify"})
_KNOWN = _BESIDE | {each.name for each in SCHEDULE_OPTIONS}


def changed(schedule: Schedule, change: ScheduleChange, *, now: datetime) -> Schedule:
    """The schedule as it is to be; RequestRejected says which part of the change cannot be read.

    KeyError for a name that is no option of a schedule: an edge took one that the product does not have.
    """
    if unknown := change.keys() - _KNOWN:
        raise KeyError(*sorted(unknown))
    order = schedule.order
    list_name, source = _devices(schedule, change)
    ceiling = change.get("ceiling") if "source" in change else order.ceiling
    return replace(
        schedule,
        recurrence=_recurrence(schedule.recurrence, change, now),
        order=replace(replaced(order, change), list_name=list_name, source=source, ceiling=ceiling),
        rules=replaced(schedule.rules, change),
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
