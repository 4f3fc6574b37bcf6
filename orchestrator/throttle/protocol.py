"""The protocol of a throttle."""

from __future__ import annotations

from typing import Protocol

from orchestrator.domain.ids import LaneKey
from orchestrator.domain.lane import WriteLimit
from orchestrator.throttle.gcra import LEAD, Permits, Refusal


class Throttle(Protocol):
    """One pace for all processes that share a lane."""

    async def acquire(
        self, lane: LaneKey, want: int, limit: WriteLimit | None, together: int = 1, lead: float = LEAD
    ) -> Permits:
        """Up to `want` permits, in groups of `together`, the first in `lead` seconds; worthless after their life."""
        ...

    async def close(self, lane: LaneKey, refusal: Refusal, limit: WriteLimit | None) -> None:
        """Closes the lane for as long as the refusal says, and lowers its share afterwards."""
        ...
