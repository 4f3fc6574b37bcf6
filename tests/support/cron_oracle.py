"""What a cron expression means, asked minute by minute: slow, plain, and sharing no code with the product.

`python -m tests.support.cron_oracle` compares the product with it around every transition of every zone.
"""

from __future__ import annotations

import sys
from bisect import bisect_right
from calendar import monthrange
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise, takewhile
from random import Random
from zoneinfo import ZoneInfo, available_timezones

from orchestrator.domain.recurrence import Cron

FIRST_YEAR, LAST_YEAR = 2010, 2035
AROUND = timedelta(days=3)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Meaning:
    """An expression, and by hand what it says of a wall time."""

    expression: str
    matches: Callable[[datetime], bool]
    follows: str = "the wall"

    @property
    def is_fixed(self) -> bool:
        return self.follows == "the wall"


def _last_day(wall: datetime) -> bool:
    return wall.day == monthrange(wall.year, wall.month)[1]


def _at(wall: datetime, hour: int, minute: int = 0) -> bool:
    return (wall.hour, wall.minute) == (hour, minute)


TABLE = (
    Meaning("0 2 * * *", lambda wall: _at(wall, 2)),
    Meaning("30 2 * * *", lambda wall: _at(wall, 2, 30)),
    Meaning("0 0 * * *", lambda wall: _at(wall, 0)),
    Meaning("15 1,3,23 * * *", lambda wall: wall.minute == 15 and wall.hour in {1, 3, 23}),
    Meaning("0 * * * *", lambda wall: wall.minute == 0, "elapsed time"),
    Meaning("*/10 * * * *", lambda wall: wall.minute % 10 == 0, "elapsed time"),
    Meaning("0 */4 * * *", lambda wall: wall.minute == 0 and wall.hour % 4 == 0, "elapsed time"),
    Meaning("20 */2 * * *", lambda wall: wall.minute == 20 and wall.hour % 2 == 0, "elapsed time"),
    Meaning("*/15 2 * * *", lambda wall: wall.hour == 2 and wall.minute % 15 == 0),
    Meaning("45 1 * * 1-5", lambda wall: _at(wall, 1, 45) and wall.isoweekday() <= 5),
    Meaning("0 3 * * SUN", lambda wall: _at(wall, 3) and wall.isoweekday() == 7),
    Meaning("0 2 L * *", lambda wall: _at(wall, 2) and _last_day(wall)),
    Meaning("30 0 1 * *", lambda wall: _at(wall, 0, 30) and wall.day == 1),
    Meaning("59 23 31 * *", lambda wall: _at(wall, 23, 59) and wall.day == 31),
)


@dataclass(frozen=True, slots=True)
class Span:
    """Some days of a zone, as the offsets from UTC that hold in each of their minutes."""

    zone: str
    start: datetime
    minutes: int

    def walls(self) -> list[tuple[datetime, datetime]]:
        """Every minute of it, with what the clocks show in it."""
        zone = ZoneInfo(self.zone)
        occurrences = [self.start + index * MINUTE for index in range(self.minutes)]
        return [(instant, instant.astimezone(zone).replace(tzinfo=None, fold=0)) for instant in occurrences]


def expected(meaning: Meaning, walls: list[tuple[datetime, datetime]]) -> list[datetime]:
    """The moments at which the expression is due, by looking at every minute; the first minute only sets the stage.

    A fixed hour is due in the minute in which the clocks first reach it or pass it over. `*` and `*/n` hours are due in
    every minute that passes whose clocks match.
    """
    due = []
    highest = walls[0][1]
    for (_, before), (instant, wall) in pairwise(walls):
        if not meaning.is_fixed:
            if meaning.matches(wall):
                due.append(instant)
            continue
        # Every wall time that the clocks reach for the first time in this minute: one, or all that a gap swallows.
        reached = [wall] if wall > highest else []
        if wall - before > MINUTE:
            skipped = round((wall - before) / MINUTE)
            reached = [each for each in (before + step * MINUTE for step in range(1, skipped + 1)) if each > highest]
        if any(map(meaning.matches, reached)):
            due.append(instant)
        highest = max(highest, wall)
    return due


