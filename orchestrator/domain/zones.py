"""Local times in UTC: the meaning of a time of day in a zone that moves its clocks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from tzlocal.windows_tz import win_tz

from orchestrator.domain.errors import UnknownZone

_FROM_WINDOWS = {name.casefold(): iana for name, iana in win_tz.items()}
"""Unicode's table of the names that Windows and PowerShell show, such as `W. Europe Standard Time`."""


@dataclass(frozen=True, slots=True)
class ZoneChange:
    """The clocks of a zone move: at this moment the offset from UTC becomes another."""

    at: datetime
    before: timedelta
    after: timedelta


def zone_of(name: str) -> ZoneInfo:
    """The zone of this IANA name, or of one of Windows' own; UnknownZone where there is none, or none any more."""
    plain = name.strip().strip("\"'").strip()
    # IANA's own names first: "UTC" is one, and Windows calls another zone by it.
    for candidate_of in (str, _from_windows, _spelled):
        if (candidate := candidate_of(plain)) is not None:
            try:
                return ZoneInfo(candidate)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                continue
    raise UnknownZone(name)


def _from_windows(name: str) -> str | None:
    return _FROM_WINDOWS.get(name.casefold())


@lru_cache
def _spelled(name: str) -> str | None:
    """The IANA name in its own letter case; None where there is none."""
    wanted = name.casefold()
    return next((each for each in available_timezones() if each.casefold() == wanted), None)


def wall_at(instant: datetime, zone: ZoneInfo) -> datetime:
    """Returns the local time at this instant."""
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


def instant_at(wall: datetime, zone: ZoneInfo) -> datetime:
    """When the clocks show this: the first time if twice, and if never, the end of the gap."""
    instant = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if wall_at(instant, zone) == wall:
        return instant
    # In a gap the offset before it leads past it, and the offset after it leads before it.
    return _change_between(wall.replace(tzinfo=zone, fold=1).astimezone(UTC), instant, zone).at


def is_skipped(wall: datetime, zone: ZoneInfo) -> bool:
    """Whether the clocks never show this."""
    return wall_at(wall.replace(tzinfo=zone, fold=0).astimezone(UTC), zone) != wall


def is_repeated(wall: datetime, zone: ZoneInfo) -> bool:
    """Whether the clocks show this twice."""
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return first < second


def first_change(after: datetime, until: datetime, zone: ZoneInfo) -> ZoneChange | None:
    """The first change of the clocks after the one time and no later than the other."""
    for year in range(after.year, until.year + 1):
        for change in _changes_in(zone, year):
            if after < change.at <= until:
                return change
    return None


@lru_cache(maxsize=4096)
def _changes_in(zone: ZoneInfo, year: int) -> tuple[ZoneChange, ...]:
    # zoneinfo does not tell its transitions. Looking once a day misses none: no zone ever moved its clocks and moved
    # them back within one.
    changes = []
    day, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    while day < end:
        following = min(day + timedelta(days=1), end)
        if _offset(day, zone) != _offset(following, zone):
            changes.append(_change_between(day, following, zone))
        day = following
    return tuple(changes)


def _change_between(low: datetime, high: datetime, zone: ZoneInfo) -> ZoneChange:
    before, after = _offset(low, zone), _offset(high, zone)
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=int((high - low).total_seconds()) // 2)
        if _offset(middle, zone) == before:
            low = middle
        else:
            high = middle
    return ZoneChange(high, before, after)


def _offset(instant: datetime, zone: ZoneInfo) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta(0)
