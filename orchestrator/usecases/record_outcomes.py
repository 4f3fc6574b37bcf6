"""Write down what is about to leave and what came of calls: one transaction for all that came up together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from orchestrator.domain.ids import BatchKey, JobNumber, LaneKey
from orchestrator.domain.job import JobStatus
from orchestrator.domain.pacing import Keeper
from orchestrator.domain.retry import Halt
from orchestrator.domain.stop_reasons import reason_for
from orchestrator.domain.turn import Turn
from orchestrator.engine.recorder import Entry, Written
from orchestrator.store.database import Transaction
from orchestrator.usecases.app import App

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Recorded:
    """What came of the entry, where the jobs stand that were served, and the lanes that somebody else keeps."""

    written: Written
    turns: list[Turn]
    keepers: dict[LaneKey, Keeper]


async def record_outcomes(app: App, entry: Entry, starts: Mapping[JobNumber, float]) -> Recorded:
    """Write it, less what another worker has taken over meanwhile; `starts` is where the jobs start that are served."""
    async with app.store.transaction() as tx:
        # Permits of the other keeper are worth nothing, whoever holds them: read where the intent is written.
        keepers = await tx.lanes.keepers(list(entry.keepers)) if entry.keepers else {}
        kept = await _write(tx, entry)
    app.metrics.note_written(change.status for change in entry.targets if change.key in kept)
    app.metrics.late.inc(sum(calls.late for calls in entry.calls.values()))
    if len(kept) < len(entry.batches):
        log.warning("batch.taken_over", batches=len(entry.batches) - len(kept))
    changed = {lane: keeper for lane, keeper in keepers.items() if keeper is not entry.keepers[lane]}
    return Recorded(Written(kept, frozenset(changed)), await _note_in_jobs(app, entry, starts), changed)


async def _write(tx: Transaction, entry: Entry) -> set[BatchKey]:
    now = await tx.now()
    # Jobs before batches, as everybody who touches both: otherwise two could wait for each other.
    for job in sorted(entry.answered):
        await tx.jobs.note_answered(job)
    for job, halt in sorted(entry.halts.items()):
        active = (JobStatus.QUEUED, JobStatus.RUNNING)
        if await tx.jobs.move(job, JobStatus.STOPPED, frm=active, reason=_reason(halt), now=now):
            log.error("job.stopped", job=job, bar=halt.bar, code=halt.error.code)
    kept = await tx.batches.change(entry.batches) if entry.batches else set()
    if targets := [change for change in entry.targets if change.key in kept]:
        await tx.targets.change(targets)
    if entry.calls:
        await tx.lanes.count_calls(entry.calls, now=now)
    return kept


async def _note_in_jobs(app: App, entry: Entry, starts: Mapping[JobNumber, float]) -> list[Turn]:
    """What the entry means for whole jobs: whose turn it is now, and which have ended.

    Apart, because all workers of a job write to its row here: it must not be locked while outcomes are written. And
    after their commit: the last two batches of a job may end in two processes at once, and one must see both. What a
    crash in between leaves uncounted is some calls of the fair order, and no device.
    """
    exhausted = {change.key.job for change in entry.batches if change.released and not change.tally.waiting}
    if not entry.served and not exhausted:
        return []
    async with app.store.transaction() as tx:
        turns = await tx.jobs.serve(entry.served, starts) if entry.served else []
        # In one order, so that no two workers wait for each other.
        for job in sorted(exhausted):
            if await tx.jobs.settle(job, now=await tx.now()):
                log.info("job.finished", job=job)
    return turns


def _reason(halt: Halt) -> str:
    return reason_for(halt.bar, halt.error)
