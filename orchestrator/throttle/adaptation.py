"""The share of a lane's limit that is left to us, learned from refusals; pure.

Other apps may use the tenant's quota too, and how much is not known. So a refusal cuts the share to the accepted rate
of the last window. The lane holds that share for a while, then tries a little more, and then, without another refusal,
the whole limit. A single 429 may be an accident: a lane that used its whole limit holds the cut only briefly, and for
long where it is refused again.
docs/throttle.md says what the figures were chosen by.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

HOLD = 2.5
"""Windows after a refusal in which the learned share is kept."""

BRIEF = 0.2
"""The same after a refusal that may have been an accident."""

TRIAL = 0.1
"""Windows after that in which a little more is tried, so that a refusal finds few calls on their way."""

MORE = 1.1
"""How much more that is."""

DOUBLING = 0.25
"""Windows in which the share doubles after the trial. A freed limit is used again whole within three windows."""

FORGET = 6.0
"""Windows after a refusal after which nothing is held against the lane any more."""

KEPT = 0.99
"""Factor on the rate that went through: beside a limit that others share, calls arrive a little unevenly."""

CUT = 0.95
"""Factor on a share that was refused while it was held."""

FIRST_CUT = 0.5
"""Lower bound of the factor at a refusal that may have been an accident."""

NEARLY = 0.99
"""What is left of a whole that was in use: a cut never goes below what went through without a refusal."""

FULL = 0.85
"""Share of the limit that went through in the last window from which on the whole of it was in use until now."""

QUIET = 0.3
"""The same below which the lane had little to call: what went through says nothing about what is left."""

DEEPEST_CUT = 0.5
"""One refusal leaves at least this much: the count may have begun a moment ago."""

LEAST = 1 / 64
"""The least share that is ever tried; a lane that stood still would never learn that it may go on."""


@dataclass(frozen=True, slots=True)
class Learned:
    """The state of adaptation of a lane: `share` of it is held since `held_since`, in seconds on the backend's clock.

    `counted` departures were granted in the window that began at `counted_from`, `counted_before` in the one before.
    """

    share: float = 1.0
    held_since: float = 0.0
    counted_from: float = 0.0
    counted: int = 0
    counted_before: int = 0


NOTHING = Learned()


def share_at(learned: Learned, now: float, window: float) -> float:
    """The share of the limit that may be used now."""
    if learned.share >= 1.0:
        return 1.0
    beyond = (now - learned.held_since) / window - HOLD
    if beyond < 0:
        return learned.share
    if beyond < TRIAL:
        return min(1.0, learned.share * MORE)
    # The exponent is bounded because an idle lane may be as old as the clock.
    grown: float = 2.0 ** min((beyond - TRIAL) / DOUBLING, 10.0)
    return min(1.0, learned.share * MORE * grown)


def recovered_at(learned: Learned, window: float) -> float:
    """When the whole limit is used again, if nothing is refused before; the inverse of `share_at`."""
    if learned.share * MORE >= 1.0:
        return learned.held_since + HOLD * window
    doublings = math.log2(1.0 / (learned.share * MORE))
    return learned.held_since + (HOLD + TRIAL + DOUBLING * doublings) * window


def count_departures(learned: Learned, count: int, now: float, window: float) -> Learned:
    """So many calls were granted now."""
    if learned.share < 1.0 and now - learned.held_since >= FORGET * window:
        learned = replace(learned, share=1.0)
    elapsed = now - learned.counted_from
    if elapsed < window:
        return replace(learned, counted=learned.counted + count)
    if elapsed < 2 * window:
        return replace(
            learned, counted_from=learned.counted_from + window, counted_before=learned.counted, counted=count
        )
    return replace(learned, counted_from=now, counted_before=0, counted=count)


def counted_at(learned: Learned, now: float, window: float) -> float:
    """Calls of the last window, as even as two counters can tell."""
    elapsed = now - learned.counted_from
    if elapsed < window:
        return learned.counted_before * (1 - elapsed / window) + learned.counted
    if elapsed < 2 * window:
        return learned.counted * (2 - elapsed / window)
    return 0.0


def after_refusal(learned: Learned, now: float, wait: float, calls: int, window: float) -> Learned:
    """Returns the state after a refusal that closes the lane for `wait` seconds, under a limit of `calls`."""
    used = share_at(learned, now, window)
    went_through = _went_through(learned, now, calls, window)
    if used >= 1.0 and (learned.share >= 1.0 or not QUIET <= went_through < FULL):
        # Either an accident, or others have only just begun: what went through until now cannot tell them apart.
        share = NEARLY if went_through >= FULL else max(went_through, FIRST_CUT)
        return replace(learned, share=share, held_since=now + wait - (HOLD - BRIEF) * window)
    most = used * CUT if now - learned.held_since < HOLD * window else used
    share = max(min(went_through, most), used * DEEPEST_CUT, LEAST)
    return replace(learned, share=share, held_since=now + wait)


def confirmed(learned: Learned, now: float, wait: float, calls: int, window: float) -> Learned:
    """Returns the state after several refusals in a row as the lane opened: that was no accident."""
    share = min(learned.share, max(_went_through(learned, now, calls, window), FIRST_CUT))
    return replace(learned, share=share, held_since=now + wait)


def _went_through(learned: Learned, now: float, calls: int, window: float) -> float:
    if now - learned.counted_from >= 2 * window:
        # No permit was granted here: the lane was idle, or another backend was asked.
        return 0.0 if learned.share >= 1.0 else share_at(learned, now, window)
    return counted_at(learned, now, window) / calls * KEPT


def within_bounds(learned: Learned, latest: float) -> Learned:
    """Returns the state after a clock that may have gone back: no time in it is later than `latest`."""
    if learned.held_since > latest:
        learned = replace(learned, held_since=latest)
    if learned.counted_from > latest:
        learned = replace(learned, counted_from=latest)
    return learned
