"""Remove what is older than the installation wants to keep: jobs, the history of schedules, and notices."""

from __future__ import annotations

from datetime import timedelta

from orchestrator.usecases.app import App


async def prune(app: App, *, keep_days: int) -> int:
    """Remove jobs that ended longer ago, one a transaction; answers with how many."""
    async with app.store.transaction() as tx:
        await tx.lanes.forget_calls(before=await tx.now() - _KEPT_MINUTES)
    removed = 0
    while True:
        async with app.store.transaction() as tx:
            job = await tx.reception.remove_oldest(before=await tx.now() - timedelta(days=keep_days))
        if job is None:
            await _forget_history(app, keep_days)
            return removed
        removed += 1


async def _forget_history(app: App, keep_days: int) -> None:
    async with app.store.transaction() as tx:
        before = await tx.now() - timedelta(days=keep_days)
        await tx.moments.forget(before=before)
        await tx.notices.forget(before=before)


_KEPT_MINUTES = timedelta(days=8)
"""How long it is kept what a lane did in each minute: a week to look back on."""
