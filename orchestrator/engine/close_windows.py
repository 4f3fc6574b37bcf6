"""Stop jobs at the end of their window: what was not called stays waiting, and the job says why."""

from __future__ import annotations

from orchestrator.app import App
from orchestrator.telemetry.logger import get_logger

log = get_logger(__name__)

_JOBS_A_PAGE = 100


async def close_windows(app: App) -> None:
    """Stop every job whose window has ended; no call of it starts after that anyway."""
    async with app.store.reading() as tx:
        if not await tx.job_ends.any_window_over(now=await tx.now()):
            return
    async with app.store.transaction() as tx:
        closed = await tx.job_ends.close_windows(now=await tx.now(), limit=_JOBS_A_PAGE)
    for job in closed:
        log.warning("job.window_ended", job=job)
