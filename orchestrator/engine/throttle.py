"""What the engine needs of a throttle; Redis and the database row each are one."""

from __future__ import annotations

from typing import Protocol

from orchestrator.domain.ids import LaneKey
from orchestrator.domain.lane import WriteLimit
from orchestrator.domain.pacing import Keeper, Permits


class Throttle(Protocol):
    """One pace for all processes that share a lane."""

    async def take(self, lane: LaneKey, want: int, limit: WriteLimit | None) -> Permits:
        """Up to `want` permits; recorded as they are granted, and worthless after their life."""
        ...

    def note_keeper(self, lane: LaneKey, keeper: Keeper) -> None:
        """These permits came from another keeper than the one that counts now."""
        ...

    async def close(self, lane: LaneKey, wait: float | None) -> None:
        """Nobody calls in this lane for `wait` seconds; None where the refusal named no time."""
        ...
