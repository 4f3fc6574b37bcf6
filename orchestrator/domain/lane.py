"""Lanes, for each of which Graph counts one write quota, and the size of that quota."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from orchestrator.domain.ids import LaneKey


class Cloud(StrEnum):
    """The four national clouds. https://learn.microsoft.com/graph/deployments"""

    GLOBAL = "global"
    US_GOV = "usgov"
    US_GOV_DOD = "usgov-dod"
    CHINA = "china"


@dataclass(frozen=True, slots=True)
class WriteLimit:
    """At most `calls` writes in any window of `window`."""

    calls: int
    window: timedelta

    def __str__(self) -> str:
        return f"{self.calls}/{self.window.total_seconds():g}s"


GRAPH_WRITE_LIMIT = WriteLimit(200, timedelta(seconds=20))
"""Intune devices, POST/PUT/DELETE/PATCH, per app and tenant.

https://learn.microsoft.com/graph/throttling-limits#intune-service-limits
"""


@dataclass(frozen=True, slots=True)
class LaneCalls:
    """Calls that were answered in a lane, how many of them with 429, and how many late (throttle/travel_time.py)."""

    calls: int = 0
    throttled: int = 0
    late: int = 0

    def __add__(self, other: LaneCalls) -> LaneCalls:
        return LaneCalls(self.calls + other.calls, self.throttled + other.throttled, self.late + other.late)


def parse_write_limit(text: str) -> WriteLimit | None:
    """The limit that "200/20s" names; None for "none". ValueError says what a limit looks like."""
    if text.strip().casefold() == "none":
        return None
    match = _LIMIT.fullmatch(text.strip())
    if match is None or int(match["calls"]) < 1 or float(match["seconds"]) <= 0:
        message = f"{text!r} is no limit; write calls/seconds like 200/20s, or none"
        raise ValueError(message)
    return WriteLimit(int(match["calls"]), timedelta(seconds=float(match["seconds"])))


def lane_key(cloud: str, tenant_id: str, client_id: str) -> LaneKey:
    """The lane of an app in a tenant of a cloud."""
    return LaneKey(f"{cloud}/{tenant_id.lower()}/{client_id.lower()}")


_LIMIT = re.compile(r"(?P<calls>\d{1,9})\s*/\s*(?P<seconds>\d{1,6}(?:\.\d+)?)\s*s")
