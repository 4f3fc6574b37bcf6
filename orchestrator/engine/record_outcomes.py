"""Writes intents and outcomes: one transaction for all that came up together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from orchestrator.app import App
from orchestrator.domain.claim import TargetChange
from orchestrator.domain.job import ACTIVE, JobStatus
from orchestrator.domain.stop_reasons import reason_for
from orchestrator.engine.recorder import Entry, Kept
from orchestrator.store.engine.careful_changes import change_all_but_bad
from orchestrator.store.engine.database import Transaction
from orchestrator.telemetry.logger import get_logger

log = get_logger(__name__)


async def record_outcomes(app: App, entry: Entry) -> Kept:
    """Writes the entry, less the batches that another worker has taken over; returns the others."""
    async with app.store.transaction() as tx:
        now = await tx.now()
        # Jobs before batches, as in every transaction that locks both: otherwise two could wait for each other.
        perhaps_stopped = {change.key.job for change in entry.batches} if entry.careful else set()
        await tx.jobs.lock(entry.answered | entry.halts.keys() | perhaps_stopped)
        for job in sorted(entry.answered):
            await tx.fair_queue.mark_answered(job)
        for job, halt in sorted(entry.halts.items()):
            if await tx.jobs.move(
                job, JobStatus.STOPPED, if_in=ACTIVE, reason=reason_for(halt.bar, halt.error), now=now
            ):
                log.error("job.stopped", job=job, bar=halt.bar, code=halt.error.code)
        kept = await tx.batches.change(entry.batches) if entry.batches else set()
        if targets := [change for change in entry.targets if change.key in kept]:
            if entry.careful:
                await _write_carefully(tx, targets, now=now)
            else:
                await tx.targets.change(targets)
        if entry.calls:
            await tx.lanes.count_calls(entry.calls, now=now)
    app.metrics.count_written(change.status for change in entry.targets if change.key in kept)
    app.metrics.late.inc(sum(calls.late for calls in entry.calls.values()))
    if len(kept) < len(entry.batches):
        log.warning("batch.taken_over", batches=len(entry.batches) - len(kept))
    return kept


async def _write_carefully(tx: Transaction, targets: Sequence[TargetChange], *, now: datetime) -> None:
    """Write all that can be written; a job with a device of which nothing can be written stops and says so.

    Its row still says that it waits, and it would be called again and again.
    """
    for bad in await change_all_but_bad(tx.connection, targets):
        reason = (
            f"The database refuses what became of line {bad.line} ({bad.status}): its row stays as it was, and the log "
            "says why. All others are recorded. Mend the database before `muster job resume`, which calls the device."
        )
        await tx.jobs.move(bad.key.job, JobStatus.STOPPED, if_in=ACTIVE, reason=reason, now=now)
