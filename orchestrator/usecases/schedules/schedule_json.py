"""A schedule, its occurrences and its history as JSON and as words; pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, assert_never

from orchestrator.domain.due import clock_time
from orchestrator.domain.figures import plural, rfc3339
from orchestrator.domain.options import DeclaredOption, values_of
from orchestrator.domain.recurrence import Cron, Every, Once
from orchestrator.domain.schedule import SCHEDULE_OPTIONS, OccurrenceStatus, Overlap
from orchestrator.domain.selection import Selection, changes_words
from orchestrator.domain.spans import span
from orchestrator.domain.zones import zone_of
from orchestrator.throttle.forecast_words import forecast_line

if TYPE_CHECKING:
    from orchestrator.domain.recurrence import Recurrence
    from orchestrator.domain.schedule import Order, Schedule
    from orchestrator.store.jobs.saved_lists import ListVersion
    from orchestrator.store.schedules.occurrences import OccurrenceFacts
    from orchestrator.usecases.schedules.describe_schedules import OccurrenceView, ScheduleView


def occurrence_object(view: OccurrenceView) -> dict[str, Any]:
    """One occurrence to come, as the contract has it."""
    return {"local": view.local.isoformat(timespec="seconds"), "utc": _utc(view.at), "marks": list(view.marks)}


def schedule_object(view: ScheduleView) -> dict[str, Any]:
    """The whole of a schedule."""
    schedule = view.schedule
    order, rules = schedule.order, schedule.rules
    return {
        "name": schedule.name,
        "status": schedule.status.value,
        "reason": schedule.reason or view.problem,
        **_recurrence_object(schedule.recurrence),
        "action": order.action.value,
        "via": order.via.value,
        "tenant": order.tenant,
        "priority": order.priority.value,
        "jobName": order.name,
        "jobReason": order.reason,
        "list": order.list_name if order.source is None else None,
        "source": None if order.source is None else source_object(order.source),
        "change": None if order.source is None or view.version is None else change_object(view.version),
        "listVersion": None if view.version is None else view.version.version,
        "devices": None if view.version is None else view.version.devices,
        "rules": {
            "startWithinSeconds": rules.start_within.total_seconds(),
            "overlap": rules.overlap.value,
            "until": None if rules.until is None else rules.until.isoformat(),
            "carryOver": rules.carry_over,
            "jitterSeconds": rules.jitter.total_seconds(),
            "toleratePercent": rules.tolerate,
        },
        "canary": order.canary,
        "brakeShare": order.brake.share,
        "brakeSample": order.brake.sample,
        "notify": list(schedule.channels),
        "blackouts": [
            {"from": each.starts.isoformat(), "to": each.ends.isoformat(), "reason": each.reason}
            for each in view.blackouts
        ],
        "createdBy": schedule.created_by,
        "createdAt": rfc3339(schedule.created_at),
        "nextAt": _utc(view.upcoming[0].at) if view.upcoming else None,
        "next": [occurrence_object(each) for each in view.upcoming],
        "last": None if view.last is None else history_object(view.last, schedule),
    }


def source_object(source: Selection) -> dict[str, Any]:
    """A selection that each run expands anew, in the words of the options."""
    return {
        "group": source.group,
        "where": [condition.text for condition in source.conditions],
        "device": list(source.devices),
        "match": source.match or "auto",
        "prefer": "newest" if source.prefer_newest else None,
        "staleOk": source.is_stale_ok,
    }


def change_object(version: ListVersion) -> dict[str, Any]:
    """How the last expansion of a selection differed from the one before it."""
    return {"at": rfc3339(version.imported_at), "added": version.added, "removed": version.removed}


def schedule_row(view: ScheduleView) -> dict[str, Any]:
    """A schedule on one line."""
    schedule = view.schedule
    last = view.last
    return {
        "name": schedule.name,
        "status": schedule.status.value,
        "recurrence": recurrence_words(schedule.recurrence),
        "action": schedule.order.action.value,
        "tenant": schedule.order.tenant,
        "list": schedule.order.devices_of,
        "next": view.upcoming[0].local.isoformat(timespec="seconds") if view.upcoming else "",
        "last": "" if last is None else f"{last.status} {_utc(last.at)}",
        "reason": schedule.reason or view.problem or "",
    }


def schedule_facts(view: ScheduleView) -> dict[str, Any]:
    """A schedule in words, its rules spelled out."""
    schedule = view.schedule
    order, rules = schedule.order, schedule.rules
    version = view.version
    forecast = None if view.forecast is None else forecast_line(view.forecast)
    blackouts = [each.words for each in view.blackouts]
    return {
        "name": schedule.name,
        "status": schedule.status.value,
        "why": schedule.reason or view.problem,
        "recurrence": recurrence_words(schedule.recurrence),
        "asks": f"{order.action}, via {order.via}, tenant {order.tenant}, priority {order.priority}",
        **_devices_words(order, version),
        "takes": forecast,
        "daylight saving": _daylight_words(schedule.recurrence),
        "missed": f"runs if at most {span(rules.start_within.total_seconds())} late, else recorded as missed",
        "overlap": _OVERLAP[rules.overlap],
        "window": _window_words(schedule),
        "jitter": f"up to {span(rules.jitter.total_seconds())}" if rules.jitter else None,
        "blackouts": _some(blackouts),
        "notifies": list(schedule.channels) or None,
        "canaries": order.canary or None,
        **_other_options(schedule),
        "brake": f"stops when more than {order.brake.share} % of at least {order.brake.sample:,} devices fail",
        "made": f"{rfc3339(schedule.created_at)} by {schedule.created_by}",
        "last": None if view.last is None else _last_words(view.last),
    }


def _devices_words(order: Order, version: ListVersion | None) -> dict[str, str]:
    """Whose devices are called, in words: the list, or the selection and what it came to when it was last expanded."""
    if order.source is None:
        held = (
            "there is no such list"
            if version is None
            else f"version {version.version}, {plural(version.devices, 'device')}"
        )
        return {"list": f"{order.list_name}: {held}"}
    if version is None:
        return {"devices of": order.devices_of}
    words = changes_words(
        order.devices_of,
        version=version.version,
        devices=version.devices,
        added=version.added,
        removed=version.removed,
    )
    return {"devices of": f"{words} ({rfc3339(version.imported_at)}); expanded anew for each run"}


def _other_options(schedule: Schedule) -> dict[str, str]:
    """Returns the sentences of the options that have one of their own."""
    sentences = [(each.facts.shown.partition(": "), said) for each, said in _said(schedule)]
    return {name: words.format(said) for (name, _, words), said in sentences if words and said}


def _said(schedule: Schedule) -> list[tuple[DeclaredOption, str]]:
    """Each option with its value in words."""
    values = {**values_of(schedule.order), **values_of(schedule.rules)}
    return [(each, each.said(values[each.name])) for each in SCHEDULE_OPTIONS]


def differences(before: Schedule, after: Schedule) -> dict[str, str]:
    """Returns the changed parts of a schedule by their options: as they were, and as they are."""
    was, is_ = _options(before), _options(after)
    return {name: f"{was[name] or 'none'} → {is_[name] or 'none'}" for name in was if was[name] != is_[name]}


def _options(schedule: Schedule) -> dict[str, str]:
    order = schedule.order
    return {
        "recurrence": recurrence_words(schedule.recurrence),
        "timezone": schedule.recurrence.timezone,
        **{each.flag: said for each, said in _said(schedule)},
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


def history_object(occurrence: OccurrenceFacts, schedule: Schedule) -> dict[str, Any]:
    """Returns the JSON object of one occurrence."""
    try:
        local = occurrence.at.astimezone(zone_of(schedule.recurrence.timezone)).isoformat(timespec="seconds")
    except Exception:  # noqa: BLE001 - the zone may be gone, and the history must be readable all the same
        local = _utc(occurrence.at)
    return {
        "local": local,
        "utc": _utc(occurrence.at),
        "status": occurrence.status.value,
        "job": occurrence.job,
        "listVersion": occurrence.list_version,
        "reason": occurrence.reason or (f"by {occurrence.by}" if occurrence.by else None),
        "by": occurrence.by,
        "more": occurrence.more,
        "decidedAt": rfc3339(occurrence.decided_at),
    }


def recurrence_words(recurrence: Recurrence) -> str:
    """The recurrence on one line."""
    match recurrence:
        case Cron(expression, timezone):
            return f"{expression} ({timezone})"
        case Every(interval):
            return f"every {span(interval.total_seconds())}"
        case Once(wall, timezone):
            return f"once, {wall:%Y-%m-%d} {clock_time(wall.time())} ({timezone})"
        case _:
            assert_never(recurrence)


def _recurrence_object(recurrence: Recurrence) -> dict[str, Any]:
    match recurrence:
        case Cron(expression, timezone):
            return {"cron": expression, "everySeconds": None, "at": None, "timezone": timezone}
        case Every(interval, _, timezone):
            return {"cron": None, "everySeconds": interval.total_seconds(), "at": None, "timezone": timezone}
        case Once(wall, timezone):
            return {"cron": None, "everySeconds": None, "at": wall.isoformat(), "timezone": timezone}
        case _:
            assert_never(recurrence)


def _daylight_words(recurrence: Recurrence) -> str:
    if isinstance(recurrence, Every) or (isinstance(recurrence, Cron) and not recurrence.follows_the_wall_clock):
        if isinstance(recurrence, Cron) and recurrence.follows_steps:
            return "follows elapsed time: due in every hour that passes and matches, twice where it comes twice"
        return "follows elapsed time: nothing pauses for an hour and nothing doubles"
    return "follows the wall clock: what does not exist runs right after the gap, what comes twice runs the first time"


def _window_words(schedule: Schedule) -> str:
    rules = schedule.rules
    if rules.until is None:
        return "open: calls start until the job is done"
    rest = "called first next time" if rules.carry_over else "left waiting"
    return f"no call starts after {clock_time(rules.until)} ({schedule.recurrence.timezone}); the rest is {rest}"


def _last_words(occurrence: OccurrenceFacts) -> str:
    about = f": {occurrence.reason}" if occurrence.reason else ""
    job = f", job {occurrence.job}" if occurrence.status is OccurrenceStatus.STARTED else ""
    return f"{_utc(occurrence.at)} {occurrence.status}{job}{about}"


def _some(words: list[str]) -> list[str] | None:
    if len(words) > 5:
        return [*words[:5], f"and {len(words) - 5} more"]
    return words or None


def _utc(occurrence: datetime) -> str:
    return occurrence.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_OVERLAP = {
    Overlap.SKIP: "skip: while the last job has not ended, an occurrence is passed over",
    Overlap.QUEUE: "queue: one occurrence waits for the last job to end",
    Overlap.CANCEL: "cancel: the last job is cancelled to make room",
}
