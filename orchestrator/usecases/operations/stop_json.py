"""An emergency stop as JSON shows it."""

from __future__ import annotations

from typing import Any

from orchestrator.domain.emergency_stop import EmergencyStop
from orchestrator.domain.figures import rfc3339


def stop_json(stop: EmergencyStop) -> dict[str, Any]:
    """The object: `tenant` is null where all tenants are stopped."""
    return {
        "tenant": stop.tenant,
        "reason": stop.reason,
        "stoppedBy": stop.by,
        "stoppedAt": rfc3339(stop.at),
    }
