"""The knowledge of one worker process about a job that it works on: one object, from first claim to last outcome."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.domain.circuit_breaker import FailureClass, failure_class
from orchestrator.domain.claim import TargetChange
from orchestrator.domain.error_groups import ErrorGroup
from orchestrator.domain.ids import BatchKey, JobNumber
from orchestrator.engine.outage_watch import News, OutageWatch
from orchestrator.engine.run_ahead import RunAhead
from orchestrator.store.work.brakes import BrakeState
from orchestrator.store.work.fair_queue import DueJob

if TYPE_CHECKING:
    from orchestrator.engine.leased_batch import LeasedBatch


class ActiveJob:
    """One job that this process has leased batches of, or found due.

    `due` is the job as the last look found it, with its place in the fair queue; `is_due` says whether that look found
    it. `is_resting` follows its status and emergency stops, which were read last at the monotonic time `seen_at`;
    `is_halted` was decided here, and holds until nothing of the job is leased: it can be resumed only then.
    `is_answered` says that the database knows of an answer of Graph to it. `sent` counts calls without an outcome.
    """

    def __init__(self, number: JobNumber) -> None:
        self.number = number
        self.batches: dict[BatchKey, LeasedBatch] = {}
        self.due: DueJob | None = None
        self.is_due = False
        self.is_resting = False
        self.seen_at = -math.inf
        self.is_halted = False
        self.is_answered = False
        self.asked_ahead = False
        self.sent = 0
        self.outage = OutageWatch()
        self.run_ahead = RunAhead()
        self.window = BreakerWindow()

    @property
    def leased(self) -> list[LeasedBatch]:
        """The batches that this process holds, in the order of their claims."""
        return [batch for batch in self.batches.values() if not batch.is_lost]

    @property
    def prefetched(self) -> int:
        """How many targets of the job are leased and not taken for a call yet."""
        return sum(batch.prefetched for batch in self.leased)

    @property
    def under_way(self) -> int:
        """How many targets of the job are taken for a call and have no outcome yet."""
        return sum(len(batch.in_flight) for batch in self.leased)

    def allows(self, batch: LeasedBatch) -> bool:
        """Whether a call of this batch may leave, as far as pause, cancel, stop and outage are concerned.

        While Graph is out only the probe may. The lease is judged by `Leases.allows`.
        """
        if batch.is_lost or self.is_resting or self.is_halted:
            return False
        return batch.claim.is_probe or not self.outage.is_out

    @property
    def forbidden(self) -> list[LeasedBatch]:
        """The batches with prefetched targets that must be released.

        Nothing of a job at rest may leave. While Graph is out the process holds nothing but the probe: no other process
        could claim it otherwise.
        """
        return [batch for batch in self.leased if batch.prefetched and not self.allows(batch)]

    @property
    def is_idle(self) -> bool:
        """Whether nothing of the job is leased, due or on its way, and nothing is to be written or remembered of it."""
        return not (self.batches or self.is_due or self.sent or self.outage.has_news or self.outage.has_failures)


@dataclass(slots=True)
class BreakerWindow:
    """Targets of a job that have ended since its circuit breaker was last judged here."""

    brake: BrakeState | None = None
    ended: int = 0
    has_error: bool = False
    judged_at: float = -math.inf

    def add(self, change: TargetChange) -> None:
        """Counts a target that has ended."""
        self.ended += 1
        group = ErrorGroup(change.status, change.http_status, change.error_code or "")
        self.has_error = self.has_error or failure_class(group) is FailureClass.ERROR

    def calls_for_judgement(self, now: float) -> bool:
        """Whether the breaker is due for another judgement at this monotonic time."""
        if self.brake is None or self.brake.canaries:
            return self.ended > 0
        if self.has_error:
            return now - self.judged_at >= _JUDGE_ERRORS_EVERY
        return self.ended >= self.brake.options.sample and now - self.judged_at >= _JUDGE_EVERY


class ActiveJobs:
    """All active jobs of one process, by number."""

    def __init__(self) -> None:
        self._jobs: dict[JobNumber, ActiveJob] = {}

    def __iter__(self) -> Iterator[ActiveJob]:
        return iter([*self._jobs.values()])

    def __len__(self) -> int:
        return len(self._jobs)

    def get(self, number: JobNumber) -> ActiveJob | None:
        """The job of this number; None where this process does not work on it."""
        return self._jobs.get(number)

    def open(self, number: JobNumber) -> ActiveJob:
        """The job of this number, made where this process did not work on it before."""
        return self._jobs.get(number) or self._jobs.setdefault(number, ActiveJob(number))

    def drop_idle(self, now: float) -> None:
        """Forgets the jobs of which nothing is left to do here, at this monotonic time."""
        for job in self._jobs.values():
            job.outage.forget_old(now)
        self._jobs = {number: job for number, job in self._jobs.items() if not job.is_idle}

    def leased(self) -> list[LeasedBatch]:
        """The batches of all jobs that this process holds."""
        return [batch for job in self._jobs.values() for batch in job.leased]

    def pop_news(self) -> dict[JobNumber, News]:
        """Takes what was found of Graph and is not written yet, by job."""
        return {job.number: job.outage.pop_news() for job in self._jobs.values() if job.outage.has_news}

    def restore_news(self, news: dict[JobNumber, News]) -> None:
        """Keeps news that could not be written; news since then are later."""
        for number, each in news.items():
            self.open(number).outage.restore_news(each)

    def unjudged(self) -> dict[JobNumber, int]:
        """How many targets of each failing job have ended without a judgement."""
        return {job.number: job.run_ahead.unjudged for job in self._jobs.values() if job.run_ahead.unjudged}

    def mark_judged(self, ended: dict[JobNumber, int]) -> None:
        """So many ended targets of each job were judged."""
        for number, count in ended.items():
            if (job := self._jobs.get(number)) is not None:
                job.run_ahead.mark_judged(count)


_JUDGE_EVERY = 1.0
_JUDGE_ERRORS_EVERY = 0.2
"""Seconds between two judgements of one job: each locks its row, which a job that nothing paces has no time for. A job
whose latest devices failed waits for the judgement instead."""
