"""What the engine needs of a throttle; Redis and the database row each are one."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from orchestrator.domain.ids import LaneKey
from orchestrator.domain.lane import WriteLimit
from orchestrator.throttle.gcra import LEAD, Permits, Refusal, Standing, ThrottleBackend


class Throttle(Protocol):
    """One pace for all processes that share a lane."""

    async def take(
        self, lane: LaneKey, want: int, limit: WriteLimit | None, together: int = 1, lead: float = LEAD
    ) -> Permits:
        """Up to `want` permits, in groups of `together`, the first in `lead` seconds; worthless after their life."""
        ...

    def use_backend(self, lane: LaneKey, backend: ThrottleBackend) -> None:
        """These permits came from another backend than the one that counts now."""
        ...

    async def close(self, lane: LaneKey, refusal: Refusal, limit: WriteLimit | None) -> None:
        """Closes the lane for as long as the refusal says, and lowers its share afterwards."""
        ...

    async def standings(self, lanes: Collection[LaneKey]) -> dict[LaneKey, Standing]:
        """Returns the standing of each lane and the backend's clock, in seconds; one query for all of them."""
        ...
