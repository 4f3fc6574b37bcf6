"""Ends a process that moves no more: its supervisor starts another, and what it held runs out meanwhile.

A worker that is deaf to its broker goes on without: its driver looks into the database by itself. This is for the one
whose loop stands still, worker or clock, which no monitor would see: its port is open, and its process is there.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from orchestrator.domain.clock import Clock

TICK = 5.0
STILL_TICKS = 12
"""Ticks without a step: a minute of this process's own life. A process that was frozen ticked as little as it moved."""


class StopFlag(Protocol):
    """Tells when to end."""

    def wait(self, timeout: float) -> bool:
        """Whether it rang within so many seconds."""
        ...


def watch(steps: Callable[[], int], stopping: StopFlag, end: Callable[[], None], *, tick: float = TICK) -> None:
    """Until told to stop: look whether steps are still taken, and end everything once they are not."""
    before, still = steps(), 0
    while not stopping.wait(tick):
        now = steps()
        still = still + 1 if now == before else 0
        before = now
        if still >= STILL_TICKS:
            end()
            return


class Watchdog:
    """Watches from a thread of its own, for the loop cannot watch itself."""

    def __init__(self, steps: Callable[[], int]) -> None:
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=watch, args=(steps, self._stopping, _end), name="watchdog", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """The process ends knowingly."""
        self._stopping.set()


@asynccontextmanager
async def watched(clock: Clock) -> AsyncIterator[None]:
    """A watchdog on the loop that this runs on, for as long as the block lasts."""
    steps = 0

    async def take_steps() -> None:
        nonlocal steps
        while True:
            steps += 1
            await clock.sleep(TICK / 2)

    stepping, watchdog = asyncio.create_task(take_steps(), name="steps"), Watchdog(lambda: steps)
    try:
        yield
    finally:
        watchdog.close()
        stepping.cancel()


def _end() -> None:
    # Not through logging: the thread that stands still may hold its lock.
    sys.stderr.write("muster: this process has taken no step for a minute and ends; its work is taken up by others.\n")
    sys.stderr.flush()
    os._exit(70)
