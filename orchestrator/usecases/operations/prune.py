"""Remove rows that are older than the installation wants to keep: jobs, history of schedules, notices, inventories."""

from __future__ import annotations

from datetime import datetime, timedelta

from orchestrator.app import App
from orchestrator.domain.access import Actor, Role
from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.figures import plural, rfc3339
from orchestrator.inventory.remove_inventory import remove_unattached
from orchestrator.store.jobs.reception import OldJob
from orchestrator.usecases.jobs.receive_job import forget_reception


async def prune(app: App, *, keep_days: int, by: Actor) -> int:
    """Remove jobs that ended longer ago, a piece a transaction; answers with how many. The audit log stays.

    Inventories that no settings have led to for a month go too.
    The log has an entry for each job that a person prunes, and one for all that the clock prunes in an hour.
    """
    by.grant.refuse_below(Role.ADMIN)
    async with app.store.transaction() as tx:
        now = await tx.now()
        await tx.lanes.forget_calls(before=now - _KEPT_MINUTES)
        await tx.lane_waits.forget_silent(before=now - _KEPT_REPORTS)
    removed = 0
    while True:
        async with app.store.transaction() as tx:
            now = await tx.now()
            hidden = await tx.reception.hide_oldest(before=now - timedelta(days=keep_days))
            if hidden is not None and by.origin != _CLOCK:
                await tx.audit.write(by, "job.pruned", hidden[1], facts={"keepDays": keep_days}, now=now)
        if hidden is None:
            break
        await forget_reception(app, hidden[0])
        removed += 1
    if removed and by.origin == _CLOCK:
        async with app.store.transaction() as tx:
            facts = {"jobs": removed, "keepDays": keep_days}
            await tx.audit.write(by, "job.pruned", None, facts=facts, now=await tx.now())
    await _forget_history(app, keep_days)
    await remove_unattached(app, by=by)
    return removed


async def prune_audit(app: App, *, before: datetime, by: Actor, reason: str | None, agreed: bool) -> int:
    """Remove audit entries that are older than that; answers with how many, and leaves one entry that says so.

    Nothing does this by itself. RequestRejected where the time is still to come, and, with their number, without
    agreement.
    """
    by.grant.refuse_below(Role.ADMIN)
    async with app.store.reading() as tx:
        if before > await tx.now():
            raise RequestRejected("--audit-before takes a day in the past.")
        count = await tx.audit.count_before(before)
    if not agreed:
        raise RequestRejected(
            f"{plural(count, 'line')} of the audit log from before {before:%Y-%m-%d} would be removed for good. "
            "`muster audit -o csv --limit 100000` keeps a copy; say --yes to remove them. Nothing was done."
        )
    removed = 0
    while True:
        async with app.store.transaction() as tx:
            piece = await tx.audit.forget(before=before, most=_AUDIT_PIECE)
        removed += piece
        if piece < _AUDIT_PIECE:
            break
    facts = {"before": rfc3339(before), "entries": removed}
    async with app.store.transaction() as tx:
        await tx.audit.write(by, "audit.pruned", None, reason=reason, facts=facts, now=await tx.now())
    return removed


async def jobs_to_prune(app: App, *, keep_days: int, limit: int) -> list[OldJob]:
    """The jobs that `prune` would remove now, the oldest first; nothing is changed."""
    async with app.store.reading() as tx:
        return await tx.reception.over_since(before=await tx.now() - timedelta(days=keep_days), limit=limit)


async def _forget_history(app: App, keep_days: int) -> None:
    async with app.store.transaction() as tx:
        before = await tx.now() - timedelta(days=keep_days)
        await tx.occurrences.forget(before=before)
        await tx.notices.forget(before=before)
        await tx.attention.forget(before=before)
        await tx.sent_requests.forget(before=before)


_AUDIT_PIECE = 10_000
_CLOCK = "clock"

_KEPT_MINUTES = timedelta(days=8)
"""How long the calls of each lane are kept for each minute: a week."""

_KEPT_REPORTS = timedelta(days=1)
"""How long the reports of a process that was killed are kept; any other takes its own back."""
