"""Write down what is about to leave and what came of calls: one transaction for all that came up together.

What that means for whole jobs is written in a second transaction, by `write_job_news`. An error of the second must
never make the first be done again: its outcomes would be counted twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from orchestrator.app import App
from orchestrator.domain.batch import TargetChange
from orchestrator.domain.fair_queue import QueuePlace
from orchestrator.domain.ids import BatchKey, JobNumber
from orchestrator.domain.job import JobStatus
from orchestrator.domain.stop_reasons import reason_for
from orchestrator.engine.recorder import Entry, Written
from orchestrator.store.engine.careful_changes import change_all_but_bad
from orchestrator.store.engine.database import Transaction
from orchestrator.telemetry.logger import get_logger

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class JobNews:
    """The consequences of committed entries: the calls that each job was given, and the jobs that may have ended."""

    served: Mapping[JobNumber, int] = field(default_factory=dict)
    exhausted: frozenset[JobNumber] = frozenset()

    @staticmethod
    def of(entry: Entry) -> JobNews:
        """The news in one entry."""
        exhausted = {change.key.job for change in entry.batches if change.released and not change.tally.waiting}
        return JobNews(entry.served, frozenset(exhausted))

    def __add__(self, other: JobNews) -> JobNews:
        return JobNews(Counter(self.served) + Counter(other.served), self.exhausted | other.exhausted)

    def __bool__(self) -> bool:
        return bool(self.served or self.exhausted)


async def record_outcomes(app: App, entry: Entry) -> Written:
    """Write the entry, less what another worker has taken over meanwhile; to be followed by `write_job_news`."""
    async with app.store.transaction() as tx:
        kept = await _write(tx, entry)
    app.metrics.note_written(change.status for change in entry.targets if change.key in kept)
    app.metrics.late.inc(sum(calls.late for calls in entry.calls.values()))
    if len(kept) < len(entry.batches):
        log.warning("batch.taken_over", batches=len(entry.batches) - len(kept))
    return Written(kept)


async def write_job_news(app: App, news: JobNews, starts: Mapping[JobNumber, float]) -> list[QueuePlace]:
    """Write whose turn it is now, and which jobs have ended; returns where the served jobs stand.

    `starts` is where they start (domain/fair_queue.py). In a transaction of its own, because all workers of a job write
    to its row here: it must not be locked while outcomes are written. And after their commit: the last two batches of
    a job may end in two processes at once, and one must see both.
    """
    async with app.store.transaction() as tx:
        await tx.jobs.lock({*news.served, *news.exhausted})
        turns = await tx.fair_queue.serve(news.served, starts) if news.served else []
        for job in sorted(news.exhausted):
            if await tx.job_ends.settle(job, now=await tx.now()):
                log.info("job.finished", job=job)
    return turns


async def _write(tx: Transaction, entry: Entry) -> set[BatchKey]:
    now = await tx.now()
    # Jobs before batches, as everybody who touches both: otherwise two could wait for each other.
    perhaps_stopped = {change.key.job for change in entry.batches} if entry.careful else set()
    await tx.jobs.lock(entry.answered | entry.halts.keys() | perhaps_stopped)
    for job in sorted(entry.answered):
        await tx.fair_queue.mark_answered(job)
    for job, halt in sorted(entry.halts.items()):
        if await tx.jobs.move(job, JobStatus.STOPPED, frm=_ACTIVE, reason=reason_for(halt.bar, halt.error), now=now):
            log.error("job.stopped", job=job, bar=halt.bar, code=halt.error.code)
    kept = await tx.batches.change(entry.batches) if entry.batches else set()
    if targets := [change for change in entry.targets if change.key in kept]:
        if entry.careful:
            await _write_carefully(tx, targets, now=now)
        else:
            await tx.targets.change(targets)
    if entry.calls:
        await tx.lanes.count_calls(entry.calls, now=now)
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
        await tx.jobs.move(bad.key.job, JobStatus.STOPPED, frm=_ACTIVE, reason=reason, now=now)


_ACTIVE = (JobStatus.QUEUED, JobStatus.RUNNING)
