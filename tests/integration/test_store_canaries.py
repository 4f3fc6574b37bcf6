"""Which batches a claim finds while the canaries of a job go first."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from orchestrator.domain.brake_options import FIRST_LOOK_WITHIN
from orchestrator.domain.claim import Claim
from orchestrator.domain.job import Job
from orchestrator.engine.recovery import LEASE
from orchestrator.store.engine.database import Store, open_store
from orchestrator.store.rows.jobs import BatchRow
from orchestrator.store.rows.targets import TargetRow
from tests.support.builders import ALICE, NOW, a_job
from tests.support.clock import ManualClock

pytestmark = pytest.mark.enable_socket


@pytest.fixture
async def store(database_url: str, clock: ManualClock) -> AsyncIterator[Store]:
    async with open_store(database_url, clock) as opened:
        yield opened


async def claimed(store: Store, job: Job, now: datetime) -> Claim | None:
    async with store.transaction() as tx:
        return await tx.batch_claims.claim(job.number, worker=ALICE, lease=LEASE, now=now)


async def a_job_with_a_canary(store: Store, batches: int) -> Job:
    """A job of batches of one target each, all of them due; the last one is the canary."""
    job = await a_job(store, batches, size=1)
    async with store.transaction() as tx:
        await tx.canaries.choose(job.number, [batches - 1], until=NOW + FIRST_LOOK_WITHIN)
        await tx.connection.execute(update(BatchRow).where(BatchRow.job_number == job.number).values(due_at=NOW))
    return job


async def test_the_batch_of_a_canary_is_found_behind_any_number_of_others(store: Store) -> None:
    job = await a_job_with_a_canary(store, 30)

    claims = [await claimed(store, job, NOW) for _ in range(2)]

    assert [claim and [target.line for target in claim.targets] for claim in claims] == [None, [31]]


async def test_a_canary_that_waits_for_another_attempt_is_found_when_it_is_due(store: Store) -> None:
    job = await a_job_with_a_canary(store, 30)
    later = NOW + timedelta(seconds=20)
    async with store.transaction() as tx:
        canary = (TargetRow.job_number == job.number, TargetRow.line == 31)
        await tx.connection.execute(update(TargetRow).where(*canary).values(not_before=later))

    early = [await claimed(store, job, NOW) for _ in range(3)]
    async with store.reading() as tx:
        is_due = await tx.fair_queue.due(worker=ALICE, now=NOW)
    claims = [await claimed(store, job, later) for _ in range(2)]

    assert (early, is_due) == ([None] * 3, [])
    # The first one puts the others off again.
    assert [claim and [target.line for target in claim.targets] for claim in claims] == [None, [31]]


async def test_a_claim_that_saw_canaries_puts_the_others_off_for_no_longer_than_a_lease(store: Store) -> None:
    """Another process may have released the canaries while it looked: the rest would wait for all that time."""
    job = await a_job_with_a_canary(store, 30)

    assert await claimed(store, job, NOW) is None

    async with store.reading() as tx:
        latest = select(func.max(BatchRow.due_at)).where(BatchRow.job_number == job.number)
        assert (await tx.connection.execute(latest)).scalar_one() == NOW + LEASE
