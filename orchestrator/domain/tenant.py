"""One Entra tenant with the app registration that we call it as."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.domain.ids import LaneKey
from orchestrator.domain.lane import Cloud, WriteLimit

if TYPE_CHECKING:
    from orchestrator.domain.recurrence import Cron


@dataclass(frozen=True, slots=True)
class Tenant:
    """Whom we call Graph as, where, and how often we may; how to sign in is not part of it."""

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
