"""Which batches wait for a worker, and that a claim takes the one that a message names."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from orchestrator.domain.ids import BatchKey, LaneKey
from orchestrator.domain.job import Job, JobStatus
from orchestrator.engine.recovery import LEASE
from orchestrator.store.engine.database import Store, open_store
from tests.support.builders import ALICE, BOB, NOW, a_job
from tests.support.clock import ManualClock

pytestmark = pytest.mark.enable_socket


@pytest.fixture
async def store(database_url: str, clock: ManualClock) -> AsyncIterator[Store]:
    async with open_store(database_url, clock) as opened:
        yield opened


async def named(store: Store, most: int = 100, *, only: Job | None = None) -> list[tuple[str, int]]:
    async with store.reading() as tx:
        number = None if only is None else only.number
        waiting = await tx.waiting_batches.first(most, worker=BOB, now=NOW, only=number)
    return [(each.job, each.batch) for each in waiting]


async def test_the_first_batch_of_each_job_comes_before_the_second_of_any(store: Store) -> None:
    one, other, paused = [await a_job(store, 900, size=300, lane=LaneKey("lane"), answered=True) for _ in range(3)]
    async with store.transaction() as tx:
        await tx.batch_claims.claim(one.number, worker=ALICE, lease=LEASE, now=NOW)
        await tx.jobs.move(paused.number, JobStatus.PAUSED, if_in=[JobStatus.QUEUED], reason=None, now=NOW)

    assert await named(store) == [(one.id, 1), (other.id, 0), (one.id, 2), (other.id, 1), (other.id, 2)]
    assert await named(store, 2) == [(one.id, 1), (other.id, 0)]
    assert await named(store, only=other) == [(other.id, 0), (other.id, 1), (other.id, 2)]
    async with store.reading() as tx:
        among = await tx.waiting_batches.among([(one.id, 0), (one.id, 1), (other.id, 9)], now=NOW)
    assert among == {(one.id, 1)}


async def test_a_claim_takes_the_wanted_batch_or_the_first_where_that_is_held(store: Store) -> None:
    jobs = [await a_job(store, 900, size=300, lane=LaneKey(f"lane {name}"), answered=True) for name in "ab"]
    async with store.transaction() as tx:
        taken = await tx.batch_claims.claim(jobs[0].number, worker=ALICE, lease=LEASE, now=NOW, wanted=2)
        again = await tx.batch_claims.claim(jobs[0].number, worker=BOB, lease=LEASE, now=NOW, wanted=2)
    async with store.transaction() as tx:
        numbers = [job.number for job in jobs]
        wanted = [BatchKey(jobs[0].number, 2), BatchKey(jobs[1].number, 1)]
        many = await tx.batch_claims.claim_many(numbers, worker=BOB, lease=LEASE, now=NOW, wanted=wanted)

    assert taken is not None
    assert again is not None
    assert (taken.key.batch, again.key.batch) == (2, 0)
    assert {number: claim.key.batch for number, claim in many.items()} == {jobs[0].number: 1, jobs[1].number: 1}
