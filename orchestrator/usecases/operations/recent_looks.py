"""One look at the database for all who ask the same at the same time (single-flight), kept for a second."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from orchestrator.domain.clock import Clock

T = TypeVar("T")

RECENT = 1.0
"""Seconds that a value is shown. The pages promise two, and a live page looks again every second."""

_MOST_KEPT = 100
_PATIENCE = 5.0


class RecentLooks(Generic[T]):
    """Values by key, each read at most once at a time.

    A value older than half of RECENT is renewed beside the request that is given it, so a page that is asked for often
    waits for no database. `forget` is for changes by this process: who pressed a button sees the effect at once.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[Hashable, tuple[float, T]] = {}
        self._looking: dict[Hashable, asyncio.Task[T]] = {}
        self._tasks: set[asyncio.Task[T]] = set()

    async def of(self, key: Hashable, look: Callable[[], Awaitable[T]], *, within: float = RECENT) -> T:
        """The value of the key, read at most `within` seconds ago; raises what `look` raises."""
        read_at, value = self._kept.get(key, (-math.inf, None))
        age = self._clock.monotonic() - read_at
        if value is not None and age < within:
            if age >= within / 2:
                self._begin(key, look)
            return value
        # Others may wait for the same look: a request that is given up ends it for nobody.
        return await asyncio.shield(self._begin(key, look))

    def forget(self) -> None:
        """Read all values anew; a look that has begun before is given to those who wait for it and is not kept."""
        self._kept.clear()
        self._looking.clear()

    async def close(self) -> None:
        """Wait for the looks that are under way, since the database is closed after this; cancels a slow one."""
        tasks = [*self._tasks]
        if tasks:
            # A connection whose statement is cancelled is thrown away in a task of its own.
            await asyncio.wait(tasks, timeout=_PATIENCE)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, key: Hashable, look: Callable[[], Awaitable[T]]) -> asyncio.Task[T]:
        if key not in self._looking:
            task = asyncio.create_task(self._look(key, look), name="recent look")
            self._looking[key] = task
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            task.add_done_callback(_note_failure)
        return self._looking[key]

    async def _look(self, key: Hashable, look: Callable[[], Awaitable[T]]) -> T:
        began = self._clock.monotonic()
        me = asyncio.current_task()
        try:
            value = await look()
            if self._looking.get(key) is me:
                if len(self._kept) >= _MOST_KEPT:
                    self._kept.clear()
                self._kept[key] = (began, value)
            return value
        finally:
            if self._looking.get(key) is me:
                del self._looking[key]


def _note_failure(looked: asyncio.Task[T]) -> None:
    # Whoever waits is told; a renewal that nobody waits for fails again in front of the next who asks.
    if not looked.cancelled():
        looked.exception()
