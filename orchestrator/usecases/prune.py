"""Remove what is older than the installation wants to keep."""

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
            return removed
        removed += 1


_KEPT_MINUTES = timedelta(days=8)
"""How long it is kept what a lane did in each minute: a week to look back on."""
