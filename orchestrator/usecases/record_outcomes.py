"""Write down what came of calls: one transaction for everything that landed."""

from __future__ import annotations

import structlog

from orchestrator.domain.ids import BatchKey
from orchestrator.domain.job import JobStatus
from orchestrator.domain.retry import Halt
from orchestrator.domain.stop_reasons import reason_for
from orchestrator.engine.recorder import Entry
from orchestrator.usecases.app import App

log = structlog.get_logger()


async def record_outcomes(app: App, entry: Entry) -> set[BatchKey]:
    """Write it, less what another worker has taken over meanwhile; answers with the batches that are still ours."""
    exhausted = {change.key.job for change in entry.batches if change.released and not change.tally.waiting}
    async with app.store.transaction() as tx:
        now = await tx.now()
        # Jobs before batches, as everybody who touches both: otherwise two could wait for each other.
        for job in entry.answered:
            await tx.jobs.note_answered(job)
        for job, halt in entry.halts.items():
            active = (JobStatus.QUEUED, JobStatus.RUNNING)
            if await tx.jobs.move(job, JobStatus.STOPPED, frm=active, reason=_reason(halt), now=now):
                log.error("job.stopped", job=job, bar=halt.bar, code=halt.error.code)
        kept = await tx.batches.change(entry.batches)
        targets = [change for change in entry.targets if change.key in kept]
        if targets:
            await tx.targets.change(targets)
    if len(kept) < len(entry.batches):
        log.warning("batch.taken_over", batches=len(entry.batches) - len(kept))
    if exhausted:
        # After the commit: the last two batches of a job may end in two processes at once, and one must see both.
        async with app.store.transaction() as tx:
            now = await tx.now()
            for job in exhausted:
                if await tx.jobs.settle(job, now=now):
                    log.info("job.finished", job=job)
    return kept


def _reason(halt: Halt) -> str:
    return reason_for(halt.bar, halt.error)
