"""An iCalendar file from a person becomes blackouts; events that repeat are spelled out for some years."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

import recurring_ical_events
from icalendar import Calendar
from icalendar.parser import Contentlines

from orchestrator.domain.blackout import Blackout
from orchestrator.domain.errors import ScheduleInvalid
from orchestrator.intake.calendar_bounds import MOST_STEPS, endless_rule, steps_of

HORIZON = timedelta(days=5 * 366)
"""How far ahead an event that repeats without end is spelled out."""

MOST_EVENTS = 10_000
MOST_BYTES = 10 * 1024 * 1024

# BEGIN, END, DTSTART, RRULE, EXRULE, EXDATE and RDATE.
_BEGINNINGS = frozenset({"BE", "EN", "DT", "RR", "EX", "RD"})


def read_calendar(content: bytes, *, now: datetime, name: str) -> list[Blackout]:
    """Every event from now on, free ones and cancelled ones left out; all-day events are local days."""
    if len(content) > MOST_BYTES:
        raise ScheduleInvalid(f"{name} is larger than any calendar: {MOST_BYTES:,} bytes are taken.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise ScheduleInvalid(f"{name} is no iCalendar file that can be read: it is not UTF-8.") from problem
    # Looked at before it is parsed: the rules of time zones are expanded while the library reads them.
    if (steps := steps_of(_properties(text), until=now + HORIZON)) > MOST_STEPS:
        raise ScheduleInvalid(
            f"{name} has events that repeat too often, or too many of them: they come to some {steps:,} within five "
            f"years, and {MOST_EVENTS:,} are taken. Leave out past events. An event that repeats every second or "
            "minute keeps nothing dark that one long event does not."
        )
    if (rule := endless_rule(_properties(text))) is not None:
        raise ScheduleInvalid(
            f"{name} has an event that repeats by {rule[:80]!r}: its days never come, or it picks out single hours, "
            "minutes or seconds. Give one event for each day instead, or none where the day does not exist."
        )
    try:
        calendar = Calendar.from_ical(text)
        events = recurring_ical_events.of(calendar).between(now - timedelta(days=1), now + HORIZON)
    except Exception as problem:
        # The library raises any error of its parts: each of them means that the file is no calendar.
        raise ScheduleInvalid(f"{name} is no iCalendar file that can be read: {problem}.") from problem
    if len(events) > MOST_EVENTS:
        raise ScheduleInvalid(f"{name} has more than {MOST_EVENTS:,} events in the next five years.")
    blackouts = [blackout for event in events if (blackout := _blackout(event)) is not None]
    if not blackouts:
        raise ScheduleInvalid(f"{name} has no event from now on, so it would keep nothing dark.")
    return sorted(blackouts, key=lambda each: each.starts.isoformat())


def _properties(text: str) -> Iterator[tuple[str, str]]:
    """The properties that the bounds look at, as the library itself reads them: folds, quotes and escapes among it."""
    for line in Contentlines.from_ical(text):  # type: ignore[no-untyped-call] # the library has no type for it
        if line.lstrip()[:2].upper() in _BEGINNINGS:
            # A line that the library cannot read is no property of an event.
            with suppress(ValueError):
                name, _, value = line.parts()
                yield str(name).strip().upper(), str(value).strip()


def _blackout(event: Any) -> Blackout | None:
    if str(event.get("STATUS", "")).upper() == "CANCELLED" or str(event.get("TRANSP", "")).upper() == "TRANSPARENT":
        return None
    starts, ends = event.start, event.end
    if not isinstance(starts, datetime):
        starts, ends = _midnight(starts), _midnight(ends)
        if ends <= starts:
            ends = starts + timedelta(days=1)
    if ends <= starts:
        return None
    summary = event.get("SUMMARY")
    return Blackout(_plain(starts), _plain(ends), None if summary is None else str(summary))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)  # noqa: DTZ001 - a local day, in whichever zone it is looked at


def _plain(instant: datetime) -> datetime:
    """UTC, or local without a zone: what the table keeps."""
    return instant if instant.tzinfo is None else instant.astimezone(UTC)
