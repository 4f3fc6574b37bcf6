"""Which processes work on this database now."""

from __future__ import annotations

from datetime import timedelta

from orchestrator.app import App
from orchestrator.store.work.workers import CALLERS, CLOCKS, WorkerSeen

SILENT_AFTER = timedelta(seconds=15)


async def somebody_works(app: App) -> bool:
    """Whether a standing process takes the jobs of this database."""
    return any(worker.kind in CALLERS for worker in await who_works(app))


async def somebody_keeps_time(app: App) -> bool:
    """Whether a clock is up that fires schedules."""
    return any(worker.kind in CLOCKS for worker in await who_works(app))


async def who_works(app: App) -> list[WorkerSeen]:
    """The processes heard of in the last seconds."""
    async with app.store.reading() as tx:
        return await tx.workers.seen_since(await tx.now() - SILENT_AFTER)
