"""How fast reads may leave: one pace in the database for all processes that read as one app in one tenant."""

from __future__ import annotations

import asyncio

from orchestrator.domain.clock import Clock
from orchestrator.domain.ids import LaneKey
from orchestrator.domain.lane import WriteLimit
from orchestrator.throttle.protocol import Throttle


class ReadPace:
    """Lets reads begin one after the other, each with a permit of a lane of its own beside the lane of writes."""

    def __init__(self, throttle: Throttle, lane: LaneKey, limit: WriteLimit, clock: Clock) -> None:
        self._throttle, self._lane, self._limit, self._clock = throttle, lane, limit, clock
        self._queue = asyncio.Lock()

    async def __call__(self) -> None:
        """Return when one more read may begin; it is counted for all processes. StoreUnavailable."""
        async with self._queue:
            while True:
                # A read writes no intent down before it leaves, so nothing is to be done before its departure.
                permits = await self._throttle.acquire(self._lane, 1, self._limit, lead=0.0)
                if not permits.each:
                    await self._clock.sleep(max(permits.ask_again_at - self._clock.monotonic(), 0.001))
                    continue
                [permit] = permits.each
                if (early := permit.earliest - self._clock.monotonic()) > 0:
                    await self._clock.sleep(early)
                if self._clock.monotonic() <= permit.latest:
                    return
