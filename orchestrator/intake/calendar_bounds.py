"""How much the repeating events of an iCalendar file come to, estimated before anything is expanded; pure."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterable
from datetime import UTC, datetime

MOST_STEPS = 200_000
"""Occurrences that a file may come to from its first day on: each is computed, past ones too."""

_OF_A_PART = 8
_OF_A_SEARCH = 5_000
"""Further counts, by the time that they take: of an event or a single date, and of a rule with BYSETPOS."""


Properties = Iterable[tuple[str, str]]
"""The properties of a file in their order, each with its name in capitals and its value."""


def steps_of(properties: Properties, *, until: datetime) -> int:
    """An upper estimate of the occurrences of all events up to a time; rules of time zones count as well.

    Above MOST_STEPS it is of the events so far.
    """
    starts: list[datetime | None] = []
    rules: list[list[str]] = []
    total = 0
    for name, value in properties:
        if name == "BEGIN":
            total += _OF_A_PART
            starts.append(None)
            rules.append([])
        elif name == "END" and starts:
            start = starts.pop()
            total += sum(_steps(rule, start, until) for rule in rules.pop())
        elif name == "DTSTART" and starts:
            starts[-1] = _day_of(value)
        elif name in {"RDATE", "EXDATE"}:
            total += _OF_A_PART * (value.count(",") + 1)
        elif name in _RULES and rules:
            rules[-1].append(value)
        if total > MOST_STEPS:
            break
    return total


def endless_rule(properties: Properties) -> str | None:
    """The first rule that would be searched up to the year 9999, in vain or hour by hour; None where there is none."""
    rules = (value for name, value in properties if name in _RULES)
    return next((rule for rule in rules if _is_endless(_parts(rule))), None)


def _is_endless(parts: dict[str, str]) -> bool:
    seconds = _SECONDS.get(parts.get("FREQ", "").upper(), 2 * _DAY)
    if any(name.startswith("BY") if seconds < _DAY else name == "BYSETPOS" and seconds == _DAY for name in parts):
        return True
    interval = _integer(parts.get("INTERVAL", ""))
    if interval is not None and interval < 1:
        return True
    for name, last in _LAST.items():
        # A search for what does not exist ends in the year 9999.
        if (numbers := _integers(parts.get(name, ""))) and not any(0 < abs(number) <= last for number in numbers):
            return True
    days, months = _integers(parts.get("BYMONTHDAY", "")), _integers(parts.get("BYMONTH", "")) or list(_LENGTHS)
    return bool(days) and not any(0 < abs(day) <= _LENGTHS.get(month, 0) for day in days for month in months)


def _parts(rule: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in rule.split(";"))
    return {name.strip().upper(): value.strip() for name, _, value in pairs}


def _steps(rule: str, start: datetime | None, until: datetime) -> int:
    parts = _parts(rule)
    seconds = _SECONDS.get(parts.get("FREQ", "").upper())
    if seconds is None:
        return 0
    ends = min(until, _day_of(parts.get("UNTIL", "")) or until)
    # Without a first day that can be read, the time since 1970 is taken.
    length = max((ends - (start or _EPOCH)).total_seconds(), 0.0)
    periods = length / (seconds * max(_integer(parts.get("INTERVAL", "")) or 1, 1)) + 1
    filters = [name for name in parts if name.startswith("BY")]
    each = 1
    for name, longer_than in _FINER.items():
        if name in parts and seconds > longer_than:
            each *= parts[name].count(",") + 1
    if seconds > _DAY and not _OF_DAYS.isdisjoint(filters):
        each *= seconds // _DAY
    count = _integer(parts.get("COUNT", ""))
    # With a filter, many periods may pass before the last of so many occurrences.
    found = int(periods * each)
    if count is not None and count >= 0 and not filters:
        found = min(found, count)
    return found + (_OF_A_SEARCH if "BYSETPOS" in parts else 0)


def _integer(text: str) -> int | None:
    try:
        return int(text) if len(text) < _LONGEST_NUMBER else None
    except ValueError:
        return None


def _integers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"-?\d{1,6}", text)]


def _day_of(text: str) -> datetime | None:
    try:
        # The day is enough for an estimate.
        return datetime.strptime(text[:8], "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        return None


_RULES = frozenset({"RRULE", "EXRULE"})
_LONGEST_NUMBER = 13
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = 86_400
_SECONDS = {
    "SECONDLY": 1,
    "MINUTELY": 60,
    "HOURLY": 3_600,
    "DAILY": _DAY,
    "WEEKLY": 7 * _DAY,
    "MONTHLY": 30 * _DAY,
    "YEARLY": 365 * _DAY,
}
_LENGTHS = {month: monthrange(2024, month)[1] for month in range(1, 13)}
"""Days of each month, in a leap year."""

_LAST = {"BYMONTH": 12, "BYWEEKNO": 53, "BYYEARDAY": 366, "BYDAY": 53}
_FINER = {"BYSECOND": 1, "BYMINUTE": 60, "BYHOUR": 3_600}
_OF_DAYS = {"BYDAY", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO"}
