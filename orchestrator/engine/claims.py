"""Leases batches for the lanes of one process, and hands out their targets in the order of the fair queue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

from orchestrator.app import App
from orchestrator.domain.batch import BATCH_SIZE
from orchestrator.domain.claim import Claim
from orchestrator.domain.fair_queue import FairQueue, QueuePlace
from orchestrator.domain.ids import JobNumber, LaneKey
from orchestrator.domain.target import Target
from orchestrator.engine.active_job import ActiveJob, ActiveJobs
from orchestrator.engine.batch_messages import BatchMessages
from orchestrator.engine.claim_coalescer import ClaimCoalescer
from orchestrator.engine.leased_batch import LeasedBatch
from orchestrator.engine.leases import Leases
from orchestrator.engine.recorder import Recorder
from orchestrator.engine.recovery import LEASE
from orchestrator.store.work.fair_queue import DueJob
from orchestrator.store.work.many_claims import MOST_AT_ONCE, NOTHING, Lines

_LOW = 100
"""Prefetched targets below which more are claimed: with a limit of 200 in 20 s, ten seconds' worth."""

_LEAD = BATCH_SIZE
_LEAD_UNPACED = 16 * BATCH_SIZE
"""Calls that a job may be given before all workers see it: where nothing paces them, several draw whole batches."""


