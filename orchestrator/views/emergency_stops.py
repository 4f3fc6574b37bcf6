"""Emergency stops as they are shown."""

from __future__ import annotations

from typing import Annotated

from typing_extensions import TypedDict

from orchestrator.domain.emergency_stop import EmergencyStop, StopEffect
from orchestrator.domain.figures import rfc3339
from orchestrator.views.description import Description


class StopFacts(TypedDict):
    """An emergency stop in force; `tenant` is null where all tenants are stopped."""

    tenant: str | None
    reason: str
    stoppedBy: str
    stoppedAt: str
    jobs: Annotated[int, Description("Unfinished jobs that it holds up.")]
    devices: Annotated[int, Description("Their devices that wait.")]
    schedules: Annotated[int, Description("Active schedules that start nothing.")]
    jobIds: Annotated[list[str], Description("The newest of these jobs, at most twenty.")]
    scheduleNames: Annotated[list[str], Description("The first of these schedules by name, at most twenty.")]


class HaltFacts(TypedDict):
    """The emergency stops in force."""

    isHalted: bool
    items: list[StopFacts]


def stop_object(stop: EmergencyStop, effect: StopEffect) -> StopFacts:
    """Returns an emergency stop as it is shown."""
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
