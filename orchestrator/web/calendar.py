"""The coming weeks as a grid of days, Monday first, from the occurrences of one schedule or of all; pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

from orchestrator.usecases.schedules.describe_schedules import OccurrenceView

WEEKS = 4


class CalendarRun(NamedTuple):
    """One occurrence in a day of the calendar; `name` where more than one schedule is shown."""

    time_tag: OccurrenceView
    name: str = ""


@dataclass(frozen=True, slots=True)
class Day:
    """A day and its runs, None where there are too many before it to tell."""

    date: date
    runs: Sequence[CalendarRun] | None


Weeks = list[list[Day]]


def weeks_of(runs: Sequence[CalendarRun], *, first: date | None = None, told_until: date = date.max) -> Weeks:
    """Four weeks from that of the `first` day on, or of the first run, before which nothing would be seen.

    None at all without any run. Every run stands on the day that it has in its schedule's own time.
    """
    if not runs:
        return []
    days: dict[date, list[CalendarRun]] = defaultdict(list)
    for run in runs:
        days[run.time_tag.local.date()].append(run)
    begin = monday_of(first or min(days))
    return [
        [_day(begin + timedelta(weeks=week, days=step), days, told_until) for step in range(7)] for week in range(WEEKS)
    ]


def monday_of(day: date) -> date:
    """The first day of its week."""
    return day - timedelta(days=day.weekday())


def _day(day: date, days: dict[date, list[CalendarRun]], told_until: date) -> Day:
    if day > told_until:
        return Day(day, None)
    return Day(day, sorted(days.get(day, []), key=lambda run: (run.time_tag.local.time(), run.name)))
