"""The leases of one process, and whether a call under one of them may still leave."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

from orchestrator.app import App
from orchestrator.domain.claim import Claim
from orchestrator.domain.ids import BatchKey
from orchestrator.domain.job import WINDOW_MARGIN
from orchestrator.engine.active_job import ActiveJobs
from orchestrator.engine.batch_messages import BatchMessages
from orchestrator.engine.leased_batch import LeasedBatch
from orchestrator.engine.recorder import Entry
from orchestrator.engine.recovery import LEASE

_MARGIN = 2.0
"""Seconds before the lease ends in which no call leaves any more: it must arrive while the batch is still ours."""

_SIGHT = 1.0
"""Seconds after the last look at a job's status in which its calls may leave: a process that is cut off from the
database, or was frozen, does not see that a person paused or cancelled the job, and must not go on meanwhile."""


class Leases:
    """When the leases of this process end, and the batches under them: they are kept in their active jobs."""

    def __init__(self, app: App, jobs: ActiveJobs, messages: BatchMessages) -> None:
        self._app, self._jobs, self._messages = app, jobs, messages
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        """The time that all who share the database agree on, as near as this machine knows it.

        By its own clock, if that is ten minutes wrong, a target would wait ten minutes too long, or not at all.
        """
        return self._app.clock.now() + self._ahead

    def set_time(self, now: datetime) -> None:
        """Sets what the database's clock shows at present."""
        self._ahead = now - self._app.clock.now()

    def tokens(self) -> dict[BatchKey, int]:
        """The leased batches, each with its fencing token."""
        return {batch.claim.key: batch.claim.fencing_token for batch in self._jobs.leased()}

    def allows(self, batch: LeasedBatch) -> bool:
        """Whether a call of the batch may leave: its job runs, its window is open, and its lease stands."""
        if not batch.job.allows(batch):
            return False
        not_after = batch.claim.not_after
        if not_after is not None and self.now() >= not_after - WINDOW_MARGIN:
            return False
        return self._app.clock.monotonic() < min(batch.valid_until, batch.job.seen_at + _SIGHT)

    def add(self, claim: Claim, *, asked_at: float) -> LeasedBatch:
        """Adds a claim that was asked for at this monotonic time; returns the batch, which may have been leased before.

        A lease counts from the question, not from the answer: a claim can wait for a lock until its lease nearly ends.
        """
        job = self._jobs.open(claim.key.job)
        if not job.leased:
            # The claim found the job running, also where an earlier look saw another status.
            job.is_resting = job.is_halted = False
        job.seen_at = max(job.seen_at, asked_at)
        job.outage.set_out(is_out=claim.is_probe, now=self._app.clock.monotonic())
        job.is_answered = job.is_answered and claim.answered_before
        job.asked_ahead = job.asked_ahead and not claim.targets
        batch = job.batches.get(claim.key)
        if batch is not None and batch.claim.fencing_token == claim.fencing_token:
            batch.extend(claim)
        else:
            if batch is not None:
                # The batch was recovered and claimed again by this process: calls under the old token must not leave.
                batch.lose()
            batch = job.batches[claim.key] = LeasedBatch(claim, job, self.now)
            self._messages.mark_held((claim.job, claim.key.batch))
        batch.valid_until = _valid_until(asked_at)
        return batch

    def settle(self, entry: Entry, kept: AbstractSet[BatchKey]) -> None:
        """Drops the batches that this written entry released, and those that another process has taken over."""
        for change in entry.batches:
            if change.released or change.key not in kept:
                self._drop_under(change.key, change.fencing_token)

    def extend(self, asked_at: float, asked: Mapping[BatchKey, int], kept: Collection[BatchKey]) -> None:
        """A heartbeat that began at this monotonic time extended the leases of `kept`; others of `asked` are lost."""
        for key, token in asked.items():
            if key not in kept:
                self._drop_under(key, token)
            elif (batch := self._under(key, token)) is not None:
                batch.valid_until = _valid_until(asked_at)
        for batch in [batch for job in self._jobs for batch in job.batches.values() if batch.is_lost]:
            self._drop(batch)

    def _under(self, key: BatchKey, token: int) -> LeasedBatch | None:
        job = self._jobs.get(key.job)
        batch = None if job is None else job.batches.get(key)
        return batch if batch is not None and batch.claim.fencing_token == token else None

    def _drop_under(self, key: BatchKey, token: int) -> None:
        if (batch := self._under(key, token)) is not None:
            self._drop(batch)

    def _drop(self, batch: LeasedBatch) -> None:
        batch.lose()
        del batch.job.batches[batch.claim.key]
        self._messages.mark_released((batch.claim.job, batch.claim.key.batch))


def _valid_until(asked_at: float) -> float:
    """Until when calls may leave under a lease that the database was asked for at this monotonic time."""
    return asked_at + LEASE.total_seconds() - _MARGIN
