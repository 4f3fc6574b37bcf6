"""Holding a batch of each of many jobs at once is what holding them one after the other would have been."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from types import MappingProxyType

import pytest

from orchestrator.domain.batch import POISONED_AFTER
from orchestrator.domain.claim import Claim
from orchestrator.domain.errors import StoreUnavailable
from orchestrator.domain.ids import JobNumber, LaneKey, WorkerId
from orchestrator.domain.job import Job, JobStatus
from orchestrator.engine.claim_coalescer import ClaimCoalescer
from orchestrator.engine.recovery import LEASE
from orchestrator.store.engine.database import Store, open_store
from orchestrator.store.work.batch_claims import FIRST_CALLS
from orchestrator.store.work.many_claims import Lines
from tests.support.builders import ALICE, BOB, NOW, StoreWorker, a_claim, a_job, recovered, tally_of
from tests.support.clock import ManualClock
from tests.support.statements import statements_of, work_of

pytestmark = pytest.mark.enable_socket


@pytest.fixture
async def store(database_url: str, clock: ManualClock) -> AsyncIterator[Store]:
    async with open_store(database_url, clock) as opened:
        yield opened


async def claimed(
    store: Store, jobs: list[Job], worker: WorkerId = ALICE, held: Lines = MappingProxyType({})
) -> dict[JobNumber, Claim]:
    async with store.transaction() as tx:
        return await tx.batch_claims.claim_many(
            [job.number for job in jobs],
            worker=worker,
            lease=LEASE,
            now=NOW,
            held=held,
        )


def lines_of(claim: Claim) -> list[int]:
    return [target.line for target in claim.targets]


async def jobs_of(store: Store, count: int, targets: int = 600, *, answered: bool = True) -> list[Job]:
    return [
        await a_job(store, targets, size=300, lane=LaneKey(f"global/{number}/app"), answered=answered)
        for number in range(count)
    ]


async def test_each_job_gets_its_first_free_batch(store: Store) -> None:
    jobs = await jobs_of(store, 5)

    claims = await claimed(store, jobs)
    others = await claimed(store, jobs, BOB)

    assert {number: claim.key.batch for number, claim in claims.items()} == {job.number: 0 for job in jobs}
    assert {number: claim.key.batch for number, claim in others.items()} == {job.number: 1 for job in jobs}
    assert all(lines_of(claim) == list(range(2, 302)) for claim in claims.values())
    assert {claim.rest_due_at for claim in claims.values()} == {None}
    assert await claimed(store, jobs, BOB) == {}


async def test_of_what_is_held_the_rest_is_taken_and_no_line_of_it_twice(store: Store) -> None:
    jobs = await jobs_of(store, 4, answered=False)
    first = await claimed(store, jobs)
    held = {claim.key: lines_of(claim) for claim in first.values()}
    async with store.transaction() as tx:
        for job in jobs:
            await tx.fair_queue.mark_answered(job.number)

    more = await claimed(store, jobs, held=held)

    assert {number: (claim.key, claim.fencing_token) for number, claim in more.items()} == {
        number: (claim.key, claim.fencing_token) for number, claim in first.items()
    }
    assert all(lines_of(claim) == list(range(2 + FIRST_CALLS, 302)) for claim in more.values())
    assert {claim.rest_due_at for claim in more.values()} == {None}


async def test_what_its_holder_let_go_is_given_although_the_database_thinks_it_on_its_way(store: Store) -> None:
    jobs = await jobs_of(store, 2, targets=5)
    first = await claimed(store, jobs)
    async with store.transaction() as tx:
        await tx.connection.exec_driver_sql(
            f"UPDATE batches SET due_at = '{NOW:%Y-%m-%dT%H:%M:%S.000000Z}', in_flight = '[2, 3]'"  # noqa: S608 - ours
        )

    more = await claimed(store, jobs, held={claim.key: [3, 4] for claim in first.values()})

    assert [lines_of(claim) for claim in more.values()] == [[2, 5, 6], [2, 5, 6]]


async def test_where_nothing_more_of_what_is_held_is_due_it_stays_held_and_nothing_is_given(store: Store) -> None:
    jobs = await jobs_of(store, 2, targets=5)
    first = await claimed(store, jobs)
    async with store.transaction() as tx:
        await tx.connection.exec_driver_sql(f"UPDATE batches SET due_at = '{NOW:%Y-%m-%dT%H:%M:%S.000000Z}'")  # noqa: S608 - ours

    more = await claimed(store, jobs, held={claim.key: lines_of(claim) for claim in first.values()})

    assert {claim.fencing_token for claim in more.values()} == {claim.fencing_token for claim in first.values()}
    assert [lines_of(claim) for claim in more.values()] == [[], []]
    assert await claimed(store, jobs, BOB) == {}


async def test_what_another_worker_holds_is_not_given_as_more(store: Store) -> None:
    jobs = await jobs_of(store, 2, targets=300)
    first = await claimed(store, jobs)

    stolen = await claimed(store, jobs, BOB, held={claim.key: [] for claim in first.values()})

    assert stolen == {}


async def test_a_job_that_was_not_answered_yet_has_one_first_worker_and_twenty_calls(store: Store) -> None:
    jobs = await jobs_of(store, 3, answered=False)

    first, second = await asyncio.gather(claimed(store, jobs), claimed(store, jobs, BOB))

    assert len(first) + len(second) == 3
    assert {len(claim.targets) for claim in [*first.values(), *second.values()]} == {FIRST_CALLS}


async def test_what_is_paused_or_has_nothing_due_is_missing(store: Store) -> None:
    paused, running = await jobs_of(store, 2)
    async with store.transaction() as tx:
        await tx.jobs.move(paused.number, JobStatus.PAUSED, if_in=[JobStatus.QUEUED], reason=None, now=NOW)

    claims = await claimed(store, [paused, running])

    assert list(claims) == [running.number]
    async with store.reading() as tx:
        statuses = await tx.jobs.statuses([paused.number, running.number])
    assert statuses == {paused.number: JobStatus.PAUSED, running.number: JobStatus.RUNNING}


async def test_what_waits_for_later_is_left_and_said(store: Store) -> None:
    (job,) = await jobs_of(store, 1, targets=3)
    later = NOW + timedelta(seconds=40)
    async with store.transaction() as tx:
        await tx.connection.exec_driver_sql(
            f"UPDATE targets SET not_before = '{later:%Y-%m-%dT%H:%M:%S.000000Z}' WHERE line = 3"  # noqa: S608 - ours
        )

    claims = await claimed(store, [job])

    assert [each.line for each in claims[job.number].targets] == [2, 4]
    assert claims[job.number].rest_due_at == later


async def test_a_batch_that_kills_goes_on_one_target_at_a_time(store: Store) -> None:
    (job,) = await jobs_of(store, 1, targets=10)
    now = NOW
    for _ in range(POISONED_AFTER):
        await StoreWorker(store, lane=job.lane).claim(now=now)
        now += LEASE + timedelta(seconds=1)
        await recovered(store, now)

    async with store.transaction() as tx:
        claims = await tx.batch_claims.claim_many([job.number], worker=ALICE, lease=LEASE, now=now)

    assert len(claims[job.number].targets) == 1


async def test_many_are_held_with_as_few_statements_as_some(store: Store) -> None:
    some, many = await jobs_of(store, 3), await jobs_of(store, 30)

    with statements_of(store) as few:
        await claimed(store, some)
    with statements_of(store) as lots:
        claims = await claimed(store, many)

    assert len(claims) == 30
    assert len(work_of(lots)) == len(work_of(few)) <= 8
    assert (await tally_of(store, many[0])).waiting == 600


async def test_whoever_comes_while_the_desk_is_busy_is_served_with_the_others() -> None:
    asked: list[list[JobNumber]] = []
    busy = asyncio.Event()

    async def claim(jobs: object) -> dict[JobNumber, Claim]:
        numbers = list(jobs)  # type: ignore[call-overload] # what the desk hands on
        asked.append(numbers)
        await busy.wait()
        return {number: a_claim(job=number) for number in numbers if number != 3}

    desk = ClaimCoalescer(claim, 100)
    waiting = [asyncio.create_task(desk.claim(JobNumber(number))) for number in (1,)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting += [asyncio.create_task(desk.claim(JobNumber(number))) for number in (2, 3, 2)]
    await asyncio.sleep(0)
    busy.set()
    claims = await asyncio.gather(*waiting)

    assert asked == [[1], [2, 3]]
    assert [claim and claim.key.job for claim in claims] == [1, 2, None, 2]


async def test_what_goes_wrong_at_the_desk_is_told_to_everybody_who_asked() -> None:
    async def claim(_jobs: object) -> dict[JobNumber, Claim]:
        raise StoreUnavailable("away")

    desk = ClaimCoalescer(claim, 100)
    answers = await asyncio.gather(*(desk.claim(JobNumber(number)) for number in range(3)), return_exceptions=True)

    assert [type(answer) for answer in answers] == [StoreUnavailable] * 3
