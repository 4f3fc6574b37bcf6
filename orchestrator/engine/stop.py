"""The request to stop, as a value that is passed along."""

from __future__ import annotations

import asyncio


class StopSignal:
    """Once requested, no new call leaves; what is on its way is waited for."""

    def __init__(self) -> None:
        self._requested = asyncio.Event()

    @property
    def is_requested(self) -> bool:
        """Whether the stop was requested."""
        return self._requested.is_set()

    def request(self) -> None:
        """Ask; asking twice is asking once."""
        self._requested.set()

    async def wait(self, patience: float | None = None) -> bool:
        """Waits for the request, at most `patience` seconds; returns whether it came."""
        try:
            async with asyncio.timeout(patience):
                await self._requested.wait()
        except TimeoutError:
            return False
        return True
