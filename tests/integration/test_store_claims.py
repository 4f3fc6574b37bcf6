"""Who may call which targets when: claims, their leases, the first twenty, and batches that kill."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import update

from orchestrator.domain.action import Action
from orchestrator.domain.batch import POISONED_AFTER
from orchestrator.domain.circuit_breaker import Outage
from orchestrator.domain.job import Job, JobStatus, Priority, Tally
from orchestrator.domain.outcome import Deferred, GraphError
from orchestrator.domain.target import LOST_CALL, TargetFilter, TargetStatus
from orchestrator.engine.recovery import LEASE
from orchestrator.store.engine.database import Store, open_store
from orchestrator.store.rows.jobs import BatchRow
from orchestrator.store.work.batch_claims import FIRST_CALLS
from tests.support.builders import AFTER_THE_LEASE, ALICE, BOB, LANE, NOW, StoreWorker, a_job, recovered, tally_of
from tests.support.clock import ManualClock

pytestmark = pytest.mark.enable_socket


@pytest.fixture
async def store(database_url: str, clock: ManualClock) -> AsyncIterator[Store]:
    async with open_store(database_url, clock) as opened:
        yield opened


@pytest.fixture
async def other_store(database_url: str, clock: ManualClock) -> AsyncIterator[Store]:
    """The same database as another process sees it."""
    async with open_store(database_url, clock) as opened:
        yield opened


async def facts_of(store: Store, job: Job, *statuses: TargetStatus) -> list[tuple[int, TargetStatus, int, bool]]:
    async with store.reading() as tx:
        found = await tx.targets.page(job.number, job.id, TargetFilter(statuses), limit=1000)
    return [(each.line, each.status, each.attempts, each.maybe_repeated) for each in found]


async def test_a_claim_writes_down_the_intent_before_anything_leaves(store: Store) -> None:
    job = await a_job(store, 10)

    claim = await StoreWorker(store).claim(4)

    assert claim is not None
    assert [target.line for target in claim.targets] == [2, 3, 4, 5]
    assert await tally_of(store, job) == Tally(waiting=6, sending=4)
    assert [line for line, *_ in await facts_of(store, job, TargetStatus.SENDING)] == [2, 3, 4, 5]


async def test_no_two_workers_ever_claim_one_target(store: Store, other_store: Store) -> None:
    job = await a_job(store, 200, size=10)
    alice, bob = StoreWorker(store, ALICE), StoreWorker(other_store, BOB)

    claims = await asyncio.gather(*(worker.claim(10) for worker in (alice, bob) * 15))
    while (more := await alice.claim(10)) is not None:
        claims.append(more)

    lines = [target.line for claim in claims if claim is not None for target in claim.targets]
    assert sorted(lines) == list(range(2, 202))
    assert await tally_of(store, job) == Tally(sending=200)


async def test_a_worker_may_take_more_of_the_batch_it_holds_and_nobody_else_may(store: Store) -> None:
    job = await a_job(store, 10)
    alice, bob = StoreWorker(store, ALICE), StoreWorker(store, BOB)
    first = await alice.claim(3)

    theirs, more = await bob.claim(3), await alice.claim(3)

    assert theirs is None
    assert first is not None
    assert more is not None
    assert (more.fencing_token, [target.line for target in more.targets]) == (first.fencing_token, [5, 6, 7])
    assert await tally_of(store, job) == Tally(waiting=4, sending=6)
    assert alice.held[first.key].snapshot().in_flight == (2, 3, 4, 5, 6, 7)


async def test_what_a_worker_holds_without_knowing_it_is_not_taken_further_and_runs_out(store: Store) -> None:
    job = await a_job(store, 10)
    alice = StoreWorker(store, ALICE)
    await alice.claim(3)
    alice.held.clear()  # the commit went through, and the news of it was lost

    again = await alice.claim(3)
    async with store.transaction() as tx:
        extended = await tx.batches.extend_leases(ALICE, [], until=AFTER_THE_LEASE + LEASE)
    handed_back = await recovered(store, AFTER_THE_LEASE)

    assert again is None
    assert extended == set()
    assert len(handed_back) == 1
    assert await tally_of(store, job) == Tally(waiting=10)


async def test_a_heartbeat_keeps_what_is_known_in_its_term_and_tells_what_is_gone(store: Store) -> None:
    await a_job(store, 20, size=10)
    alice = StoreWorker(store, ALICE)
    kept, gone = await alice.claim(10), await alice.claim(10)
    assert kept is not None
    assert gone is not None

    async with store.transaction() as tx:
        held = [(kept.key, kept.fencing_token), (gone.key, gone.fencing_token - 1)]
        extended = await tx.batches.extend_leases(ALICE, held, until=AFTER_THE_LEASE + LEASE)
    await recovered(store, AFTER_THE_LEASE)

    assert extended == {kept.key}
    assert await alice.answer(kept.key) == {kept.key}
    assert await alice.answer(gone.key) == set()


async def test_who_writes_in_an_old_term_changes_nothing(store: Store) -> None:
    job = await a_job(store, 5)
    alice, bob = StoreWorker(store, ALICE), StoreWorker(store, BOB)
    slept = await alice.claim(5)
    await recovered(store, AFTER_THE_LEASE)
    taken_over = await bob.claim(5, now=AFTER_THE_LEASE)
    assert slept is not None
    assert taken_over is not None
    before = await facts_of(store, job)

    kept = await alice.answer(slept.key)

    assert kept == set()
    assert taken_over.fencing_token > slept.fencing_token
    assert await facts_of(store, job) == before
    assert await tally_of(store, job) == Tally(sending=5)


async def test_a_batch_that_was_freed_and_not_yet_taken_again_is_nobodys_to_write(store: Store) -> None:
    job = await a_job(store, 5)
    alice = StoreWorker(store, ALICE)
    slept = await alice.claim(5)
    await recovered(store, AFTER_THE_LEASE)
    assert slept is not None

    kept = await alice.answer(slept.key)

    assert kept == set()
    assert await tally_of(store, job) == Tally(waiting=5)


async def test_a_batch_whose_write_came_twice_is_written_once(store: Store) -> None:
    job = await a_job(store, 5)
    alice = StoreWorker(store, ALICE)
    claim = await alice.claim(5)
    assert claim is not None
    change = alice.held[claim.key]
    await alice.answer(claim.key)

    async with store.transaction() as tx:
        again = await tx.batches.change([change.snapshot()])

    assert again == set()
    assert await tally_of(store, job) == Tally(accepted=5)


async def test_at_most_twenty_leave_before_the_first_answer_however_many_workers(
    store: Store, other_store: Store
) -> None:
    job = await a_job(store, 300, size=50, answered=False)
    workers = [StoreWorker(store, ALICE), StoreWorker(other_store, BOB)]

    claims = await asyncio.gather(*(worker.claim(100) for worker in workers * 6))

    assert sum(len(claim.targets) for claim in claims if claim is not None) == FIRST_CALLS == 20
    assert await tally_of(store, job) == Tally(waiting=280, sending=20)


async def test_an_answer_opens_the_job_to_everybody(store: Store) -> None:
    job = await a_job(store, 300, size=50, answered=False)
    first = await StoreWorker(store, ALICE).claim(100)
    assert first is not None

    async with store.transaction() as tx:
        await tx.fair_queue.mark_answered(job.number)
    second = await StoreWorker(store, BOB).claim(100)

    assert second is not None
    assert len(second.targets) == 50


async def test_a_resumed_job_must_prove_itself_again(store: Store) -> None:
    job = await a_job(store, 300)

    async with store.transaction() as tx:
        await tx.fair_queue.rejoin(job.number, LANE, now=NOW)
    claim = await StoreWorker(store).claim(100)

    assert claim is not None
    assert len(claim.targets) == FIRST_CALLS


async def test_jobs_take_turns_by_what_they_were_served_over_their_weight(store: Store) -> None:
    small, large = await a_job(store, 100, size=10), await a_job(store, 100, size=10)
    async with store.transaction() as tx:
        await tx.jobs.set_priority(large.number, Priority.HIGH, now=NOW)
    worker = StoreWorker(store)

    claims = [await worker.claim(10) for _ in range(10)]

    virtual_time = [claim.key.job for claim in claims if claim is not None]
    assert virtual_time.count(large.number) == 8  # sixteen parts to four
    assert virtual_time.count(small.number) == 2


async def test_a_newcomer_joins_those_that_have_something_to_call(store: Store) -> None:
    late, out, working = [await a_job(store, 20) for _ in range(3)]
    async with store.transaction() as tx:
        await tx.fair_queue.serve({working.number: 4000})
        await tx.brakes.set_outage(out.number, Outage(NOW, 0, NOW + timedelta(seconds=30)), reason="Graph is out")
        waits_for_later = update(BatchRow).where(BatchRow.job_number == late.number)
        await tx.connection.execute(waits_for_later.values(due_at=NOW + timedelta(hours=1)))

    new = await a_job(store, 20)

    async with store.reading() as tx:
        due = {each.place.job: each.place.virtual_time for each in await tx.fair_queue.due(worker=ALICE, now=NOW)}
    assert due == {working.number: 1000.0, new.number: 1000.0}


async def test_what_a_job_is_served_counts_from_its_start(store: Store) -> None:
    behind, ahead = await a_job(store, 20), await a_job(store, 20)
    async with store.transaction() as tx:
        await tx.fair_queue.serve({ahead.number: 4000})

        turns = await tx.fair_queue.serve(
            {behind.number: 2, ahead.number: 2}, {behind.number: 800.0, ahead.number: 800.0}
        )

    assert {place.job: place.virtual_time for place in turns} == {behind.number: 800.5, ahead.number: 1000.5}


@pytest.mark.parametrize("status", [JobStatus.PAUSED, JobStatus.STOPPED, JobStatus.CANCELLED])
async def test_nothing_of_a_job_at_rest_is_claimed(store: Store, status: JobStatus) -> None:
    job = await a_job(store, 10)

    async with store.transaction() as tx:
        await tx.jobs.move(job.number, status, if_in=[JobStatus.QUEUED], reason=None, now=NOW)

    assert await StoreWorker(store).claim() is None


async def test_what_waits_for_later_is_found_at_its_time_and_not_before(store: Store) -> None:
    await a_job(store, 5)
    worker = StoreWorker(store)
    claim = await worker.claim()
    assert claim is not None
    not_now = Deferred(GraphError("ServiceUnavailable", "unwell", 503), retry_after=timedelta(seconds=7))
    await worker.answer(claim.key, not_now, count=2)
    await worker.answer(claim.key)

    early = await worker.claim(now=NOW + timedelta(seconds=6.9))
    due = await worker.claim(now=NOW + timedelta(seconds=7.1))

    assert early is None
    assert due is not None
    assert [(target.line, target.attempts) for target in due.targets] == [(2, 1), (3, 1)]


async def test_a_deferral_while_more_of_the_batch_is_claimed_is_found_in_time(store: Store) -> None:
    await a_job(store, 6)
    worker = StoreWorker(store)
    claim = await worker.claim(3)
    assert claim is not None
    not_now = Deferred(GraphError("ServiceUnavailable", "unwell", 503), retry_after=timedelta(seconds=7))
    await worker.claim(3)
    await worker.answer(claim.key, not_now, count=1)
    await worker.answer(claim.key)

    due = await worker.claim(now=NOW + timedelta(seconds=7.1))

    assert due is not None
    assert [target.line for target in due.targets] == [2]


@pytest.mark.parametrize("action", [Action.REFRESH_USER_POLICY, Action.WAKE_UP_CLIENT])
async def test_what_a_dead_worker_may_have_called_waits_again_and_says_so(store: Store, action: Action) -> None:
    job = await a_job(store, 4, action=action)
    await StoreWorker(store, ALICE).claim(2)

    await recovered(store, AFTER_THE_LEASE)
    bob = StoreWorker(store, BOB)
    again = await bob.claim(now=AFTER_THE_LEASE)
    assert again is not None
    await bob.answer(again.key, now=AFTER_THE_LEASE)

    assert await tally_of(store, job) == Tally(accepted=4)
    assert [(attempts, repeated) for _, _, attempts, repeated in await facts_of(store, job)] == [
        (2, True),
        (2, True),
        (1, False),
        (1, False),
    ]


async def test_what_a_dead_worker_may_have_scanned_is_uncertain_and_not_called_again(store: Store) -> None:
    job = await a_job(store, 4, action=Action.FULL_SCAN)
    await StoreWorker(store, ALICE).claim(2)

    await recovered(store, AFTER_THE_LEASE)
    again = await StoreWorker(store, BOB).claim(now=AFTER_THE_LEASE)

    assert again is not None
    assert [target.line for target in again.targets] == [4, 5]
    assert await tally_of(store, job) == Tally(sending=2, uncertain=2)
    async with store.reading() as tx:
        (group,) = await tx.jobs.errors(job.number)
    assert (group.status, group.code) == (TargetStatus.UNCERTAIN, LOST_CALL)


async def test_a_lease_that_stands_is_nobody_elses_business(store: Store) -> None:
    await a_job(store, 4)
    await StoreWorker(store).claim()

    assert await recovered(store, NOW + LEASE - timedelta(seconds=0.1)) == []


async def test_a_crash_uses_up_no_attempt_that_the_policy_allows(store: Store) -> None:
    await a_job(store, 1)
    now = NOW
    for _ in range(2):
        await StoreWorker(store).claim(now=now)
        now += LEASE + timedelta(seconds=1)
        await recovered(store, now)

    claim = await StoreWorker(store).claim(now=now)

    assert claim is not None
    assert (claim.targets[0].attempts, claim.targets[0].uncharged, claim.targets[0].doubtful) == (2, 2, True)


async def test_a_device_that_kills_every_worker_is_found_and_left_alone(store: Store) -> None:
    job = await a_job(store, 5)
    now, crash_count = NOW, 0
    victim = 4

    while crash_count < 20:
        worker = StoreWorker(store)
        claim = await worker.claim(now=now)
        if claim is None:
            break
        if any(target.line == victim for target in claim.targets):
            crash_count += 1
            now += LEASE + timedelta(seconds=1)
            await recovered(store, now)
        else:
            await worker.answer(claim.key, now=now)

    # Line 2, which stood before it, was called alone as well; so was each of the others after their worker died.
    assert await tally_of(store, job) == Tally(accepted=4, uncertain=1)
    assert [line for line, *_ in await facts_of(store, job, TargetStatus.UNCERTAIN)] == [victim]
    assert crash_count == POISONED_AFTER + 1


async def test_outcomes_that_are_never_written_let_no_device_be_called_again_and_again(store: Store) -> None:
    devices = 6
    job = await a_job(store, devices)
    now, called = NOW, Counter[int]()

    # Each device but the last ends whoever holds it together with others; nothing of what was heard is written then.
    while (claim := await (worker := StoreWorker(store)).claim(now=now)) is not None:
        called.update(target.line for target in claim.targets)
        if len(claim.targets) > 1 or claim.targets[0].line % 2:
            now += LEASE + timedelta(seconds=1)
            await recovered(store, now)
        else:
            await worker.answer(claim.key, now=now)

    assert await tally_of(store, job) == Tally(accepted=3, uncertain=3)
    assert max(called.values()) <= POISONED_AFTER + 1
