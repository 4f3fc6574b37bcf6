"""When a job will be done; pure arithmetic on the lane's pace and what is ahead."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.domain.lane import WriteLimit
from orchestrator.domain.pacing import interval


@dataclass(frozen=True, slots=True)
class Forecast:
    """`seconds` from now until the end, None where nothing paces the lane; `ahead` calls of other jobs share it."""

    seconds: float | None
    per_second: float | None
    ahead: int


def forecast(calls: int, ahead: int, limit: WriteLimit | None) -> Forecast:
    """The forecast for `calls` in a lane in which `ahead` others wait; the calls of all of them share one pace."""
    if limit is None:
        return Forecast(None, None, ahead)
    gap = interval(limit)
    return Forecast((calls + ahead) * gap, 1 / gap, ahead)
