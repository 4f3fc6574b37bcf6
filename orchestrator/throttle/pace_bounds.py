"""Which values of a stored pace can be right, in the names that a pace has in its row.

Every client of the database can write anything there, and a time next year, or a value that is no number, would stop
a lane for good. A pace with one such value counts as lost as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping

FAR = 86_400.0
"""Seconds ahead of the clock beyond which no time can be right; a clock that was set back by less is made up for."""

TIMES = ("last_departure", "closed_until", "held_since", "counted_from")
"""Times on the clock of the lane's backend: from 0 until FAR ahead of that clock."""

_LONGEST = 3_601.0
_MANY = 1e9

LEAST_AND_MOST: Mapping[str, tuple[float, float]] = {
    # An hour is the longest cooldown (gcra.LONGEST_COOLDOWN), and a second what rounding may add.
    "reach": (0.0, _LONGEST),
    "closed_for": (0.0, _LONGEST),
    "refusals": (0.0, _MANY),
    # The largest group is an envelope of 20.
    "together": (1.0, 1_000.0),
    # Half of adaptation.LEAST: what is tried least is never rounded to less.
    "share": (1 / 128, 1.0),
    "counted": (0.0, _MANY),
    "counted_before": (0.0, _MANY),
}
"""The bounds of everything else."""


def are_believable(values: Mapping[str, float], now: float) -> bool:
    """Whether every value lies within its bounds; one that is not a number lies within none."""
    first, latest = min(0.0, now - FAR), now + FAR
    return all(first <= values[name] <= latest for name in TIMES) and all(
        least <= values[name] <= most for name, (least, most) in LEAST_AND_MOST.items()
    )
