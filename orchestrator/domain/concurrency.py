"""How many requests of a lane without a limit may be on their way: as many as its latency asks for, within bounds."""

from __future__ import annotations

import math

AT_ONCE = 64
"""Requests on their way where answers come at once: enough to keep a processor busy."""

MOST_AT_ONCE = 400
"""Requests on their way at most: fewer than the pool has connections, since the lanes of a process share it."""

_PER_SECOND = 2_500
"""Calls a second that a process makes at most."""


def requests_at_once(round_trip: float) -> int:
    """How many requests keep a process busy where an answer takes so many seconds (Little's law)."""
    return min(MOST_AT_ONCE, max(AT_ONCE, math.ceil(_PER_SECOND * round_trip)))
