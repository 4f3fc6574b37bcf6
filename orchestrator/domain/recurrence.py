"""When a schedule is due: by a cron expression, every so often, or once; pure, and exact where clocks move.

A fixed hour is due in the minute in which the clocks first reach it or pass it over. `*` and `*/n` hours are due in
every minute that passes whose clocks match.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile

from cronsim import CronSim, CronSimError

from orchestrator.domain.errors import ScheduleInvalid
from orchestrator.domain.figures import plural
from orchestrator.domain.spans import parse_span, span
from orchestrator.domain.zones import first_change, instant_at, is_repeated, is_skipped, wall_at, zone_of


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One due time of a schedule; `wall` is the local time that was meant."""

    at: datetime
    wall: datetime


@dataclass(frozen=True, slots=True)
class Cron:
    """Five fields, read as Debian's cron reads them."""

    expression: str
    timezone: str

    @property
    def follows_the_wall_clock(self) -> bool:
        """Whether its hours are fixed, rather than `*` or `*/n`."""
        return not self._hours.startswith("*")

    def occurrences(self, after: datetime) -> Iterator[Occurrence]:
        """The occurrences after this time, in order."""
        if self.follows_the_wall_clock:
            return self._by_the_wall(after)
        return self._by_elapsed_time(after)

    @property
    def follows_steps(self) -> bool:
        """Whether it takes only some of the hours that pass, as `*/2` does."""
        return not self.follows_the_wall_clock and self._hours not in {"*", "*/1"}

    def unusual_pause(self, occurrence: Occurrence) -> timedelta | None:
        """How long after the one before it an occurrence comes, where moving clocks have made that another span."""
        change = first_change(occurrence.at - _A_DAY, occurrence.at, zone_of(self.timezone))
        if (
            self.follows_the_wall_clock
            or change is None
            or next(self.occurrences(change.at - _SECOND)).at != occurrence.at
        ):
            return None
        earlier = list(takewhile(lambda each: each.at < occurrence.at, self.occurrences(change.at - _A_DAY)))
        if not earlier:
            return None
        before = earlier[-1]
        pause = occurrence.at - before.at
        return pause if pause != next(self._steps(before.wall)) - before.wall else None

    def _by_the_wall(self, after: datetime) -> Iterator[Occurrence]:
        zone, last = zone_of(self.timezone), after
        for wall in self._steps(wall_at(after, zone)):
            occurrence = instant_at(wall, zone)
            # All times in a gap are due at its end; a time that comes twice is due the first time.
            if occurrence > last:
                yield Occurrence(occurrence, wall)
                last = occurrence

    def _by_elapsed_time(self, after: datetime) -> Iterator[Occurrence]:
        zone, start = zone_of(self.timezone), after
        while True:
            wall = wall_at(start, zone)
            for due in self._steps(wall):
                occurrence = start + (due - wall)
                change = first_change(start, occurrence, zone)
                if change is not None:
                    break
                yield Occurrence(occurrence, due)
            else:
                return
            # From the change on the clocks show other times; its own first second counts.
            yield from self._first_second(change.at)
            start = change.at

    @property
    def _hours(self) -> str:
        return "".join(self.expression.split()[1:2])

    def _steps(self, wall: datetime) -> CronSim:
        """The wall times after this one; ScheduleInvalid where the expression cannot be read."""
        try:
            return CronSim(self.expression, wall)
        except (CronSimError, ValueError, IndexError, AssertionError) as problem:
            raise ScheduleInvalid(_unreadable(self.expression, str(problem).removeprefix("Bad "))) from problem

    def _first_second(self, at: datetime) -> Iterator[Occurrence]:
        wall = wall_at(at, zone_of(self.timezone))
        if next(self._steps(wall - _SECOND), None) == wall:
            yield Occurrence(at, wall)


