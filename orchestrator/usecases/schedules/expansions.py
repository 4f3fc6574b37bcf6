"""Runs whose devices are selected anew start beside all others: reading a group from Graph may take minutes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from orchestrator.app import App
from orchestrator.store.schedules.occurrences import Held
from orchestrator.telemetry.logger import get_logger
from orchestrator.usecases.schedules.start_occurrence import Making, signs_of_life

log = get_logger(__name__)

AT_ONCE = 8
"""Selections that one clock expands at the same time; further ones wait, and hold their occurrence meanwhile."""


class Expansions:
    """The selections that one clock expands, each in a task of its own."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[bool]] = set()

    def begin(self, app: App, making: Making, start: Callable[[], Awaitable[bool]]) -> None:
        """Start an occurrence that this process holds as soon as there is room; `start` says whether it made a job."""
        task = asyncio.create_task(self._run(app, making, start), name=f"expand {making.schedule.name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finished(self) -> int:
        """Wait for all that were begun; how many jobs they made."""
        return sum(await asyncio.gather(*self._tasks))

    async def close(self) -> None:
        """Give up what is under way; another clock takes the occurrences up once their leases have run out."""
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, app: App, making: Making, start: Callable[[], Awaitable[bool]]) -> bool:
        held = Held(making.schedule.number, making.at, making.holder)
        try:
            async with signs_of_life(app, held), self._room:
                return await start()
        except Exception:
            # Not even setting the schedule aside worked; the occurrence is taken up again after its lease.
            log.exception("schedule.beyond_help", schedule=making.schedule.name)
            return False
