"""Claims of one process beside everything that its driver looks at meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import cast

import pytest
from sqlalchemy import update

from orchestrator.app import App
from orchestrator.engine.active_job import ActiveJobs
from orchestrator.engine.batch_messages import BatchMessages
from orchestrator.engine.claims import Claims
from orchestrator.engine.leases import Leases
from orchestrator.engine.recorder import Entry, Kept, Recorder
from orchestrator.store.engine.database import Store, Transaction, open_store
from orchestrator.store.rows.targets import TargetRow
from orchestrator.store.work.fair_queue import DueJob
from tests.support.builders import ALICE, LANE, a_job, nothing_to_settle
from tests.support.clock import ManualClock

pytestmark = pytest.mark.enable_socket


class LateStore:
    """A store whose commits are heard of late."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.is_committed, self.is_heard = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with self.store.transaction() as tx:
            yield tx
        self.is_committed.set()
        await self.is_heard.wait()


async def test_a_claim_that_is_heard_of_after_its_job_was_forgotten_is_called_all_the_same(
    database_url: str, clock: ManualClock
) -> None:
    async with open_store(database_url, clock) as store:
        job = await a_job(store, 2)
        async with store.transaction() as tx:
            later = await tx.now() + timedelta(hours=1)
            second = (TargetRow.job_number == job.number, TargetRow.line == 3)
            await tx.connection.execute(update(TargetRow).where(*second).values(not_before=later))
        late = LateStore(store)
        app = cast("App", SimpleNamespace(store=late, clock=clock, worker=ALICE))
        jobs, messages = ActiveJobs(), BatchMessages(clock.monotonic, lambda: None)
        leases = Leases(app, jobs, messages)

        async def write(entry: Entry) -> Kept:
            async with store.transaction() as tx:
                kept = await tx.batches.change(entry.batches)
            leases.settle(entry, kept)
            return kept

        async def due() -> list[DueJob]:
            async with store.reading() as tx:
                return await tx.fair_queue.due(worker=ALICE, now=await tx.now())

        recorder = Recorder(write, clock, jobs, nothing_to_settle)
        claims = Claims(app, jobs, leases, recorder, messages=messages, is_paced=lambda _: True)
        claims.set_due(await due())
        claiming = asyncio.create_task(claims.prefetch(LANE))
        await late.is_committed.wait()

        # Nothing of the job is due while the claim stands, and this process knows of no claim yet.
        claims.set_due(await due())
        jobs.drop_idle(clock.monotonic())
        late.is_heard.set()
        await claiming
        await recorder.flush()
        lanes = claims.set_due(await due())

        assert lanes == {LANE: "default"}
        assert await claims.prefetch(LANE)
        drawn = claims.draw(LANE, 10)

    assert drawn is not None
    assert [target.line for target in drawn[1]] == [2]
