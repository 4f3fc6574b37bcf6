"""How fast one lane may call: pure arithmetic on an immutable value; see docs/throttle.md for the proof.

Permits are departure times, evenly spaced, never a burst that the limit does not allow for. A call that leaves within
PERMIT_LIFE of its departure and travels at most TRAVEL_SPREAD longer than another falls, with at most
`limit.calls - 1` others, into any window that the other side may cut.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from orchestrator.domain.lane import WriteLimit
from orchestrator.throttle import adaptation as learning
from orchestrator.throttle.adaptation import Learned
from orchestrator.throttle.pace_bounds import are_believable

PERMIT_LIFE = 0.15
"""Seconds after its departure time in which a permit may be used; enforced where the call leaves."""

TRAVEL_SPREAD = 0.3
"""Seconds by which one call may travel longer than another; an assumption, since no client can enforce it."""

HORIZON = 0.3
"""Seconds ahead of now that permits are granted: what a 429 cannot call back any more."""

CAREFUL_HORIZON = 0.12
"""The same in a lane that was refused lately, so that few calls are on their way at the next refusal."""

LEAD = 0.04
"""Seconds between a grant and its first departure: the time to write down the intent."""

LONGEST_LEAD = 1.0
"""The same at most for groups, where writing takes longer: a slow disk, a database far away, very many lanes."""

LONGEST_LEAD_SINGLY = 0.3
"""The same for single calls: one horizon of them must last for as long as writing takes."""

LONGEST_REACH = HORIZON + LONGEST_LEAD - LEAD
"""Seconds ahead at most that a permit may be granted."""

PROBE = 0.3
"""Seconds after a lane opens in which one call looks whether it really did."""

SETTLED = 2.0
"""Seconds after the probe from which on a refusal means too high a pace, and not too short a wait."""

NO_ACCIDENT = 3
"""Refusals in a row, the last as the lane opened, from which on the limit is taken to be smaller than it was."""

LONGEST_COOLDOWN = 3600.0
"""Seconds a lane is closed at most; bounds a reply that names next year."""

LONGEST_GUESS = 60.0
"""Seconds a lane is closed at most where the refusal named no time."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Where a lane stands, in seconds on the clock of its backend.

    `last_departure` is the latest slot that was granted; it may lie ahead, by `reach` when it was granted. `closed_for`
    is how long the lane was closed when it was closed last, `refusals` how often that happened in a row, `together` how
    many calls the last group held. The pace does not hold the limit, so that the next question may bring another.
    """

    last_departure: float
    reach: float = HORIZON
    closed_until: float = 0.0
    closed_for: float = 0.0
    refusals: int = 0
    together: int = 1
    learned: Learned = learning.NOTHING


@dataclass(frozen=True, slots=True)
class Grant:
    """Leave to call at each of `departures`; where there are none, asking again makes sense at `ask_again_at`."""

    departures: tuple[float, ...]
    ask_again_at: float
    closed_until: float


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a lane stands, and what the clock of its database shows, in seconds."""

    pace: Pace
    now: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """A 429: the wait that it named, if any, and how long ago its call had left, both in seconds."""

    wait: float | None
    ago: float = 0.0


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave for one call between two times of this process's own monotonic clock, in seconds."""

    earliest: float
    latest: float


@dataclass(frozen=True, slots=True)
class Permits:
    """A grant as one process may use it; `ask_again_at` and `closed_until` are on its monotonic clock.

    `closed_until` is 0 where the lane is open.
    """

    each: tuple[Permit, ...]
    ask_again_at: float
    closed_until: float = 0.0


def interval(limit: WriteLimit, together: int = 1) -> float:
    """Seconds between two departures, so that no window holds more than the limit.

    The slots of n calls that arrive in one window span (n - 1) intervals, and at most
    window + PERMIT_LIFE + TRAVEL_SPREAD, and (together - 1) intervals by which the last of a group leaves before its
    slot. So n never passes `limit.calls`.
    """
    span = limit.window.total_seconds() + PERMIT_LIFE + TRAVEL_SPREAD + _ROUNDING
    return span / (limit.calls - together + 1)


def unknown_past(now: float) -> Pace:
    """The pace of a lane whose state is lost: all permits up to the horizon may just have been granted."""
    return Pace(last_departure=now + HORIZON)


def lost_past(now: float, limit: WriteLimit | None) -> Pace:
    """The pace of a lane whose stored pace cannot be right: closed for one window.

    A whole window may have been granted just before; to go on from now would grant another one into it.
    """
    if limit is None:
        return unknown_past(now)
    closed_for = limit.window.total_seconds() + PERMIT_LIFE + TRAVEL_SPREAD
    # The two values bar the window, so that one overwritten value does not open it.
    return Pace(now + closed_for, closed_for, closed_until=now + closed_for, closed_for=closed_for)


def contradicts(pace: Pace, granted_until: float, now: float) -> bool:
    """Whether a stored pace is older than a permit that was granted from it, so that other permits were lost with it.

    `granted_until` is the last departure that the actor was granted, on the backend's clock, 0 where there was none. A
    time further ahead than any grant was on a clock that was set back since, and is ignored.
    """
    return pace.last_departure < granted_until <= now + LONGEST_REACH


def is_believable(pace: Pace, now: float) -> bool:
    """Whether this can be the pace of a lane at that moment."""
    own = {name: getattr(pace, name) for name in OWN_FIELDS}
    return are_believable(own | {name: getattr(pace.learned, name) for name in LEARNED_FIELDS}, now)


