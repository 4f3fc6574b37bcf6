"""A lane as JSON; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.domain.figures import rfc3339
from orchestrator.throttle.gcra import PERMIT_LIFE, TRAVEL_SPREAD

if TYPE_CHECKING:
    from orchestrator.usecases.operations.describe_lanes import LaneView


def lane_json(view: LaneView) -> dict[str, Any]:
    """The lane object, the same here and over HTTP."""
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
        "lastHour": {
            "calls": view.last_hour.calls,
            "throttled": view.last_hour.throttled,
            "late": view.last_hour.late,
        },
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
