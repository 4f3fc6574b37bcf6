"""Whether calls travel in envelopes, and how many permits are asked for at once; pure.

Envelopes spend no less of the quota: https://learn.microsoft.com/graph/json-batching says that each part counts by
itself. They save round trips, and time of ours.
"""

from __future__ import annotations

import math
from enum import StrEnum

from orchestrator.domain.lane import WriteLimit

ENVELOPE = 20
"""Calls in one `$batch` at most. https://learn.microsoft.com/graph/json-batching"""

MANY_LANES = 24
"""From this number of active lanes on, processor time is scarcer than the few per cent that envelopes cost."""

SLOW = 0.25
"""Seconds to prepare calls from which on single ones cannot be prepared as fast as they may leave."""

_COSTLY = 10
"""A group leaves early, which the interval pays for: a group of a tenth of the limit costs about a tenth of it."""


class Batching(StrEnum):
    """Whether calls travel in envelopes."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


def most_together(limit: WriteLimit | None) -> int:
    """Returns how many calls may leave together at most in a lane with this limit."""
    return ENVELOPE if limit is None else max(1, min(ENVELOPE, limit.calls // _COSTLY))


def together(
    batching: Batching,
    limit: WriteLimit | None,
    *,
    lanes: int,
    round_trip: float,
    at_once: int,
    preparing: float = 0.0,
) -> int:
    """How many calls of a lane leave together; 1 where each goes singly.

    `lanes` are at work in this process, an answer takes `round_trip` seconds (0 while none came), and `at_once`
    requests of a lane may be on their way. To get permits and write an intent takes `preparing` seconds.
    """
    most = most_together(limit)
    match batching:
        case Batching.OFF:
            return 1
        case Batching.ON:
            return most
        case Batching.AUTO if lanes >= MANY_LANES or preparing > SLOW:
            return most
        case Batching.AUTO if limit is None:
            # Without a limit fewer round trips are faster. The first answers come singly, to be sure of them.
            return most if round_trip else 1
        case Batching.AUTO:
            under_way = limit.calls / limit.window.total_seconds() * round_trip
            return max(1, min(most, math.ceil(under_way / at_once)))