def grant(
    pace: Pace, now: float, want: int, limit: WriteLimit | None, together: int = 1, *, lead: float = LEAD
) -> tuple[Pace, Grant]:
    """Up to `want` departures within the horizon, in groups of `together` that leave at once; and the pace after it.

    The first is `lead` seconds away at least, and the horizon is as much further as that is more than LEAD.
    """
    pace = _within_bounds(pace, now, limit)
    if pace.closed_until > now:
        return pace, Grant((), pace.closed_until, pace.closed_until)
    if pace.refusals and now < pace.closed_until + PROBE:
        # The lane has just opened: one call looks whether it really did.
        if pace.last_departure >= pace.closed_until:
            return pace, Grant((), pace.closed_until + PROBE, 0.0)
        want = min(want, 1)
    if limit is None:
        looked = replace(pace, last_departure=max(pace.last_departure, now)) if pace.refusals and want else pace
        return looked, Grant((now,) * want, now, 0.0)
    window = limit.window.total_seconds()
    gap = interval(limit, together) / learning.share_at(pace.learned, now, window)
    shortest = CAREFUL_HORIZON if pace.learned.share < 1.0 else HORIZON
    horizon = shortest + (lead - LEAD)
    # Asked so much before a slot, the answer is there before the intent must be written.
    early = shortest / 2 + (lead - LEAD)
    more = max(together - pace.together, 0)
    first = max(pace.last_departure + gap + more * gap, pace.closed_until, now + lead)
    groups = int((now + horizon - first) / (together * gap)) + 1 if first <= now + horizon else 0
    if not groups and first <= now + min(pace.reach, LONGEST_REACH):
        # Other workers ask further ahead; a worker that does not would never find a slot.
        groups = 1
    count = min(want, groups * together)
    if not count:
        return pace, Grant((), first - early, 0.0)
    last = first + (count - 1) * gap
    learned = learning.count_departures(pace.learned, count, now, window)
    pace = replace(pace, last_departure=last, reach=last - now, together=together, learned=learned)
    return pace, Grant(departures(first, count, gap, together), last + gap - early, 0.0)


def departures(first: float, count: int, gap: float, together: int) -> tuple[float, ...]:
    """When each of `count` calls leaves: every group at the slot of its first."""
    return tuple(first + (each // together) * (together * gap) for each in range(count))


def close(pace: Pace, now: float, refusal: Refusal, limit: WriteLimit | None, jitter: float) -> Pace:
    """The pace after a refusal of the whole lane; `jitter` in 0..1 spreads a wait that the refusal did not name."""
    pace = _within_bounds(pace, now, limit)
    if now - refusal.ago < pace.closed_until:
        # Its call left before the lane last opened: it tells nothing new, but for how long to wait.
        until = 0.0 if refusal.wait is None else now + min(refusal.wait, LONGEST_COOLDOWN)
        return replace(pace, closed_until=until, closed_for=until - now) if until > pace.closed_until else pace
    is_fresh = pace.refusals == 0 or now >= pace.closed_until + PROBE + SETTLED
    is_of_probe = not is_fresh and now - refusal.ago < pace.closed_until + PROBE
    refusals = 1 if is_fresh else pace.refusals + 1
    guess = min(LONGEST_GUESS, 2.0 ** min(refusals, 10)) * (1 + jitter / 4)
    if refusal.wait is None:
        wait = guess
    elif not is_of_probe:
        # After the probe the lane was really open: this is another refusal, and its wait is as exact as the last one.
        wait = min(refusal.wait, LONGEST_COOLDOWN)
    else:
        # The wait that was named before was too short: some services start it over when asked early. Never doubled at
        # once, since the first call after it may have met another refusal.
        wait = min(max(refusal.wait, guess / 2), LONGEST_COOLDOWN)
    learned = pace.learned
    if limit is not None and (is_fresh or (is_of_probe and refusals == NO_ACCIDENT)):
        learn = learning.after_refusal if is_fresh else learning.confirmed
        learned = learn(learned, now, wait, limit.calls, limit.window.total_seconds())
    return replace(pace, closed_until=now + wait, closed_for=wait, refusals=refusals, learned=learned)


def localise(granted: Grant, *, granted_at: float, asked_at: float, answered_at: float) -> Permits:
    """A grant on the backend's clock, in times of the actor's monotonic clock.

    The backend read its clock (`granted_at`) between the question and the answer. A permit opens as if that had
    been at the answer and ends as if it had been at the question, so neither end is ever wrong; a round trip
    longer than PERMIT_LIFE leaves nothing to use.
    """
    each = tuple(
        Permit(answered_at + departure - granted_at, asked_at + departure - granted_at + PERMIT_LIFE)
        for departure in granted.departures
    )
    closed_until = answered_at + granted.closed_until - granted_at if granted.closed_until > granted_at else 0.0
    return Permits(each, answered_at + granted.ask_again_at - granted_at, closed_until)


def _within_bounds(pace: Pace, now: float, limit: WriteLimit | None) -> Pace:
    if not is_believable(pace, now):
        return lost_past(now, limit)
    if pace.closed_until > now + pace.closed_for:
        # The database's clock went back; no grant reaches further ahead than this.
        pace = replace(pace, closed_until=now + pace.closed_for)
    # Outstanding permits depart within as much. A reach that is stored too small must not bring it forward.
    latest = now + max(pace.reach, LONGEST_REACH)
    if pace.last_departure > latest:
        pace = replace(pace, last_departure=latest)
    return replace(pace, learned=learning.within_bounds(pace.learned, max(now, pace.closed_until)))


OWN_FIELDS = ("last_departure", "reach", "closed_until", "closed_for", "refusals", "together")
LEARNED_FIELDS = ("share", "held_since", "counted_from", "counted", "counted_before")
"""The fields of a pace and of what it has learned, as they are named where they are stored."""

_ROUNDING = 0.001
