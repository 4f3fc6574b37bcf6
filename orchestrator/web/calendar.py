"""Some weeks as a grid of days, Monday first: past runs with their results, coming runs, and blackouts; pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from orchestrator.domain.blackout import Blackout

WEEKS = 4
PLANNED = "planned"
_WORST = ("failed", "stopped", "missed", "failures", "waiting", "running", "paused", "queued", "finished", PLANNED)
_MOST_ALONE = 2
"""Runs of one schedule on one day that stand alone; more are one entry with their number."""


@dataclass(frozen=True, slots=True)
class CalendarRun:
    """One run: its kind gives icon and colour, `words` its result; `job` where one was submitted."""

    at: datetime
    name: str = ""
    kind: str = PLANNED
    words: str = ""
    job: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a day: a run, or all the runs of one schedule; the kind is the worst of them."""

    label: str
    name: str
    kind: str
    words: str
    job: str | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """A day and its entries, None where there are too many runs before it; the blackouts that touch it."""

    date: date
    entries: Sequence[Entry] | None
    is_today: bool = False
    is_dark: bool = False
    blackouts: tuple[str, ...] = ()


Weeks = list[list[Day]]


@dataclass(frozen=True, slots=True)
class Frame:
    """The span of a calendar: its first Monday, the zone of its clock, and the present day there."""

    begin: date
    zone: ZoneInfo
    today: date
    weeks: int = WEEKS

    @property
    def end(self) -> date:
        """The first day after it."""
        return self.begin + timedelta(weeks=self.weeks)

    @property
    def last(self) -> date:
        """Returns the last day of the span."""
        return self.end - timedelta(days=1)

    @property
    def moments(self) -> tuple[datetime, datetime]:
        """Its beginning and its end."""
        return _midnight(self.begin, self.zone), _midnight(self.end, self.zone)


def frame_of(now: datetime, zone: ZoneInfo, wanted: date | None = None) -> Frame:
    """Four weeks from the week of the `wanted` day on; without one from the week before this one."""
    today = now.astimezone(zone).date()
    begin = monday_of(wanted) if wanted else monday_of(today) - timedelta(weeks=1)
    return Frame(begin, zone, today)


def weeks_of(
    runs: Sequence[CalendarRun], frame: Frame, *, told_until: date = date.max, blackouts: Sequence[Blackout] = ()
) -> Weeks:
    """The weeks of a frame; every run stands on the day that it has by the clock of the frame."""
    days: dict[date, list[CalendarRun]] = defaultdict(list)
    for run in runs:
        days[run.at.astimezone(frame.zone).date()].append(run)
    return [
        [_day(frame.begin + timedelta(weeks=week, days=step), days, frame, told_until, blackouts) for step in range(7)]
        for week in range(frame.weeks)
    ]


def monday_of(day: date) -> date:
    """The first day of its week."""
    return day - timedelta(days=day.weekday())


def _day(
    day: date,
    runs: Mapping[date, Sequence[CalendarRun]],
    frame: Frame,
    told_until: date,
    blackouts: Sequence[Blackout],
) -> Day:
    begin, end = _midnight(day, frame.zone), _midnight(day + timedelta(days=1), frame.zone)
    spans = [(*each.span(frame.zone), each.words) for each in blackouts]
    dark = [span for span in spans if span[0] < end and span[1] > begin]
    is_dark = any(starts <= begin and ends >= end for starts, ends, _ in dark)
    words = tuple(_blackout_words(span, begin, end, frame.zone) for span in dark)
    is_told = day <= told_until
    entries = _entries(runs.get(day, ()), frame.zone) if is_told else None
    return Day(day, entries, day == frame.today, is_dark, words)


def _entries(runs: Sequence[CalendarRun], zone: ZoneInfo) -> list[Entry]:
    ordered = sorted(runs, key=lambda run: (run.at.astimezone(zone).time(), run.name))
    by_name: dict[str, list[CalendarRun]] = defaultdict(list)
    for run in ordered:
        by_name[run.name].append(run)
    found = []
    for run in ordered:
        same = by_name[run.name]
        label = f"{run.at.astimezone(zone):%H:%M}"
        if len(same) <= _MOST_ALONE or not run.name:
            found.append(Entry(label, run.name, run.kind, run.words, run.job))
        elif same[0] is run:
            worst = min(same, key=_badness)
            words = "; ".join(f"{each.at.astimezone(zone):%H:%M} {each.words}".strip() for each in same)
            found.append(Entry(f"{len(same)} runs", run.name, worst.kind, words))
    return found


def _badness(run: CalendarRun) -> int:
    return _WORST.index(run.kind) if run.kind in _WORST else len(_WORST)


def _blackout_words(span: tuple[datetime, datetime, str], begin: datetime, end: datetime, zone: ZoneInfo) -> str:
    starts, ends, words = span
    from_ = f" from {starts.astimezone(zone):%H:%M}" if starts > begin else ""
    until = f" until {ends.astimezone(zone):%H:%M}" if ends < end else ""
    return f"{words}{from_}{until}"


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
