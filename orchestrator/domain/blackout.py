"""Times in which no schedule starts a job: days, ranges, or events of a calendar."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from orchestrator.domain.errors import ScheduleInvalid
from orchestrator.domain.zones import instant_at


@dataclass(frozen=True, slots=True)
class Blackout:
    """From `starts` until just before `ends`; without a zone they are local times of each schedule's own zone."""

    starts: datetime
    ends: datetime
    reason: str | None = None
    number: int | None = None

    def span(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """Returns its beginning and its end as times with a zone."""
        return _instant(self.starts, zone), _instant(self.ends, zone)

    def covers(self, instant: datetime, zone: ZoneInfo) -> bool:
        """Returns whether the time lies within the blackout."""
        starts, ends = self.span(zone)
        return starts <= instant < ends

    @property
    def words(self) -> str:
        """The blackout in words: its reason, or its days."""
        if self.reason:
            return self.reason
        # Whole days are said as they are given: the last one counts.
        last = self.ends - timedelta(days=1) if self.ends.time() == self.starts.time() == time() else self.ends
        return _shown(self.starts) if last == self.starts else f"{_shown(self.starts)} to {_shown(last)}"


def blackout_at(instant: datetime, blackouts: Iterable[Blackout], zone: ZoneInfo) -> Blackout | None:
    """The blackout that the time lies in."""
    return next((each for each in blackouts if each.covers(instant, zone)), None)


def next_blackout(
    after: datetime, before: datetime, blackouts: Iterable[Blackout], zone: ZoneInfo
) -> tuple[datetime, Blackout] | None:
    """The blackout that begins first between the two times, and when."""
    beginning = [(each.span(zone)[0], each) for each in blackouts]
    between = [(starts, each) for starts, each in beginning if after < starts < before]
    return min(between, key=lambda pair: pair[0], default=None)


def parse_blackout(text: str, reason: str | None = None) -> Blackout:
    """The blackout that "2026-12-24", "2026-12-24..2027-01-02" or a range of times names; whole days are included."""
    first, ranged, last = text.strip().partition("..")
    starts, ends = _bound(first, text), _bound(last if ranged else first, text)
    if _is_day(last if ranged else first):
        ends += timedelta(days=min(1, _YEARS[1] - ends.year))
    try:
        return blackout_between(starts, ends, reason)
    except ScheduleInvalid as problem:
        raise ScheduleInvalid(f"{text!r} {problem}") from None


def blackout_between(starts: datetime, ends: datetime, reason: str | None, number: int | None = None) -> Blackout:
    """The blackout of these bounds; ScheduleInvalid says, as a clause, why they are none."""
    if (starts.tzinfo is None) != (ends.tzinfo is None):
        raise ScheduleInvalid("names a zone on one side only.")
    if not _YEARS[0] <= starts.year <= ends.year < _YEARS[1]:
        raise ScheduleInvalid(f"does not lie between the years {_YEARS[0]} and {_YEARS[1]}.")
    if ends <= starts:
        raise ScheduleInvalid("ends before it begins.")
    return Blackout(starts, ends, reason, number)


_YEARS = (1970, 9000)
"""Times before and behind these overflow where they become those of a zone."""


def _bound(text: str, blackout: str) -> datetime:
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        raise ScheduleInvalid(
            f"{blackout!r} is no blackout; it takes 2026-12-24, 2026-12-24..2027-01-02 or "
            "2026-12-24T18:00..2026-12-25T06:00."
        ) from None


def _is_day(text: str) -> bool:
    return "T" not in text and ":" not in text


def _instant(bound: datetime, zone: ZoneInfo) -> datetime:
    return instant_at(bound, zone) if bound.tzinfo is None else bound


def _shown(bound: datetime) -> str:
    return f"{bound:%Y-%m-%d}" if bound.time() == time() else f"{bound:%Y-%m-%d %H:%M}"
