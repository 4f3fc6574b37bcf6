"""Single-flight reads: all who ask the same at the same time share one read of the database, for a second."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from orchestrator.domain.clock import Clock

T = TypeVar("T")

RECENT = 1.0
"""Seconds that a value is shown. The pages promise two, and a live page is read again every second."""

_MOST_KEPT = 100
_PATIENCE = 5.0


class SingleFlight(Generic[T]):
    """Values by key; each key has at most one read under way.

    A value older than half of its allowed age is renewed beside the request that receives it, so a page that is asked
    for often waits for no database. `forget` is for changes by this process: a person sees the effect at once.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[Hashable, tuple[float, T]] = {}
        self._reading: dict[Hashable, asyncio.Task[T]] = {}
        self._tasks: set[asyncio.Task[T]] = set()

    async def get(self, key: Hashable, read: Callable[[], Awaitable[T]], *, within: float = RECENT) -> T:
        """Returns the value of the key, read at most `within` seconds ago; raises the errors of `read`."""
        read_at, value = self._kept.get(key, (-math.inf, None))
        age = self._clock.monotonic() - read_at
        if value is not None and age < within:
            if age >= within / 2:
                self._begin(key, read)
            return value
        # Other requests may wait for the same read: a request that is given up does not end it for them.
        return await asyncio.shield(self._begin(key, read))

    def forget(self) -> None:
        """Drops all values; a read that has begun is given to the requests that wait for it, and is not kept."""
        self._kept.clear()
        self._reading.clear()

    async def close(self) -> None:
        """Waits for the reads under way, since the database is closed afterwards; cancels a slow one."""
        tasks = [*self._tasks]
        if tasks:
            # A connection whose statement is cancelled is thrown away in a task of its own.
            await asyncio.wait(tasks, timeout=_PATIENCE)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> asyncio.Task[T]:
        if key not in self._reading:
            task = asyncio.create_task(self._read(key, read), name="single-flight read")
            self._reading[key] = task
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            task.add_done_callback(_ignore_failure)
        return self._reading[key]

    async def _read(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        began = self._clock.monotonic()
        me = asyncio.current_task()
        try:
            value = await read()
            if self._reading.get(key) is me:
                if len(self._kept) >= _MOST_KEPT:
                    self._kept.clear()
                self._kept[key] = (began, value)
            return value
        finally:
            if self._reading.get(key) is me:
                del self._reading[key]


def _ignore_failure(task: asyncio.Task[T]) -> None:
    # The requests that wait receive the error. A renewal that fails is tried again by the next request.
    if not task.cancelled():
        task.exception()
