"""One Entra tenant with the app registration that we call it as, and the permission that the app needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from orchestrator.domain.ids import LaneKey
from orchestrator.domain.lane import Cloud, WriteLimit

if TYPE_CHECKING:
    from orchestrator.domain.recurrence import Cron


NEEDED_PERMISSION = "DeviceManagementManagedDevices.PrivilegedOperations.All"
"""https://learn.microsoft.com/graph/permissions-reference"""


class Permission(StrEnum):
    """Whether a token carries the permission that the actions need."""

    GRANTED = "granted"
    MISSING = "missing"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant of the settings: the app, the cloud and the write limit; the way to sign in is not part of it."""

    name: str
    cloud: Cloud
    root: str
    lane: LaneKey
    write_limit: WriteLimit | None
    tenant_id: str | None = None
    client_id: str | None = None
    is_foreground_only: bool = False
    inventory_refresh: Cron | None = None

    @property
    def directory(self) -> str:
        """Cloud and Entra tenant without the app: whose devices these are, whichever app calls them."""
        return directory_of(self.lane)


def directory_of(lane: LaneKey) -> str:
    """Cloud and Entra tenant of a lane."""
    return lane.rpartition("/")[0]


def shared_lanes(tenants: Iterable[Tenant]) -> dict[LaneKey, list[str]]:
    """Returns the lanes that more than one tenant of the settings leads to, with the names of those tenants."""
    names: dict[LaneKey, list[str]] = {}
    for each in tenants:
        names.setdefault(each.lane, []).append(each.name)
    return {lane: found for lane, found in names.items() if len(found) > 1}


def tenant_problem(name: str, lane: LaneKey, tenant: Tenant | None) -> str | None:
    """Why the tenant of this name, as the settings have it now, does not lead to the lane; None where it does."""
    if tenant is None:
        return f"The settings have no tenant {name!r} any more, which this job calls."
    if tenant.lane == lane:
        return None
    before, now = lane.split("/"), tenant.lane.split("/")
    if len(before) != len(_PARTS) or len(now) != len(_PARTS):
        return f"The settings of tenant {name!r} changed since the job was submitted: {lane} became {tenant.lane}."
    changes = [
        f"{part} was {old}, and is {new}" for part, old, new in zip(_PARTS, before, now, strict=True) if old != new
    ]
    return f"The settings of tenant {name!r} changed since the job was submitted: {'; '.join(changes)}."


def may_rebind(lane: LaneKey, tenant: Tenant | None) -> bool:
    """Whether the waiting devices of a job of this lane may be called through the tenant's present lane.

    Managed device ids mean nothing in another Entra tenant, so the tenant id must be the same; the name is, since the
    job finds its tenant by it.
    """
    return tenant is not None and lane.split("/")[1:2] == tenant.lane.split("/")[1:2]


_PARTS = ("the Graph address or cloud", "the tenant id", "the app (client id)")
