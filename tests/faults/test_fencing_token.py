from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from orchestrator.app import App
from orchestrator.domain.errors import StoreUnavailable
from orchestrator.domain.job import Job, JobStatus, Tally
from orchestrator.domain.retry import Settle
from orchestrator.domain.target import TargetStatus
from orchestrator.engine.active_job import ActiveJobs
from orchestrator.engine.batch_messages import BatchMessages
from orchestrator.engine.job_news import JobNews, write_job_news
from orchestrator.engine.leased_batch import LeasedBatch
from orchestrator.engine.leases import Leases
from orchestrator.engine.record_outcomes import record_outcomes
from orchestrator.engine.recorder import Entry, Kept, Recorder
from orchestrator.engine.recovery import LEASE, recover_stalled
from orchestrator.usecases.jobs.describe_job import describe_job
from tests.support.apps import an_app, submitted, targets_of
from tests.support.builders import nothing_to_settle
from tests.support.clock import ManualClock


class _Worker:
    """What a driver holds and writes down, with a database that can be away, and time that passes as told."""

    def __init__(self, app: App, clock: ManualClock) -> None:
        self.app, self.clock = app, clock
        self.leases = Leases(app, ActiveJobs(), BatchMessages(clock.monotonic, lambda: None))
        self.recorder = Recorder(self._write, clock, ActiveJobs(), nothing_to_settle)
        self.is_cut_off = False

    async def _write(self, entry: Entry) -> Kept:
        if self.is_cut_off:
            raise StoreUnavailable("away")
        recorded = await record_outcomes(self.app, entry)
        self.leases.settle(entry, recorded)
        await write_job_news(self.app, JobNews.of(entry), {})
        return recorded

    async def claim(self, job: Job) -> LeasedBatch | None:
        asked_at = self.clock.monotonic()
        async with self.app.store.transaction() as tx:
            claim = await tx.batch_claims.claim(job.number, worker=self.app.worker, lease=LEASE, now=await tx.now())
        return None if claim is None else self.leases.add(claim, asked_at=asked_at)

    async def intend(self, held: LeasedBatch, calls: int) -> bool:
        intent = asyncio.create_task(self.recorder.intend(held, calls))
        return bool(await self.until(intent))

    def accept(self, held: LeasedBatch, most: int) -> None:
        """Calls of the batch that were taken are accepted, or of its reserve where none were."""
        for target in held.draw(most):
            self.answer(held, target.line)

    def answer(self, held: LeasedBatch, line: int) -> None:
        target = next(target for target in held.claim.targets if target.line == line)
        change = held.apply(target, Settle(TargetStatus.ACCEPTED, request_id="r"), sent_at=self.clock.now())
        self.recorder.add(held, [change])

    async def pass_time(self, seconds: float) -> None:
        for _ in range(int(seconds / 0.05)):
            self.clock.advance(seconds=0.05)
            # The recorder writes through a thread of the database's, which tells nobody when it is done.
            await asyncio.sleep(0.005)

    async def until(self, task: asyncio.Task[Any]) -> Any:
        while not task.done():
            await self.pass_time(0.05)
        return task.result()


async def test_outcomes_of_a_term_that_ran_out_while_the_database_was_away_are_not_written_into_the_next(
    sqlite_url: str,
) -> None:
    clock = ManualClock()
    async with an_app(sqlite_url, "http://127.0.0.1:1", clock=clock) as app:
        worker = _Worker(app, clock)
        job = await submitted(app, 20)
        writing = asyncio.create_task(worker.recorder.run())
        old = await worker.claim(job)
        assert old is not None
        sent = old.draw(10)
        assert await worker.intend(old, 10)

        worker.is_cut_off = True
        for target in sent:
            worker.answer(old, target.line)
        await worker.pass_time(LEASE.total_seconds() + 1)
        assert await recover_stalled(app)
        new = await worker.claim(job)
        assert new is not None
        assert old.is_lost
        taken = new.draw(5)
        worker.is_cut_off = False
        assert await worker.intend(new, 5)

        await _agree(app, job)
        for target in taken:
            worker.answer(new, target.line)
        held: LeasedBatch | None = new
        while held is not None:
            worker.accept(held, 500)
            await worker.pass_time(1.0)
            clock.advance(seconds=60)
            held = await worker.claim(job)

        await _agree(app, job)
        view = await describe_job(app, job.id)
        assert view.status is JobStatus.FINISHED
        assert view.tally.total == 20
        worker.recorder.close()
        await worker.until(writing)


async def _agree(app: App, job: Job) -> None:
    """What the batches count is what the rows say."""
    rows = Counter(target.status.value for target in await targets_of(app, job))
    tally: Tally = (await describe_job(app, job.id)).tally
    assert {
        status.value: getattr(tally, status.value) for status in TargetStatus if getattr(tally, status.value)
    } == rows
