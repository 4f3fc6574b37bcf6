"""What this process holds, and whether it may still call it: leases and pauses, seen from inside."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.domain.batch import Claim
from orchestrator.domain.ids import BatchKey, JobNumber
from orchestrator.domain.job import JobStatus
from orchestrator.engine.held_batch import HeldBatch
from orchestrator.engine.recorder import Entry
from orchestrator.usecases.app import App
from orchestrator.usecases.recover_stalled import LEASE

_MARGIN = 2.0
"""Seconds before the lease ends in which no call leaves any more: it must arrive while the batch is still ours."""


class Leases:
    """The claims of one process; a call leaves only while its lease stands and its job runs."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._held: dict[BatchKey, HeldBatch] = {}
        self._forbidden: set[JobNumber] = set()
        self._valid_until = 0.0

    def allows(self, job: JobNumber) -> bool:
        """Whether the job still runs and this process still holds its leases."""
        return job not in self._forbidden and self._app.clock.monotonic() < self._valid_until

    def add(self, claim: Claim, *, asked_at: float) -> HeldBatch:
        """A claim was made: the batch as this process holds it. Its lease counts from the moment it was asked for."""
        if not self._held:
            # Whoever holds nothing has let nothing run out.
            self._valid_until = asked_at + LEASE.total_seconds() - _MARGIN
        if not any(key.job == claim.key.job for key in self._held):
            # It was running at the moment of this claim, whatever it was before.
            self._forbidden.discard(claim.key.job)
        held = self._held.get(claim.key)
        if held is not None and held.claim.term == claim.term:
            held.extend(claim)
            return held
        held = self._held[claim.key] = HeldBatch(claim, self._app.clock.now)
        return held

    def note_written(self, entry: Entry, kept: set[BatchKey]) -> None:
        """Batches that were released or taken over are no longer held."""
        for change in entry.batches:
            held = self._held.get(change.key)
            over = change.released or change.key not in kept
            if over and held is not None and held.claim.term == change.term:
                del self._held[change.key]

    def forbid(self, jobs: Iterable[JobNumber]) -> None:
        """No call of these jobs leaves any more."""
        self._forbidden.update(jobs)

    def extended(self, asked_at: float) -> None:
        """All leases were extended by a request made at that moment."""
        self._valid_until = asked_at + LEASE.total_seconds() - _MARGIN

    async def look(self) -> None:
        """See which of the jobs that we hold something of were paused, cancelled or stopped."""
        jobs = {key.job for key in self._held}
        if not jobs:
            return
        async with self._app.store.reading() as tx:
            statuses = await tx.jobs.statuses(list(jobs))
        running = (JobStatus.QUEUED, JobStatus.RUNNING)
        self._forbidden = {job for job in jobs if statuses.get(job) not in running}