def mismatch(meaning: Meaning, span: Span, walls: list[tuple[datetime, datetime]]) -> str | None:
    """What is wrong in this span, in words; None where nothing is."""
    # A fixed hour that a fold before the span showed already would look new: so the span begins a fold's length early.
    first, last = walls[0][0] + _FOLD, walls[-1][0]
    wanted = [instant for instant in expected(meaning, walls) if instant > first]
    occurrences = Cron(meaning.expression, span.zone).occurrences(first)
    found = [instant.at for instant in takewhile(lambda each: each.at <= last, occurrences)]
    if found == wanted:
        return None
    wrong = sorted(set(found) ^ set(wanted)) or found
    return f"{meaning.expression!r} in {span.zone} differs first at {wrong[0]:%Y-%m-%dT%H:%MZ}"


def transition_spans(zones: Iterable[str]) -> list[Span]:
    """Three days either side of every transition of these zones, each course of offsets once."""
    distinct: dict[tuple[object, ...], Span] = {}
    for zone in zones:
        changes = transitions_of(zone)
        occurrences = [at for at, _, _ in changes]
        for at, _, _ in changes:
            start, end = at - AROUND - _FOLD, at + AROUND
            # What the clocks show in these minutes is all that either side can see of a zone.
            inside = changes[bisect_right(occurrences, start) : bisect_right(occurrences, end)]
            course = (start, *inside)
            distinct.setdefault(course, Span(zone, start, round((end - start) / MINUTE)))
    return list(distinct.values())


def random_span(chance: Random) -> Span:
    """Two days somewhere between."""
    zone = chance.choice(all_zones())
    minutes = (datetime(LAST_YEAR, 12, 29, tzinfo=UTC) - datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)) // MINUTE
    start = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC) + chance.randrange(minutes) * MINUTE
    return Span(zone, start, round(timedelta(days=2) / MINUTE))


@lru_cache(maxsize=1024)
def transitions_of(name: str) -> list[tuple[datetime, timedelta | None, timedelta | None]]:
    """When the offset of a zone changes, found by looking every six hours, then every minute."""
    zone = ZoneInfo(name)
    found = []
    instant = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
    offset = instant.astimezone(zone).utcoffset()
    while instant.year <= LAST_YEAR:
        following = instant + timedelta(hours=6)
        there = following.astimezone(zone).utcoffset()
        if there != offset:
            exact = next(
                each
                for each in (instant + step * MINUTE for step in range(1, 361))
                if each.astimezone(zone).utcoffset() == there
            )
            found.append((exact, offset, there))
        instant, offset = following, there
    return found


@lru_cache(maxsize=1)
def all_zones() -> tuple[str, ...]:
    return tuple(sorted(available_timezones()))


def mismatches(spans: Iterable[Span]) -> Iterator[str]:
    """What is wrong in these spans, for every expression of the table."""
    for span in spans:
        walls = span.walls()
        for meaning in TABLE:
            found = mismatch(meaning, span, walls)
            if found is not None:
                yield found


_FOLD = timedelta(days=1, hours=1)
"""Longer than any zone ever put its clocks back."""


def main(samples: int = 2000) -> int:
    """Every transition, and random spans between; the number of mismatches."""
    chance = Random(2035)
    spans = transition_spans(all_zones())
    changes = sum(len(transitions_of(zone)) for zone in all_zones())
    sys.stdout.write(f"{changes:,} transitions of {len(all_zones())} zones, {len(spans):,} of them distinct\n")
    wrong = 0
    for found in mismatches([*spans, *(random_span(chance) for _ in range(samples))]):
        sys.stdout.write(f"{found}\n")
        wrong += 1
    sys.stdout.write(f"{wrong} mismatches in {len(spans) + samples:,} spans by {len(TABLE)} expressions\n")
    return min(wrong, 1)


if __name__ == "__main__":
    raise SystemExit(main())
