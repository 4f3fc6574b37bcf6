"""The tasks of one lane that wait for a departure or an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from orchestrator.engine.stop import StopSignal


class TaskSet:
    """Tasks that run beside each other; each leaves the set as it ends."""

    def __init__(self, stop: StopSignal) -> None:
        self._stop = stop
        self._tasks: set[asyncio.Task[None]] = set()
        self._most = 0
        self._few = asyncio.Event()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs the work as a task of this set, which keeps it until it ends."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def until_below(self, most: int) -> None:
        """Waits until no more than so many are left, or until the stop is requested."""
        self._most = most
        while len(self._tasks) > most and not self._stop.is_requested:
            self._few.clear()
            waiting = {asyncio.create_task(self._stop.wait()), asyncio.create_task(self._few.wait())}
            try:
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in waiting:
                    each.cancel()

    async def drain(self, patience: float) -> None:
        """Waits for the tasks, at most `patience` seconds; cancels those that take longer."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=patience)
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if len(self._tasks) <= self._most:
            self._few.set()
