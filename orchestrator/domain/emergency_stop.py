"""The emergency stop: no call of one tenant, or of any, until it is lifted; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestrator.domain.figures import plural
from orchestrator.domain.ids import JobId, LaneKey


@dataclass(frozen=True, slots=True)
class StopEffect:
    """The effect of an emergency stop: unfinished jobs with their waiting devices, and schedules that start nothing.

    `job_ids` and `schedules` name the newest jobs and the first schedules, at most twenty each.
    """

    jobs: int = 0
    devices: int = 0
    job_ids: tuple[JobId, ...] = ()
    schedule_count: int = 0
    schedules: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The effect as one sentence."""
        if not self.jobs and not self.schedule_count:
            return "It holds up no job and no schedule at present."
        devices = f", {plural(self.devices, 'device')} waiting" if self.jobs else ""
        return f"It holds up {plural(self.jobs, 'job')}{devices}, and {plural(self.schedule_count, 'schedule')}."


@dataclass(frozen=True, slots=True)
class EmergencyStop:
    """A stop in force: of the tenant that the settings call `tenant`, or of all where that is None.

    `lanes` is what the keys of all lanes of that Entra tenant begin with, for other names and apps of the same tenant.
    """

    tenant: str | None
    reason: str
    by: str
    at: datetime
    lanes: str | None = None

    def covers(self, tenant: str, lane: LaneKey | None) -> bool:
        """Whether calls for this tenant, in this lane, are stopped."""
        if self.tenant is None or self.tenant == tenant:
            return True
        return self.lanes is not None and lane is not None and lane.startswith(self.lanes)

    @property
    def scope(self) -> str:
        """Whose calls are stopped, for people."""
        return "all tenants" if self.tenant is None else f"tenant {self.tenant}"

    @property
    def sentence(self) -> str:
        """The stop as one sentence: its scope, its time, its author and its reason."""
        since = f"{self.at:%Y-%m-%d %H:%M:%S} UTC"
        return f"Emergency stop of {self.scope} since {since}, by {self.by}: {self.reason.rstrip('.')}. No call leaves."


def stop_of(stops: Sequence[EmergencyStop], tenant: str, lane: LaneKey | None) -> EmergencyStop | None:
    """The first stop that covers calls for this tenant, in this lane; None where they may leave."""
    return next((stop for stop in stops if stop.covers(tenant, lane)), None)


def stops_to_lift(stops: Sequence[EmergencyStop], tenant: str | None) -> list[EmergencyStop]:
    """The stops that are lifted for this tenant of the settings; every one where that is None."""
    return [stop for stop in stops if tenant is None or stop.tenant == tenant]


def lanes_of_tenant(lane: LaneKey) -> str:
    """The beginning that the keys of all lanes of the same Entra tenant share: cloud and tenant, without the app."""
    return lane.rpartition("/")[0] + "/"
