"""How fast one lane may call: pure arithmetic on an immutable value; see docs/throttle.md for the proof.

Permits are departure times, evenly spaced, never a burst. A call that leaves within PERMIT_LIFE of its departure
and travels at most TRAVEL_SPREAD longer than another falls, with at most `limit.calls - 1` others, into any window
that the other side may cut.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from orchestrator.domain.lane import WriteLimit

PERMIT_LIFE = 0.15
"""Seconds after its departure time in which a permit may be used; enforced where the call leaves."""

TRAVEL_SPREAD = 0.3
"""Seconds by which one call may travel longer than another; an assumption, since nobody can enforce it."""

HORIZON = 0.5
"""Seconds ahead of now that permits are granted: what a 429 cannot call back any more."""

LEAD = 0.04
"""Seconds between a grant and its first departure: the time to write down the intent."""

LONGEST_CLOSURE = 3600.0
"""Seconds a lane is closed at most; bounds a clock that jumped, and a reply that names next year."""

LONGEST_GUESS = 60.0
"""Seconds a lane is closed at most where the refusal named no time."""

FORGIVEN_AFTER = 30.0
"""Seconds of an open lane after which its refusals are forgotten."""

SLACK = 0.5
"""Seconds by which a departure may seem too far ahead before the shared clock is taken to have gone back."""


class Keeper(StrEnum):
    """Who keeps the pace of a lane in a team's installation."""

    REDIS = "redis"
    ROW = "row"


@dataclass(frozen=True, slots=True)
class Pace:
    """Where a lane stands, in seconds on the clock of whoever keeps it.

    `last_departure` is the latest that was granted; it may lie ahead. It says nothing about the limit, so that
    whoever asks next may have another.
    """

    last_departure: float
    closed_until: float = 0.0
    refusals: int = 0


@dataclass(frozen=True, slots=True)
class Grant:
    """Leave to call at each of `departures`; where there are none, asking again makes sense at `ask_again_at`."""

    departures: tuple[float, ...]
    ask_again_at: float
    closed_until: float


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave for one call between two moments of this process's own monotonic clock, in seconds."""

    earliest: float
    latest: float


@dataclass(frozen=True, slots=True)
class Permits:
    """A grant as one process may use it; `ask_again_at` and `closed_until` are on its monotonic clock.

    `closed_until` is 0 where the lane is open. `keeper` says who granted them where there is more than one who could.
    """

    each: tuple[Permit, ...]
    ask_again_at: float
    closed_until: float = 0.0
    keeper: Keeper | None = None


def interval(limit: WriteLimit) -> float:
    """Seconds between two departures, so that no window holds more than the limit.

    The departures of n calls that arrive in one window span (n - 1) intervals, and less than `limit.calls` of them:
    at most window + PERMIT_LIFE + TRAVEL_SPREAD. So n never passes `limit.calls`.
    """
    span = limit.window.total_seconds() + PERMIT_LIFE + TRAVEL_SPREAD + _ROUNDING
    return span / limit.calls


def unknown_past(now: float) -> Pace:
    """The pace of a lane of which nothing is known: somebody may just have been granted all there was."""
    return Pace(last_departure=now + HORIZON)


def grant(pace: Pace, now: float, want: int, limit: WriteLimit | None) -> tuple[Pace, Grant]:
    """Up to `want` departures within the horizon, and the pace after them."""
    pace = _within_bounds(pace, now)
    if pace.closed_until > now:
        return pace, Grant((), pace.closed_until, pace.closed_until)
    if limit is None:
        return pace, Grant((now,) * want, now, 0.0)
    gap = interval(limit)
    first = max(pace.last_departure + gap, pace.closed_until, now + LEAD)
    fitting = int((now + HORIZON - first) / gap) + 1 if first <= now + HORIZON else 0
    count = min(want, fitting)
    departures = tuple(first + step * gap for step in range(count))
    if not departures:
        return pace, Grant((), first - HORIZON / 2, 0.0)
    last = departures[-1]
    return replace(pace, last_departure=last), Grant(departures, last + gap - HORIZON / 2, 0.0)


def close(pace: Pace, now: float, wait: float | None, jitter: float) -> Pace:
    """The pace after a refusal of the whole lane; `jitter` in 0..1 spreads a wait that nobody named."""
    refusals = pace.refusals + 1 if now >= pace.closed_until else pace.refusals
    if wait is None:
        wait = min(LONGEST_GUESS, 2.0 ** min(refusals, 10)) * (1 + jitter / 4)
    until = now + min(wait, LONGEST_CLOSURE)
    return Pace(pace.last_departure, max(pace.closed_until, until), refusals)


def localise(granted: Grant, *, granted_at: float, asked_at: float, answered_at: float) -> Permits:
    """A grant on the keeper's clock, in moments of the asker's monotonic clock.

    The keeper looked at its clock (`granted_at`) some time between the question and the answer. A permit opens as if it
    had been at the answer and ends as if it had been at the question, so neither end is ever wrong; a round trip
    longer than PERMIT_LIFE leaves nothing to use.
    """
    each = tuple(
        Permit(answered_at + departure - granted_at, asked_at + departure - granted_at + PERMIT_LIFE)
        for departure in granted.departures
    )
    closed_until = answered_at + granted.closed_until - granted_at if granted.closed_until > granted_at else 0.0
    return Permits(each, answered_at + granted.ask_again_at - granted_at, closed_until)


def _within_bounds(pace: Pace, now: float) -> Pace:
    if pace.closed_until > now + LONGEST_CLOSURE:
        pace = replace(pace, closed_until=now + LONGEST_CLOSURE)
    if pace.last_departure > now + HORIZON + SLACK:
        # The clock that we share went back; what is outstanding still departs within one horizon.
        pace = replace(pace, last_departure=unknown_past(now).last_departure)
    if pace.refusals and now > pace.closed_until + FORGIVEN_AFTER:
        pace = replace(pace, refusals=0)
    return pace


_ROUNDING = 0.001
