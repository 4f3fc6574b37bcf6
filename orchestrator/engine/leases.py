"""What this process holds, and whether it may still call it: leases and pauses, seen from inside."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

from orchestrator.app import App
from orchestrator.domain.batch import Claim
from orchestrator.domain.ids import BatchKey, JobNumber
from orchestrator.domain.job import WINDOW_MARGIN, JobStatus
from orchestrator.engine.batch_messages import BatchMessages
from orchestrator.engine.leased_batch import LeasedBatch
from orchestrator.engine.recorder import Entry
from orchestrator.engine.recovery import LEASE

_MARGIN = 2.0
"""Seconds before the lease ends in which no call leaves any more: it must arrive while the batch is still ours."""

_SIGHT = 1.0
"""Seconds after the last look at the jobs' statuses in which calls may leave: whoever is cut off from the database, or
was frozen, does not see that a person paused or cancelled a job, and must not go on as if nobody had."""


class Leases:
    """The claims of one process; a call leaves only while its lease stands and its job runs."""

    def __init__(self, app: App, messages: BatchMessages) -> None:
        self._app = app
        self._messages = messages
        self._held: dict[BatchKey, LeasedBatch] = {}
        self._of_job: dict[JobNumber, dict[BatchKey, LeasedBatch]] = {}
        self._resting: set[JobNumber] = set()
        self._halted: set[JobNumber] = set()
        self._valid_until = 0.0
        self._seen_at = -_SIGHT
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        """The time that all who share the database agree on, as near as this machine knows it.

        By its own clock, if that is ten minutes wrong, a target would wait ten minutes too long, or not at all.
        """
        return self._app.clock.now() + self._ahead

    def set_time(self, now: datetime) -> None:
        """The database's clock shows this moment."""
        self._ahead = now - self._app.clock.now()

    def keys(self) -> list[BatchKey]:
        """The batches that are held."""
        return [key for key, held in self._held.items() if not held.is_lost]

    def jobs(self) -> set[JobNumber]:
        """The jobs of which anything is held."""
        return set(self._of_job)

    def of_job(self, job: JobNumber) -> list[LeasedBatch]:
        """What is held of one job."""
        return [held for held in self._of_job.get(job, {}).values() if not held.is_lost]

    def prefetched(self, job: JobNumber) -> LeasedBatch | None:
        """A batch of the job of which something may be taken, the first that was claimed."""
        return next((held for held in self.of_job(job) if held.prefetched and self.allows(held)), None)

    def has_prefetched(self, job: JobNumber) -> bool:
        """Whether anything of the job is held that was not taken yet."""
        return any(held.prefetched for held in self.of_job(job))

    def of_resting(self) -> list[LeasedBatch]:
        """What is held in reserve of jobs of which no call may leave."""
        resting = self._resting | self._halted
        return [held for job in resting for held in self.of_job(job) if held.prefetched]

    def all(self) -> list[LeasedBatch]:
        """Everything that is held."""
        return [held for held in self._held.values() if not held.is_lost]

    def terms(self) -> dict[BatchKey, int]:
        """The batches that are held, each with its term."""
        return {key: self._held[key].claim.fencing_token for key in self.keys()}

    def allows(self, held: LeasedBatch) -> bool:
        """Whether the batch is still ours and its job still runs."""
        job = held.claim.key.job
        if held.is_lost or job in self._resting or job in self._halted:
            return False
        not_after = held.claim.not_after
        if not_after is not None and self.now() >= not_after - WINDOW_MARGIN:
            return False
        return self._app.clock.monotonic() < min(self._valid_until, self._seen_at + _SIGHT)

    def add(self, claim: Claim, *, asked_at: float) -> LeasedBatch:
        """A claim was made: the batch as this process holds it. Its lease counts from the moment it was asked for."""
        if not self._held:
            # Whoever holds nothing has let nothing run out.
            self._valid_until = asked_at + LEASE.total_seconds() - _MARGIN
            self._seen_at = max(self._seen_at, asked_at)
        if not self._of_job.get(claim.key.job):
            # It was running at the moment of this claim, whatever it was before.
            self._resting.discard(claim.key.job)
            self._halted.discard(claim.key.job)
        held = self._held.get(claim.key)
        if held is not None and held.claim.fencing_token == claim.fencing_token:
            held.extend(claim)
            return held
        if held is not None:
            # It was recovered and taken again by ourselves: what still waits to leave under the old term must not.
            held.lose()
        held = self._held[claim.key] = LeasedBatch(claim, self.now)
        self._of_job.setdefault(claim.key.job, {})[claim.key] = held
        self._messages.note_held((claim.job, claim.key.batch))
        return held

    def note_written(self, entry: Entry, kept: AbstractSet[BatchKey]) -> None:
        """Batches that were released or taken over are no longer held."""
        for change in entry.batches:
            held = self._held.get(change.key)
            over = change.released or change.key not in kept
            if over and held is not None and held.claim.fencing_token == change.fencing_token:
                self._let_go(held)
        # From here on the job's own status says it, until somebody resumes the job.
        self._resting |= entry.halts.keys()
        self._halted -= entry.halts.keys()

    def rest(self, jobs: Iterable[JobNumber]) -> None:
        """These jobs were seen to be at rest; the next look at all of them may see them running again."""
        self._resting.update(jobs)

    def forbid(self, jobs: Iterable[JobNumber]) -> None:
        """No call of these jobs leaves any more."""
        self._halted.update(jobs)

    def extended(self, asked_at: float, held: Mapping[BatchKey, int], kept: Collection[BatchKey]) -> None:
        """A request made at that moment extended the leases of `kept`; the others of `held` are somebody else's now."""
        for key, fencing_token in held.items():
            batch = self._held.get(key)
            if batch is not None and batch.claim.fencing_token == fencing_token and key not in kept:
                self._let_go(batch)
        for batch in [batch for batch in self._held.values() if batch.is_lost]:
            self._let_go(batch)
        self._valid_until = asked_at + LEASE.total_seconds() - _MARGIN

    async def look(self) -> None:
        """Sees which of the held jobs were paused, cancelled or stopped, or are under an emergency stop."""
        jobs = self.jobs()
        # The next claim on anything else finds it running.
        self._resting &= jobs
        self._halted &= jobs
        if not jobs:
            return
        asked_at = self._app.clock.monotonic()
        async with self._app.store.reading() as tx:
            statuses = await tx.jobs.statuses(list(jobs))
            stopped = await tx.emergency_stops.stopped_among(jobs)
        self.set_statuses(asked_at, {job: statuses.get(job) for job in jobs})
        self._resting |= stopped

    def set_statuses(self, asked_at: float, statuses: Mapping[JobNumber, JobStatus | None]) -> None:
        """So the jobs stand by a question that was asked at this moment."""
        running = (JobStatus.QUEUED, JobStatus.RUNNING)
        self._resting = {job for job, status in statuses.items() if status not in running}
        self._seen_at = asked_at

    def _let_go(self, held: LeasedBatch) -> None:
        held.lose()
        key = held.claim.key
        del self._held[key]
        self._messages.note_released((held.claim.job, key.batch))
        of_job = self._of_job[key.job]
        del of_job[key]
        if not of_job:
            del self._of_job[key.job]
