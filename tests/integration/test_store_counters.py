"""Counters always add up: whatever happens in whatever order, the tallies say what the rows say."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from orchestrator.domain.action import Action
from orchestrator.domain.ids import BatchKey
from orchestrator.domain.job import Job, JobStatus
from orchestrator.domain.outcome import Accepted, Bar, Barred, Deferred, GraphError, Outcome, Refused, Uncertain
from orchestrator.engine.recovery import LEASE
from orchestrator.store.engine.database import Store, open_store
from tests.support.builders import ALICE, BOB, LANE, NOW, StoreWorker, a_job, tally_of, truth_of
from tests.support.clock import ManualClock
from tests.support.databases import copy_sqlite

pytestmark = pytest.mark.enable_socket

T = TypeVar("T")
TARGETS = 24
OUTCOMES: list[Outcome] = [
    Accepted("request"),
    Refused(GraphError("ResourceNotFound", "no such device", 404, "request")),
    Deferred(GraphError("ServiceUnavailable", "unwell", 503), timedelta(seconds=3)),
    Deferred(GraphError("InternalServerError", "unwell", 500), may_have_happened=True),
    Deferred(GraphError("ConnectFailed", "never left")),
    Uncertain(GraphError("ConnectionLost", "sent, and the connection was lost")),
    Barred(GraphError("Forbidden", "no", 403), Bar.PERMISSION_MISSING),
]
WORKERS = st.integers(0, 1)
TURNS = settings(max_examples=10, stateful_step_count=30, suppress_health_check=list(HealthCheck))


class Counters(RuleBasedStateMachine):
    """Two jobs, two workers who never hear that they were declared dead, and a person who changes her mind."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.loop = asyncio.Runner()
        self.opened = AsyncExitStack()
        url = copy_sqlite(self.template, self.folder / "muster.db")
        self.store: Store = self.do(self.opened.enter_async_context(open_store(url, ManualClock(), pool_size=2)))
        self.now = NOW
        self.jobs: list[Job] = [
            self.do(a_job(self.store, TARGETS, size=5, action=action))
            for action in (Action.REFRESH_USER_POLICY, Action.FULL_SCAN)
        ]
        self.workers = [StoreWorker(self.store, worker) for worker in (ALICE, BOB)]

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run(work)

    @rule(worker=WORKERS, want=st.integers(1, 12))
    def claim(self, worker: int, want: int) -> None:
        self.do(self.workers[worker].claim(want, now=self.now))

    @rule(worker=WORKERS, outcome=st.sampled_from(OUTCOMES), count=st.integers(1, 6), pick=st.integers(0, 5))
    def answer(self, worker: int, outcome: Outcome, count: int, pick: int) -> None:
        keys: list[BatchKey] = sorted(self.workers[worker].held)
        if keys:
            self.do(self.workers[worker].answer(keys[pick % len(keys)], outcome, count=count, now=self.now))

    @rule(seconds=st.integers(1, 15))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def recover(self) -> None:
        self.do(self._recover())

    @rule(worker=WORKERS)
    def beat(self, worker: int) -> None:
        self.do(self._beat(self.workers[worker]))

    @rule(job=st.integers(0, 1))
    def pause(self, job: int) -> None:
        self.do(self._move(self.jobs[job], JobStatus.PAUSED, JobStatus.QUEUED, JobStatus.RUNNING))

    @rule(job=st.integers(0, 1))
    def resume(self, job: int) -> None:
        self.do(self._resume(self.jobs[job]))

    @rule(job=st.integers(0, 1), batches=st.integers(1, 3))
    def cancel(self, job: int, batches: int) -> None:
        self.do(self._cancel(self.jobs[job], batches))

    @invariant()
    def the_tallies_say_what_the_rows_say(self) -> None:
        for tally, truth, settled in self.do(self._look()):
            assert tally.total == TARGETS
            assert tally == truth
            if settled:
                assert (tally.waiting, tally.sending) == (0, 0)

    def teardown(self) -> None:
        self.do(self.opened.aclose())
        self.loop.close()
        shutil.rmtree(self.folder)

    async def _recover(self) -> None:
        async with self.store.transaction() as tx:
            await tx.recovery.hand_back(now=self.now, limit=50)

    async def _beat(self, worker: StoreWorker) -> None:
        held = {key: held.claim.fencing_token for key, held in worker.held.items()}
        async with self.store.transaction() as tx:
            await tx.batches.extend_leases(worker.id, held.items(), until=self.now + LEASE)

    async def _move(self, job: Job, wanted: JobStatus, *if_in: JobStatus) -> None:
        async with self.store.transaction() as tx:
            await tx.jobs.move(job.number, wanted, if_in=if_in, reason=None, now=self.now)

    async def _resume(self, job: Job) -> None:
        async with self.store.transaction() as tx:
            if await tx.jobs.move(job.number, JobStatus.RUNNING, if_in=[JobStatus.PAUSED], reason=None, now=self.now):
                await tx.fair_queue.rejoin(job.number, LANE, now=self.now)
                await tx.fair_queue.mark_answered(job.number)

    async def _cancel(self, job: Job, batches: int) -> None:
        await self._move(job, JobStatus.CANCELLED, JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.PAUSED)
        async with self.store.transaction() as tx:
            if (await tx.jobs.statuses([job.number]))[job.number] is JobStatus.CANCELLED:
                await tx.targets.cancel_waiting(job.number, batches=batches, now=self.now)

    async def _look(self) -> list[tuple[Any, Any, bool]]:
        async with self.store.transaction() as tx:
            settled = [await tx.job_ends.settle(job.number, now=self.now) for job in self.jobs]
        async with self.store.reading() as tx:
            tallies = await tx.jobs.tallies([job.number for job in self.jobs])
            truths = [await truth_of(tx, job, TARGETS) for job in self.jobs]
        return [(tallies[job.number], truths[each], settled[each]) for each, job in enumerate(self.jobs)]


