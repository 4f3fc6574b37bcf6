"""A schedule in words: on one line, and with its rules spelled out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.domain.due import clock_time
from orchestrator.domain.figures import plural, rfc3339, utc_second
from orchestrator.domain.recurrence import Cron, Every
from orchestrator.domain.recurrence_words import recurrence_words
from orchestrator.domain.schedule import OccurrenceStatus, Overlap
from orchestrator.domain.selection import changes_words
from orchestrator.domain.spans import span
from orchestrator.throttle.forecast_words import forecast_line
from orchestrator.usecases.schedules.schedule_differences import options_in_words

if TYPE_CHECKING:
    from orchestrator.domain.recurrence import Recurrence
    from orchestrator.domain.schedule import Order, Schedule
    from orchestrator.store.jobs.saved_lists import ListVersion
    from orchestrator.store.schedules.occurrences import OccurrenceFacts
    from orchestrator.usecases.schedules.describe_schedules import ScheduleView


def schedule_row(view: ScheduleView) -> dict[str, str]:
    """Returns a schedule on one line."""
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
        "last": "" if last is None else f"{last.status} {utc_second(last.at)}",
        "reason": schedule.reason or view.problem or "",
    }


def schedule_words(view: ScheduleView) -> dict[str, object]:
    """Returns a schedule in words, its rules spelled out; None where there is nothing to say."""
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
        "action": f"{order.action}, via {order.via}, tenant {order.tenant}, priority {order.priority}",
        **_devices_words(order, version),
        "duration": forecast,
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
        "created": f"{rfc3339(schedule.created_at)} by {schedule.created_by}",
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
    sentences = [(each.facts.shown.partition(": "), said) for each, said in options_in_words(schedule)]
    return {name: words.format(said) for (name, _, words), said in sentences if words and said}


def _daylight_words(recurrence: Recurrence) -> str:
    if isinstance(recurrence, Every) or (isinstance(recurrence, Cron) and not recurrence.follows_the_wall_clock):
        if isinstance(recurrence, Cron) and recurrence.follows_steps:
            return "follows elapsed time: due in every hour that passes and matches, twice where it comes twice"
        return "follows elapsed time: nothing pauses for an hour and nothing doubles"
    return "follows the wall clock: a time that is skipped runs right after the gap, and one that comes twice runs once"


def _window_words(schedule: Schedule) -> str:
    rules = schedule.rules
    if rules.until is None:
        return "open: calls start until the job is done"
    rest = "called first next time" if rules.carry_over else "left waiting"
    return f"no call starts after {clock_time(rules.until)} ({schedule.recurrence.timezone}); the rest is {rest}"


def _last_words(occurrence: OccurrenceFacts) -> str:
    about = f": {occurrence.reason}" if occurrence.reason else ""
    job = f", job {occurrence.job}" if occurrence.status is OccurrenceStatus.STARTED else ""
    return f"{utc_second(occurrence.at)} {occurrence.status}{job}{about}"


def _some(words: list[str]) -> list[str] | None:
    if len(words) > 5:
        return [*words[:5], f"and {len(words) - 5} more"]
    return words or None


_OVERLAP = {
    Overlap.SKIP: "skip: no run starts while the last job has not ended",
    Overlap.QUEUE: "queue: one run waits for the last job to end",
    Overlap.CANCEL: "cancel: the last job is cancelled to make room",
}
