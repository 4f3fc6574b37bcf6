"""When a job will be done; pure arithmetic on the lane's pace and on who shares it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.domain.batching import most_together
from orchestrator.domain.lane import WriteLimit
from orchestrator.throttle.adaptation import share_at
from orchestrator.throttle.gcra import Pace, interval


@dataclass(frozen=True, slots=True)
class Ahead:
    """Calls that a job still has to make, and its weight beside the other jobs of the lane.

    None of them leaves later than `ends_in` seconds from now.
    """

    calls: int
    weight: int
    ends_in: float = math.inf


@dataclass(frozen=True, slots=True)
class Forecast:
    """`seconds` from now until the end, None where nothing paces the lane; `ahead` calls of other jobs share it.

    `seconds` is None as well where the job's window ends before.
    """

    seconds: float | None
    per_second: float | None
    ahead: int


@dataclass(frozen=True, slots=True)
class LanePace:
    """Calls a second that an open lane makes, None where nothing paces it; and the seconds until it opens."""

    per_second: float | None
    opens_in: float = 0.0


def pace_of(limit: WriteLimit | None, pace: Pace, now: float, measured: float | None) -> LanePace:
    """The pace of a lane as its backend has it.

    A limit that others take a share of is used as well as was `measured` lately, in calls a second.
    """
    opens_in = max(0.0, pace.closed_until - now)
    if limit is None:
        return LanePace(measured or None, opens_in)
    # The last group may have left under a larger limit.
    apart = interval(limit, min(pace.together, most_together(limit)))
    learned = share_at(pace.learned, now, limit.window.total_seconds()) / apart
    if measured is not None and pace.learned.share < 1.0:
        # The pace climbs, is refused and is cut again: the mean of that is a better guess than its present value.
        learned = max(measured, pace.learned.share / apart / 2)
    return LanePace(learned, opens_in)


def forecast(own: Ahead, others: Sequence[Ahead], lane: LanePace) -> Forecast:
    """When a job is done that shares its lane with others by weight."""
    ahead = sum(other.calls for other in others)
    if lane.per_second is None:
        return Forecast(None, None, ahead)
    seconds = lane.opens_in + _turns_until_done(own, others) / lane.per_second
    return Forecast(seconds if seconds <= own.ends_in else None, lane.per_second, ahead)


def _turns_until_done(own: Ahead, others: Sequence[Ahead]) -> float:
    """Calls that the lane makes until `own` is done: every job gets its weight's share until it has no more."""
    # While all are there each gets calls in proportion to its weight; measured in calls a unit of weight, a job that
    # ends before ours takes all its calls, and one that ends later as much as ours by its weight.
    until = own.calls / own.weight
    return own.calls + sum(min(other.calls, until * other.weight) for other in others)
