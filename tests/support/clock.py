"""Virtual time: nothing waits, and every moment is reached."""

from __future__ import annotations

import asyncio
import heapq
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, cast

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

_QUIET_ROUNDS = 3
"""Rounds of the loop without work after which it counts as idle: each round has looked for input once."""


class ManualClock:
    """A `Clock` that moves when it is told to, or, with `auto`, to the next sleeper whenever the loop is idle.

    Work in other threads (a SQLite statement, say) looks like idleness; `patience` is how long in real seconds
    the loop must have been idle before time jumps.
    """

    def __init__(self, start: datetime = START, *, auto: bool = False, patience: float = 0.0) -> None:
        self._start = start
        self._elapsed = 0.0
        self._auto = auto
        self._patience = patience
        self._order = count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._watching = False

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        awake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + seconds, next(self._order), awake))
        if self._auto:
            self._watch()
        await awake

    def advance(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0) -> None:
        """Move on in one step and wake everyone whose time has come; they run when the caller next awaits."""
        self._move_to(self._elapsed + _seconds(seconds, minutes, hours, days))

    async def run_for(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0) -> None:
        """Let time pass, stopping at each sleeper's moment until everyone awake has done what they can."""
        until = self._elapsed + _seconds(seconds, minutes, hours, days)
        await settle()
        while (instant := self._next_moment()) is not None and instant <= until:
            self._move_to(instant)
            await settle()
        self._move_to(until)

    @property
    def sleeping(self) -> int:
        """How many are waiting for time to pass."""
        return sum(not awake.done() for _, _, awake in self._sleepers)

    def _next_moment(self) -> float | None:
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    def _move_to(self, instant: float) -> None:
        self._elapsed = max(self._elapsed, instant)
        while (due := self._next_moment()) is not None and due <= self._elapsed:
            heapq.heappop(self._sleepers)[2].set_result(None)

    def _watch(self) -> None:
        if not self._watching:
            self._watching = True
            asyncio.get_running_loop().call_soon(self._look, 0, None)

    def _look(self, quiet: int, idle_since: float | None) -> None:
        instant = self._next_moment()
        if instant is None:
            self._watching = False
            return
        loop = asyncio.get_running_loop()
        quiet = 0 if _has_work(loop) else quiet + 1
        if quiet < _QUIET_ROUNDS:
            loop.call_soon(self._look, quiet, None if quiet == 0 else idle_since)
            return
        idle_since = loop.time() if idle_since is None else idle_since
        if loop.time() - idle_since < self._patience:
            loop.call_later(self._patience / 8, self._look, quiet, idle_since)
            return
        self._move_to(instant)
        loop.call_soon(self._look, 0, None)


async def settle() -> None:
    """Until everyone on this loop waits for something other than the loop."""
    loop = asyncio.get_running_loop()
    quiet = 0
    while quiet < _QUIET_ROUNDS:
        await asyncio.sleep(0)
        quiet = 0 if _has_work(loop) else quiet + 1


def _has_work(loop: asyncio.AbstractEventLoop) -> bool:
    # asyncio has no public way to ask; the caller's own callback has left the queue by the time it asks.
    return bool(cast("Any", loop)._ready)


def _seconds(seconds: float, minutes: float, hours: float, days: float) -> float:
    return seconds + 60 * minutes + 3600 * hours + 86400 * days
