"""The outcomes of each night, summed from noon to noon of the reader's clock; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from orchestrator.domain.job import Tally
from orchestrator.domain.zones import instant_at

NIGHTS_SHOWN = 14
_NOON = 12


@dataclass(frozen=True, slots=True)
class Night:
    """One night, named by the morning on which it ends, and the schedules whose run in it was missed."""

    morning: date
    tally: Tally
    missed: tuple[str, ...] = ()


def morning_of(at: datetime, zone: ZoneInfo) -> date:
    """The morning on which the night of this time ends; a night is from noon to noon."""
    local = at.astimezone(zone)
    return local.date() + timedelta(days=local.hour >= _NOON)


def begin_of_nights(now: datetime, zone: ZoneInfo, *, count: int = NIGHTS_SHOWN) -> datetime:
    """Returns the beginning of the oldest night that is shown."""
    noon = datetime.combine(morning_of(now, zone) - timedelta(days=count), datetime.min.time()).replace(hour=_NOON)
    return instant_at(noon, zone)


def last_nights(
    outcomes: Iterable[tuple[datetime, Tally]],
    missed: Iterable[tuple[datetime, str]],
    *,
    now: datetime,
    zone: ZoneInfo,
    count: int = NIGHTS_SHOWN,
) -> list[Night]:
    """The last nights, oldest first, the present one among them; a job counts in the night in which it started."""
    last = morning_of(now, zone)
    mornings = [last - timedelta(days=back) for back in reversed(range(count))]
    tallies = dict.fromkeys(mornings, Tally())
    lost: dict[date, list[str]] = {morning: [] for morning in mornings}
    for at, tally in outcomes:
        morning = morning_of(at, zone)
        if morning in tallies:
            tallies[morning] += tally
    for at, schedule in missed:
        if (morning := morning_of(at, zone)) in lost:
            lost[morning].append(schedule)
    return [Night(morning, tallies[morning], tuple(lost[morning])) for morning in mornings]
