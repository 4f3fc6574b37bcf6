"""The processes that work on this database now."""

from __future__ import annotations

from datetime import timedelta

from orchestrator.app import App
from orchestrator.store.work.workers import CALLERS, CLOCKS, WorkerSeen

SILENT_AFTER = timedelta(seconds=15)


async def has_worker(app: App) -> bool:
    """Whether a standing process takes the jobs of this database."""
    return any(worker.kind in CALLERS for worker in await live_processes(app))


async def has_clock(app: App) -> bool:
    """Whether a clock is up that fires schedules."""
    return any(worker.kind in CLOCKS for worker in await live_processes(app))


async def live_processes(app: App) -> list[WorkerSeen]:
    """Returns the processes that reported within the last 15 seconds."""
    async with app.store.reading() as tx:
        return await tx.workers.active_since(await tx.now() - SILENT_AFTER)