class Claims:
    """Which job of a lane is served next, and its batches; `is_paced` says whether a limit paces a tenant's lane."""

    def __init__(
        self,
        app: App,
        jobs: ActiveJobs,
        leases: Leases,
        recorder: Recorder,
        *,
        messages: BatchMessages,
        is_paced: Callable[[str], bool],
    ) -> None:
        self._app, self._jobs, self._leases, self._recorder = app, jobs, leases, recorder
        self._messages = messages
        self._is_paced = is_paced
        self._queues: dict[LaneKey, FairQueue] = {}
        self._free = ClaimCoalescer(self._claim_of, MOST_AT_ONCE)
        self._more = ClaimCoalescer(self._claim_more, MOST_AT_ONCE)

    def set_due(self, found: Iterable[DueJob]) -> dict[LaneKey, str]:
        """Takes over which jobs are due; returns the lanes with work, each with the name of a tenant that leads there.

        Jobs with prefetched targets have work too, although no other process could find any.
        """
        for job in self._jobs:
            job.is_due = False
        for due in found:
            if self._may_go_on(due):
                job = self._jobs.open(due.place.job)
                job.due, job.is_due = due, True
        places: dict[LaneKey, list[QueuePlace]] = {lane: [] for lane in self._queues}
        tenants: dict[LaneKey, str] = {}
        for job in self._jobs:
            if job.due is not None and (job.is_due or job.prefetched):
                places.setdefault(job.due.lane, []).append(job.due.place)
                tenants[job.due.lane] = job.due.tenant
        for lane, in_lane in places.items():
            if lane not in self._queues:
                self._queues[lane] = FairQueue(_LEAD if self._is_paced(tenants[lane]) else _LEAD_UNPACED)
            self._queues[lane].replace(in_lane)
        return tenants

    def start_of(self, number: JobNumber) -> float | None:
        """The virtual time at which the job entered its fair queue; None where this process does not know the job."""
        job = self._jobs.get(number)
        return None if job is None or job.due is None else self._queues[job.due.lane].start(number)

    def correct(self, place: QueuePlace) -> None:
        """Takes over where the job stands in the fair order by the database: other processes serve it too."""
        job = self._jobs.get(place.job)
        if job is not None and job.due is not None:
            job.due = replace(job.due, place=place)
            self._queues[job.due.lane].correct(place)

    async def prefetch(self, lane: LaneKey) -> bool:
        """Leases something of the job that is served next; False where nothing of any job in the lane can be leased."""
        queue = self._queues[lane]
        while (number := queue.first()) is not None:
            job = self._jobs.open(number)
            if self._callable_batch(job) is not None:
                return True
            # Prefetched targets that may not be called now are no reason to lease more.
            if not job.prefetched and await self._claim(job):
                return True
            # A claim that was made ahead may have come meanwhile.
            if self._callable_batch(job) is not None:
                return True
            queue.drop(number)
        return False

    def draw(self, lane: LaneKey, most: int) -> tuple[LeasedBatch, list[Target]] | None:
        """Takes up to so many targets of the job that is served next, for calls."""
        queue = self._queues[lane]
        while (number := queue.first()) is not None:
            job = self._jobs.open(number)
            batch = self._callable_batch(job)
            if batch is None:
                return None
            if room := job.run_ahead.room(job.under_way, most):
                targets = batch.draw(room)
                queue.charge(number, len(targets))
                self._claim_ahead(job)
                return batch, targets
            # Until its circuit breaker has judged it, the other jobs of the lane are served.
            queue.drop(number)
        return None

    async def close(self, patience: float) -> None:
        """Ends claiming; waits `patience` seconds for a claim under way, so that it can be released."""
        await asyncio.gather(*(coalescer.close(patience) for coalescer in (self._free, self._more)))

    def _may_go_on(self, due: DueJob) -> bool:
        # A job that must prove itself has no more than what is leased of it; but that may be prefetched again.
        job = self._jobs.get(due.place.job)
        return not due.proves_itself or job is None or not job.leased or job.prefetched > 0

    def _callable_batch(self, job: ActiveJob) -> LeasedBatch | None:
        """The first claimed batch of the job with targets that may be called now."""
        return next((batch for batch in job.leased if batch.prefetched and self._leases.allows(batch)), None)

    def _claim_ahead(self, job: ActiveJob) -> None:
        """Claims more before all is called: a thousand jobs that began together come to their ends together."""
        if job.prefetched < _LOW and not job.asked_ahead and job.is_answered:
            # Once, until something was found: near its end there is no more of a job.
            job.asked_ahead = True
            self._coalescer_for(job).request(job.number)

    async def _claim(self, job: ActiveJob) -> bool:
        claim = await self._coalescer_for(job).claim(job.number)
        return claim is not None and bool(claim.targets)

    def _coalescer_for(self, job: ActiveJob) -> ClaimCoalescer:
        # Leased batches are finished first: few batches are open at a time.
        return self._more if self._with_more(job) else self._free

    def _with_more(self, job: ActiveJob) -> list[LeasedBatch]:
        return [batch for batch in job.leased if batch.has_more(self._leases.now())]

    async def _claim_more(self, numbers: Collection[JobNumber]) -> dict[JobNumber, Claim]:
        """More targets of the batches that are leased of each of these jobs."""
        jobs = [self._jobs.open(number) for number in numbers]
        # No intent is written meanwhile, in any lane.
        async with self._recorder.quiet():
            # Outcomes that this process knows must be in the database before it is asked for more.
            await self._recorder.flush_in_quiet({batch.claim.key for job in jobs for batch in job.leased})
            batches = [batch for job in jobs for batch in self._with_more(job)]
            # Before anything is waited for: targets that land meanwhile were on their way, and are not taken again.
            held = {batch.claim.key: batch.lines for batch in batches}
            for batch in batches:
                batch.begin_extension()
            return await self._claim_of(numbers, held)

    async def _claim_of(self, numbers: Collection[JobNumber], held: Lines = NOTHING) -> dict[JobNumber, Claim]:
        """Claims a batch of each of these jobs, of `held` or free, and adds them: the lane that asked may be gone."""
        asked_at = self._app.clock.monotonic()
        wanted = self._messages.wanted(numbers)
        async with self._app.store.transaction() as tx:
            now = await tx.now()
            self._leases.set_time(now)
            worker = self._app.worker
            if len(numbers) > 1:
                claims = await tx.batch_claims.claim_many(
                    numbers, worker=worker, lease=LEASE, now=now, held=held, wanted=wanted
                )
            else:
                (number,) = numbers
                first = wanted[0].batch if wanted else None
                claim = await tx.batch_claims.claim(
                    number, worker=worker, lease=LEASE, now=now, held=held, wanted=first
                )
                claims = {} if claim is None else {number: claim}
        for claim in claims.values():
            batch = self._leases.add(claim, asked_at=asked_at)
            if batch.job.due is None:
                # The job was dropped while the claim was under way, and no lane serves it before a look finds it due.
                batch.release_prefetched()
                self._recorder.add(batch)
        return claims
