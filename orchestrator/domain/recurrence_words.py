"""A recurrence as a sentence, and a cron expression from choices (how often, on which days, at which time); pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import time
from typing import Literal, assert_never

from orchestrator.domain.due import clock_time
from orchestrator.domain.errors import ScheduleInvalid
from orchestrator.domain.recurrence import Cron, Every, Once, Recurrence
from orchestrator.domain.spans import span

Frequency = Literal["day", "weekday", "week", "month", "hour"]

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MOST_TIMES = 4


@dataclass(frozen=True, slots=True)
class ChosenTimes:
    """The choices of a form; `days` counts from 1 for Monday, and of `clock` each hour takes only the minute."""

    frequency: Frequency = "day"
    days: tuple[int, ...] = ()
    month_day: int = 1
    clock: str = "02:00"

    @property
    def expression(self) -> str:
        """The cron expression; ScheduleInvalid says which choice is missing or wrong."""
        try:
            at = time.fromisoformat(self.clock.strip())
        except ValueError:
            raise ScheduleInvalid(f"{self.clock!r} is no time of day; it takes 02:00.") from None
        begin = f"{at.minute} {at.hour}"
        if self.frequency == "week":
            if not self.days or not {*self.days} <= {*range(1, 8)}:
                raise ScheduleInvalid("Choose at least one day of the week.")
            return f"{begin} * * {','.join(str(day) for day in sorted({*self.days}))}"
        if self.frequency == "month":
            if not 1 <= self.month_day <= 31:
                raise ScheduleInvalid(f"{self.month_day} is no day of a month.")
            return f"{begin} {self.month_day} * *"
        if self.frequency == "hour":
            return f"{at.minute} * * * *"
        return f"{begin} * * {'1-5' if self.frequency == 'weekday' else '*'}"


def chosen_times(expression: str) -> ChosenTimes | None:
    """The choices that make this expression, letter by letter; None where none do."""
    minute, hour, day, _, weekday = (*expression.split(), "", "", "", "", "")[:5]
    clock = f"{int(hour) if hour.isdecimal() else 0:02}:{int(minute):02}" if minute.isdecimal() else ""
    days = tuple(int(each) for each in weekday.split(",") if each.isdecimal())
    frequencies: tuple[Frequency, ...] = ("day", "weekday", "week", "month", "hour")
    for frequency in frequencies:
        choice = ChosenTimes(frequency, days, int(day) if day.isdecimal() else 1, clock)
        try:
            if choice.expression == expression:
                return choice
        except ScheduleInvalid:
            continue
    return None


def sentence_of(recurrence: Recurrence) -> str:
    """The recurrence as people say it: "Every weekday at 02:00"; an expression beyond that stays as it is."""
    match recurrence:
        case Cron(expression):
            return _cron_sentence(expression) or expression
        case Every(interval):
            hours, rest = divmod(interval.total_seconds(), 3600)
            if rest or not hours:
                return f"Every {span(interval.total_seconds())}"
            return "Every hour" if hours == 1 else f"Every {hours:.0f} hours"
        case _:
            wall = recurrence.wall
            return f"Once, {wall:%a} {wall.day} {wall:%b %Y} at {clock_time(wall.time())}"


def _cron_sentence(expression: str) -> str | None:
    minute, hour, day, month, weekday = expression.split()
    days = _days_words(day, weekday)
    if month != "*" or days is None:
        return None
    if minute.isdecimal() and (hours := _numbers(hour, 24)) is not None:
        if len(hours) == 24:
            return f"{days[1]}every hour, at minute {int(minute)}".capitalize()
        if len(hours) <= _MOST_TIMES:
            return f"{days[0]} at {_joined([f'{each:02}:{int(minute):02}' for each in hours])}"
        step = hour.removeprefix("*/")
        if step.isdecimal() and hours[0] == 0:
            return f"{days[1]}every {step} hours, at minute {int(minute)}".capitalize()
    minutes = _numbers(minute, 60)
    if hour == "*" and minutes is not None and minute.startswith("*"):
        step = minute.removeprefix("*/")
        return f"{days[1]}every {'minute' if step == '*' else f'{step} minutes'}".capitalize()
    return None


def _days_words(day: str, weekday: str) -> tuple[str, str] | None:
    """The days before a time, and before an interval; None where the two fields say more than one sentence can."""
    if weekday == "*" and day == "*":
        return "Every day", ""
    if weekday == "*" and (numbers := _numbers(day, 32)) is not None:
        return (words := f"On day {_joined([str(each) for each in numbers])} of each month"), f"{words}, "
    if day != "*":
        return None
    name, nth, count = weekday.partition("#")
    if nth:
        found = _weekdays(name)
        if found is None or len(found) != 1 or count not in _COUNTS:
            return None
        return (words := f"{_COUNTS[count]} {DAYS[found[0] - 1]} of each month"), f"{words}, "
    chosen = _weekdays(weekday)
    if chosen is None:
        return None
    if chosen == [1, 2, 3, 4, 5]:
        return "Every weekday", "On weekdays, "
    if len(chosen) == len(DAYS):
        return "Every day", ""
    words = f"Every {_joined([DAYS[each - 1] for each in chosen])}"
    return words, f"{words}, "


def _weekdays(field: str) -> list[int] | None:
    text = field.casefold()
    for number, name in enumerate(DAYS, start=1):
        text = text.replace(name[:3].casefold(), str(number))
    numbers = _numbers(text, 8)
    return None if numbers is None else sorted({each or 7 for each in numbers})


def _numbers(field: str, end: int) -> list[int] | None:
    """The numbers below `end` that a field of an expression stands for; None where it has more than lists and steps."""
    found: set[int] = set()
    for part in field.split(","):
        text, stepped, step = part.partition("/")
        first, ranged, last = text.partition("-")
        if text == "*":
            begin, stop = 0, end - 1
        elif first.isdecimal() and (last.isdecimal() or not ranged):
            begin, stop = int(first), int(last) if ranged else end - 1 if stepped else int(first)
        else:
            return None
        if stepped and not (step.isdecimal() and int(step)):
            return None
        found.update(range(begin, stop + 1, int(step or 1)))
    return sorted(found) if found and max(found) < end else None


def _joined(words: Collection[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


_COUNTS = {"1": "First", "2": "Second", "3": "Third", "4": "Fourth", "5": "Fifth"}


def recurrence_words(recurrence: Recurrence) -> str:
    """Returns the recurrence on one line, as its option has it."""
    match recurrence:
        case Cron(expression, timezone):
            return f"{expression} ({timezone})"
        case Every(interval):
            return f"every {span(interval.total_seconds())}"
        case Once(wall, timezone):
            return f"once, {wall:%Y-%m-%d} {clock_time(wall.time())} ({timezone})"
        case _:
            assert_never(recurrence)
