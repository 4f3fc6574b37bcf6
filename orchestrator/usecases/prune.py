"""Remove what is older than the installation wants to keep: jobs, the history of schedules, and notices."""

from __future__ import annotations

from datetime import timedelta

from orchestrator.domain.access import Asker, Role
from orchestrator.usecases.app import App


async def prune(app: App, *, keep_days: int, by: Asker) -> int:
    """Remove jobs that ended longer ago, one a transaction; answers with how many. The audit log stays."""
    by.grant.refuse_below(Role.ADMIN)
    async with app.store.transaction() as tx:
        await tx.lanes.forget_calls(before=await tx.now() - _KEPT_MINUTES)
    removed = 0
    while True:
        async with app.store.transaction() as tx:
            now = await tx.now()
            job = await tx.reception.remove_oldest(before=now - timedelta(days=keep_days))
            if job is not None:
                await tx.audit.write(by, "job.pruned", job, facts={"keepDays": keep_days}, now=now)
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
