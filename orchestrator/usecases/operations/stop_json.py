"""An emergency stop as JSON shows it."""

from __future__ import annotations

from typing import Any

from orchestrator.domain.emergency_stop import EmergencyStop, StopEffect
from orchestrator.domain.figures import rfc3339


def stop_json(stop: EmergencyStop, effect: StopEffect) -> dict[str, Any]:
    """The object: `tenant` is null where all tenants are stopped; `jobs`, `devices` and `schedules` are held up."""
    return {
        "tenant": stop.tenant,
        "reason": stop.reason,
        "stoppedBy": stop.by,
        "stoppedAt": rfc3339(stop.at),
        "jobs": effect.jobs,
        "devices": effect.devices,
        "schedules": effect.schedule_count,
        "jobIds": list(effect.job_ids),
        "scheduleNames": list(effect.schedules),
    }
