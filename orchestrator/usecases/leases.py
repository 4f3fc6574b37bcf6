"""What this process holds, and whether it may still call it: leases and pauses, seen from inside."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.domain.batch import Claim
from orchestrator.domain.ids import BatchKey, JobNumber
from orchestrator.domain.job import JobStatus
from orchestrator.engine.recorder import Entry
from orchestrator.usecases.app import App
from orchestrator.usecases.recover_stalled import LEASE

_MARGIN = 2.0
"""Seconds before the lease ends in which no call leaves any more: it must arrive while the batch is still ours."""


class Leases:
    """The claims of one process; a call leaves only while its lease stands and its job runs."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._held: dict[BatchKey, int] = {}
        self._jobs: dict[JobNumber, int] = {}
        self._forbidden: set[JobNumber] = set()
        self._valid_until = 0.0

    def allows(self, job: JobNumber) -> bool:
        """Whether the job still runs and this process still holds its leases."""
        return job not in self._forbidden and self._app.clock.monotonic() < self._valid_until

    def add(self, claim: Claim, *, asked_at: float) -> None:
        """A claim was made; its lease counts from the moment it was asked for."""
        job = claim.key.job
        if not self._held:
            # Whoever holds nothing has let nothing run out.
            self._valid_until = asked_at + LEASE.total_seconds() - _MARGIN
        if job not in self._jobs:
            # It was running at the moment of this claim, whatever it was before.
            self._forbidden.discard(job)
        self._held[claim.key] = claim.term
        self._jobs[job] = self._jobs.get(job, 0) + 1

    def note_written(self, entry: Entry) -> None:
        """Released batches are no longer held."""
        for change in entry.batches:
            if change.released and self._held.get(change.key) == change.term:
                del self._held[change.key]
                self._jobs[change.key.job] -= 1
                if not self._jobs[change.key.job]:
                    del self._jobs[change.key.job]

    def forbid(self, jobs: Iterable[JobNumber]) -> None:
        """No call of these jobs leaves any more."""
        self._forbidden.update(jobs)

    def extended(self, asked_at: float) -> None:
        """All leases were extended by a request made at that moment."""
        self._valid_until = asked_at + LEASE.total_seconds() - _MARGIN

    async def look(self) -> None:
        """See which of the jobs that we hold something of were paused, cancelled or stopped."""
        if not self._jobs:
            return
        async with self._app.store.reading() as tx:
            statuses = await tx.jobs.statuses(list(self._jobs))
        running = (JobStatus.QUEUED, JobStatus.RUNNING)
        self._forbidden = {job for job in self._jobs if statuses.get(job) not in running}
