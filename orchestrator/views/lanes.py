"""Lanes as they are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from typing_extensions import TypedDict

from orchestrator.domain.figures import rfc3339
from orchestrator.domain.job import Priority
from orchestrator.throttle.gcra import PERMIT_LIFE, TRAVEL_SPREAD
from orchestrator.views.description import Description

if TYPE_CHECKING:
    from orchestrator.usecases.operations.describe_lanes import LaneView


class LaneCallsFacts(TypedDict):
    """Calls that were answered, how many of them with 429, and how many later than the throttle assumes."""

    calls: int
    throttled: int
    late: int


class AssumedFacts(TypedDict):
    """The assumptions of the rate limiter: the life of a permit and the spread of travel times, in seconds."""

    permitLifeSeconds: float
    travelSpreadSeconds: float


class WaitingFacts(TypedDict):
    """A job that shares a lane."""

    job: str
    name: str | None
    priority: Priority
    calls: int
    estimatedFinishAt: str | None


class LaneFacts(TypedDict):
    """One lane: what Graph counts one write limit for."""

    lane: str
    tenants: list[str]
    limit: str | None
    keeper: Annotated[str, Description("Always `row`: the lane is paced by its row in the database.")]
    inUse: int | None
    learnedShare: float
    perSecond: float | None
    closedUntil: str | None
    assumed: AssumedFacts
    lastHour: LaneCallsFacts
    waiting: list[WaitingFacts]


def lane_object(view: LaneView) -> LaneFacts:
    """Returns a lane as it is shown."""
    hour = view.last_hour
    return {
        "lane": view.key,
        "tenants": list(view.tenants),
        "limit": None if view.limit is None else str(view.limit),
        "keeper": "row",
        "inUse": view.in_use,
        "learnedShare": round(view.learned_share, 4),
        "perSecond": None if view.per_second is None else round(view.per_second, 3),
        "closedUntil": rfc3339(view.closed_until),
        "assumed": {"permitLifeSeconds": PERMIT_LIFE, "travelSpreadSeconds": TRAVEL_SPREAD},
        "lastHour": {"calls": hour.calls, "throttled": hour.throttled, "late": hour.late},
        "waiting": [
            {
                "job": each.id,
                "name": each.name,
                "priority": each.priority,
                "calls": each.waiting,
                "estimatedFinishAt": rfc3339(each.estimated_finish_at),
            }
            for each in view.waiting
        ],
    }
