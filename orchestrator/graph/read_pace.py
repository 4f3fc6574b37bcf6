"""How fast reads may leave: so many in a span of time, counted by the process itself."""

from __future__ import annotations

import asyncio
from collections import deque

from orchestrator.domain.clock import Clock


class ReadPace:
    """Lets at most `limit` requests begin within any `seconds` (a sliding window log)."""

    def __init__(self, limit: int, seconds: float, clock: Clock) -> None:
        self._limit, self._seconds, self._clock = limit, seconds, clock
        self._begun: deque[float] = deque()
        self._queue = asyncio.Lock()

    async def wait(self) -> None:
        """Return when one more request may begin, and count it."""
        async with self._queue:
            while (pause := self._pause()) > 0:
                await self._clock.sleep(pause)
            self._begun.append(self._clock.monotonic())

    def _pause(self) -> float:
        now = self._clock.monotonic()
        while self._begun and self._begun[0] <= now - self._seconds:
            self._begun.popleft()
        if len(self._begun) < self._limit:
            return 0.0
        return max(self._begun[0] + self._seconds - now, 0.001)