@dataclass(frozen=True, slots=True)
class Every:
    """Every so often, counted from a beginning; the clocks on the wall have no part in it."""

    interval: timedelta
    beginning: datetime
    timezone: str = "UTC"

    def occurrences(self, after: datetime) -> Iterator[Occurrence]:
        """The occurrences after this time, in order; the beginning itself is none."""
        zone = zone_of(self.timezone)
        passed = max(0, (after - self.beginning) // self.interval)
        while True:
            passed += 1
            try:
                at = self.beginning + passed * self.interval
            except OverflowError:
                return
            yield Occurrence(at, wall_at(at, zone))


@dataclass(frozen=True, slots=True)
class Once:
    """At one local time, and never again."""

    wall: datetime
    timezone: str

    def occurrences(self, after: datetime) -> Iterator[Occurrence]:
        """The one occurrence, if it is still to come."""
        at = instant_at(self.wall, zone_of(self.timezone))
        if at > after:
            yield Occurrence(at, self.wall)


Recurrence = Cron | Every | Once


def parse_cron(expression: str, timezone: str, *, now: datetime) -> Cron:
    """The recurrence of this expression; ScheduleInvalid says which field is wrong, or that it is never due."""
    fields = expression.split()
    if len(fields) != len(_FIELDS):
        raise ScheduleInvalid(_miscounted(expression, len(fields)))
    cron = Cron(" ".join(fields), zone_of(timezone).key)
    if next(cron.occurrences(now), None) is None:
        raise ScheduleInvalid(f"{expression!r} is never due: there is no such day.")
    return cron


def _miscounted(expression: str, count: int) -> str:
    if (written := _NICKNAMES.get(expression.strip().casefold())) is not None:
        return f"{expression!r} is no cron expression here; write {written!r}."
    # A shell puts the names of files in place of an asterisk that is not quoted.
    quoted = " Put the expression in quotes." if count > len(_FIELDS) else ""
    return (
        f"{expression[:80]!r} is no cron expression: it has {plural(count, 'field')} and takes "
        f"five, minute hour day-of-month month day-of-week, such as '0 2 * * *' for two o'clock every night.{quoted}"
    )


def _unreadable(expression: str, field: str) -> str:
    if field == "day-of-month" and _is_day(expression.split()[2]):
        return f"{expression!r} is never due: there is no such day."
    takes = _FIELDS.get(field)
    if takes is None:
        return f"{expression!r} is no cron expression: one of its fields cannot be read."
    return (
        f"{expression!r} is no cron expression: its {field} takes {takes}, lists such as 1,3, "
        "and ranges that count upwards."
    )


def _is_day(text: str) -> bool:
    """Whether a day of the month can be read where the month has so many days."""
    try:
        CronSim(f"0 0 {text} * *", datetime(2000, 1, 1))  # noqa: DTZ001 - the expression is read, and nothing else
    except (CronSimError, ValueError, IndexError, AssertionError):
        return False
    return True


_FIELDS = {
    "minute": "0 to 59, * and */n",
    "hour": "0 to 23, * and */n",
    "day-of-month": "1 to 31, *, */n, L (the last) and LW (the last weekday)",
    "month": "1 to 12, JAN to DEC, * and */n",
    "day-of-week": "0 to 7 (0 and 7 are Sunday), SUN to SAT, *, MON#2 (the second) and 5L (the last)",
}
_NICKNAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


def parse_every(text: str, timezone: str, *, now: datetime) -> Every:
    """The recurrence of "6h" or "90m", counted from now."""
    interval = parse_span(text)
    if interval < timedelta(seconds=1):
        raise ScheduleInvalid(f"{text!r} is no interval: it takes a second at least.")
    return Every(interval, now.replace(microsecond=0), zone_of(timezone).key)


def parse_once(text: str, timezone: str, *, now: datetime) -> Once:
    """The recurrence of a local time such as 2026-12-01T02:00; ScheduleInvalid where it is past."""
    zone = zone_of(timezone)
    try:
        given = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ScheduleInvalid(f"{text!r} is no time; it takes 2026-12-01T02:00, local in --timezone.") from None
    wall = given if given.tzinfo is None else wall_at(given.astimezone(UTC), zone)
    once = Once(wall, zone.key)
    if next(once.occurrences(now), None) is None:
        raise ScheduleInvalid(f"{text} ({timezone}) has passed.")
    return once


def first_occurrences(recurrence: Recurrence, after: datetime, count: int) -> list[Occurrence]:
    """The next so many occurrences."""
    return list(islice(recurrence.occurrences(after), count))


def daylight_mark(recurrence: Recurrence, occurrence: Occurrence) -> str | None:
    """Returns the effect of daylight saving on this occurrence in words; None where there is none."""
    zone = zone_of(recurrence.timezone)
    if is_skipped(occurrence.wall, zone):
        shown = wall_at(occurrence.at, zone)
        return f"daylight saving: {occurrence.wall:%H:%M} does not exist, so it runs at {shown:%H:%M}"
    words = []
    if is_repeated(occurrence.wall, zone):
        first = instant_at(occurrence.wall, zone) == occurrence.at
        if first and not (isinstance(recurrence, Cron) and not recurrence.follows_the_wall_clock):
            return f"daylight saving: {occurrence.wall:%H:%M} comes twice, and it runs the first time"
        words.append(f"{occurrence.wall:%H:%M} for the {'first' if first else 'second'} time")
    pause = recurrence.unusual_pause(occurrence) if isinstance(recurrence, Cron) else None
    if pause is not None:
        words.append(f"{span(pause.total_seconds())} after the run before")
    return f"daylight saving: {', '.join(words)}" if words else None


_A_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


def recurrence_of(cron: str | None, every: str | None, at: str | None, timezone: str, *, now: datetime) -> Recurrence:
    """The one recurrence that was given; ScheduleInvalid says what is wrong with it."""
    given = [each for each in (cron, every, at) if each is not None]
    if len(given) != 1:
        raise ScheduleInvalid("A schedule has one recurrence. Give one of --cron, --every and --at.")
    if cron is not None:
        return parse_cron(cron, timezone, now=now)
    if every is not None:
        return parse_every(every, timezone, now=now)
    return parse_once(str(at), timezone, now=now)
