"""The changed options of a schedule in words; pure."""

from __future__ import annotations

from orchestrator.domain.options import DeclaredOption, values_of
from orchestrator.domain.recurrence_words import recurrence_words
from orchestrator.domain.schedule import SCHEDULE_OPTIONS, Schedule
from orchestrator.domain.selection import Selection


def differences(before: Schedule, after: Schedule) -> dict[str, str]:
    """Returns the changed parts of a schedule by their options: as they were, and as they are."""
    was, is_ = _options(before), _options(after)
    return {name: f"{was[name] or 'none'} → {is_[name] or 'none'}" for name in was if was[name] != is_[name]}


def options_in_words(schedule: Schedule) -> list[tuple[DeclaredOption, str]]:
    """Returns each declared option with its value in words."""
    values = {**values_of(schedule.order), **values_of(schedule.rules)}
    return [(each, each.describe(values[each.name])) for each in SCHEDULE_OPTIONS]


def _options(schedule: Schedule) -> dict[str, str]:
    order = schedule.order
    return {
        "recurrence": recurrence_words(schedule.recurrence),
        "timezone": schedule.recurrence.timezone,
        **{each.flag: said for each, said in options_in_words(schedule)},
        "list": order.list_name if order.source is None else "",
        **_source_options(order.source),
        "notify": ", ".join(schedule.channels),
    }


def _source_options(source: Selection | None) -> dict[str, str]:
    found = Selection() if source is None else source
    return {
        "group": found.group or "",
        "where": " and ".join(condition.text for condition in found.conditions),
        "device": ", ".join(found.devices),
        "match": found.match or "",
        "prefer": "newest" if found.prefer_newest else "",
        "stale-ok": "yes" if found.is_stale_ok else "",
    }