def test_the_tallies_always_say_what_the_rows_say(sqlite_template: Path) -> None:
    Counters.template = sqlite_template
    run_state_machine_as_test(Counters, settings=TURNS)


async def test_a_cancelled_job_is_cancelled_a_page_at_a_time(database_url: str, clock: ManualClock) -> None:
    async with open_store(database_url, clock) as store:
        job = await a_job(store, 100, size=10)
        await StoreWorker(store).claim(4)

        pages: list[int] = []
        while not pages or pages[-1]:
            async with store.transaction() as tx:
                await tx.jobs.move(job.number, JobStatus.CANCELLED, if_in=[JobStatus.RUNNING], reason=None, now=NOW)
                pages.append(await tx.targets.cancel_waiting(job.number, batches=4, now=NOW))
        tally = await tally_of(store, job)

    assert pages == [40, 40, 10, 0]
    assert (tally.cancelled, tally.sending, tally.waiting) == (90, 4, 6)  # the rest of a batch that is held


@pytest.mark.parametrize(
    ("outcome", "settles_as"),
    [
        (Uncertain(GraphError("ConnectionLost", "sent, and the connection was lost")), "uncertain"),
        (Deferred(GraphError("ServiceUnavailable", "unwell", 503)), "cancelled"),
        (Deferred(GraphError("ConnectFailed", "never left")), "cancelled"),
    ],
)
async def test_cancelled_is_only_what_was_never_done(
    outcome: Outcome, settles_as: str, database_url: str, clock: ManualClock
) -> None:
    async with open_store(database_url, clock) as store:
        job = await a_job(store, 3)
        worker = StoreWorker(store)
        claim = await worker.claim(1)
        assert claim is not None
        worker.held[claim.key].release_prefetched()  # as a worker does that sees its job cancelled
        await worker.answer(claim.key, outcome)

        async with store.transaction() as tx:
            await tx.jobs.move(job.number, JobStatus.CANCELLED, if_in=[JobStatus.RUNNING], reason=None, now=NOW)
            await tx.targets.cancel_waiting(job.number, batches=10, now=NOW)
        async with store.reading() as tx:
            first, *others = await tx.targets.page(job.number, job.id, limit=10)
            errors = await tx.jobs.errors(job.number)

    assert first.status == settles_as
    assert [each.status for each in others] == ["cancelled", "cancelled"]
    assert [(group.status, group.code, count.count) for group, count in errors.items()] == (
        [("uncertain", "ConnectionLost", 1)] if settles_as == "uncertain" else []
    )
