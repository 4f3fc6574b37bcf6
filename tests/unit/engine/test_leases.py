"""Whether a claimed call may still leave, as the process that claimed it sees it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import cast

import pytest

from orchestrator.app import App
from orchestrator.domain.ids import JobNumber
from orchestrator.domain.outcome import Bar, Deferred, GraphError
from orchestrator.domain.retry import Halt
from orchestrator.engine.active_job import ActiveJobs
from orchestrator.engine.batch_messages import BatchMessages
from orchestrator.engine.leased_batch import LeasedBatch
from orchestrator.engine.leases import Leases
from orchestrator.engine.recorder import Entry
from orchestrator.engine.recovery import LEASE
from tests.support.builders import a_claim, a_target
from tests.support.clock import ManualClock

JOB = JobNumber(1)
HALT = Halt(Bar.TOKEN_REFUSED, GraphError("InvalidAuthenticationToken", "no", 401))


@pytest.fixture
def jobs() -> ActiveJobs:
    return ActiveJobs()


@pytest.fixture
def leases(clock: ManualClock, jobs: ActiveJobs) -> Leases:
    # Of everything an App has, leases use the clock, and the store only to look.
    return Leases(cast("App", SimpleNamespace(clock=clock)), jobs, BatchMessages(clock.monotonic, lambda: None))


def claimed(leases: Leases, clock: ManualClock, *, batch: int = 0, fencing_token: int = 1, job: int = 1) -> LeasedBatch:
    return leases.add(a_claim(batch=batch, fencing_token=fencing_token, job=job), asked_at=clock.monotonic())


def beat(leases: Leases, clock: ManualClock) -> None:
    leases.extend(clock.monotonic(), leases.tokens(), leases.tokens().keys())


def look(jobs: ActiveJobs, clock: ManualClock) -> None:
    for job in jobs:
        job.seen_at = clock.monotonic()


def test_a_call_may_leave_until_shortly_before_the_lease_ends(
    leases: Leases, jobs: ActiveJobs, clock: ManualClock
) -> None:
    held = claimed(leases, clock)

    clock.advance(seconds=LEASE.total_seconds() - 2.1)
    look(jobs, clock)
    before = leases.allows(held)
    clock.advance(seconds=0.2)

    assert before
    assert not leases.allows(held)


def test_a_lease_counts_from_the_question_and_not_from_the_answer(leases: Leases, clock: ManualClock) -> None:
    asked_at = clock.monotonic()
    clock.advance(seconds=LEASE.total_seconds() - 1)

    held = leases.add(a_claim(), asked_at=asked_at)

    assert not leases.allows(held)


def test_a_heartbeat_lets_calls_leave_again(leases: Leases, jobs: ActiveJobs, clock: ManualClock) -> None:
    held = claimed(leases, clock)
    clock.advance(seconds=60)
    look(jobs, clock)

    beat(leases, clock)

    assert leases.allows(held)


def test_a_later_claim_does_not_prolong_what_was_claimed_before(
    leases: Leases, jobs: ActiveJobs, clock: ManualClock
) -> None:
    held = claimed(leases, clock)
    clock.advance(seconds=60)
    look(jobs, clock)

    claimed(leases, clock, batch=1)

    assert not leases.allows(held)


def test_whoever_cannot_see_the_job_for_a_second_calls_nothing_of_it(
    leases: Leases, jobs: ActiveJobs, clock: ManualClock
) -> None:
    held = claimed(leases, clock)
    clock.advance(seconds=0.9)
    seen = leases.allows(held)
    clock.advance(seconds=0.2)
    unseen = leases.allows(held)

    look(jobs, clock)

    assert (seen, unseen, leases.allows(held)) == (True, False, True)


def test_a_job_that_was_paused_is_not_called_once_that_is_seen(leases: Leases, clock: ManualClock) -> None:
    held = claimed(leases, clock)

    held.job.is_resting = True

    assert not leases.allows(held)


def test_what_a_heartbeat_no_longer_found_is_not_called(leases: Leases, clock: ManualClock) -> None:
    lost, kept = claimed(leases, clock), claimed(leases, clock, batch=1)

    leases.extend(clock.monotonic(), leases.tokens(), {kept.claim.key})

    assert not leases.allows(lost)
    assert leases.allows(kept)
    assert [*leases.tokens()] == [kept.claim.key]


def test_what_was_claimed_during_a_heartbeat_is_no_loss(leases: Leases, clock: ManualClock) -> None:
    asked = leases.tokens()
    held = claimed(leases, clock)

    leases.extend(clock.monotonic(), asked, set())

    assert leases.allows(held)


@pytest.mark.parametrize("is_added_first", [True, False])
def test_a_claim_that_took_long_ends_with_its_own_lease_though_others_were_extended_meanwhile(
    leases: Leases, jobs: ActiveJobs, clock: ManualClock, *, is_added_first: bool
) -> None:
    other, asked_at = claimed(leases, clock, batch=1), clock.monotonic()
    clock.advance(seconds=7)
    asked = leases.tokens()
    if is_added_first:
        held = leases.add(a_claim(), asked_at=asked_at)
    leases.extend(clock.monotonic(), asked, asked.keys())
    if not is_added_first:
        held = leases.add(a_claim(), asked_at=asked_at)

    clock.advance(seconds=1.5)
    look(jobs, clock)

    assert leases.allows(other)
    assert not leases.allows(held)


def test_a_claim_that_took_long_is_not_called_before_its_own_job_is_looked_at(
    leases: Leases, jobs: ActiveJobs, clock: ManualClock
) -> None:
    other, asked_at = claimed(leases, clock), clock.monotonic()
    clock.advance(seconds=2)
    look(jobs, clock)

    # Its job may have been paused in these two seconds.
    held = leases.add(a_claim(job=2), asked_at=asked_at)
    before = leases.allows(held)
    look(jobs, clock)

    assert leases.allows(other)
    assert (before, leases.allows(held)) == (False, True)


def test_more_of_a_batch_in_the_same_term_is_the_same_batch(leases: Leases, clock: ManualClock) -> None:
    held = claimed(leases, clock)

    again = leases.add(a_claim([a_target(40)]), asked_at=clock.monotonic())

    assert again is held
    assert held.prefetched == 4


def test_a_batch_that_was_recovered_and_claimed_again_is_another(leases: Leases, clock: ManualClock) -> None:
    before = claimed(leases, clock, fencing_token=1)

    now = claimed(leases, clock, fencing_token=3)

    assert now is not before
    assert leases.allows(now)
    assert not leases.allows(before)


def test_a_batch_that_was_released_or_taken_over_is_held_no_longer(leases: Leases, clock: ManualClock) -> None:
    released, taken = claimed(leases, clock), claimed(leases, clock, batch=1)
    released.release_prefetched()

    entry = Entry((released.snapshot(), taken.snapshot()), ())
    leases.settle(entry, {released.claim.key})

    assert [*leases.tokens()] == []
    assert not leases.allows(taken)


def test_a_late_write_of_an_old_term_does_not_let_go_of_the_new_one(leases: Leases, clock: ManualClock) -> None:
    stale = claimed(leases, clock, fencing_token=1)
    held = claimed(leases, clock, fencing_token=3)

    leases.settle(Entry((stale.snapshot(),), ()), set())

    assert [*leases.tokens()] == [held.claim.key]
    assert leases.allows(held)


def test_a_halted_job_is_not_called_while_its_halt_is_unwritten_and_after(leases: Leases, clock: ManualClock) -> None:
    held, other = claimed(leases, clock), claimed(leases, clock, job=2)

    held.job.is_halted = True
    before = leases.allows(held)
    leases.settle(Entry((held.snapshot(),), (), halts={JOB: HALT}), {held.claim.key})

    assert not before
    assert not leases.allows(held)
    assert leases.allows(other)


def test_a_job_that_was_resumed_is_called_once_nothing_of_before_is_held(leases: Leases, clock: ManualClock) -> None:
    before = claimed(leases, clock)
    before.job.is_halted = True
    before.release_prefetched()
    leases.settle(Entry((before.snapshot(),), (), halts={JOB: HALT}), {before.claim.key})

    held = claimed(leases, clock, fencing_token=2)

    assert leases.allows(held)


def test_prefetched_targets_of_a_job_that_rests_are_to_be_released(leases: Leases, clock: ManualClock) -> None:
    held, other = claimed(leases, clock), claimed(leases, clock, job=2)

    before = held.job.forbidden
    held.job.is_halted = True

    assert before == []
    assert held.job.forbidden == [held]
    assert other.job.forbidden == []


def test_while_graph_is_out_nothing_but_the_probe_is_kept(leases: Leases, clock: ManualClock) -> None:
    held = claimed(leases, clock)
    probe = leases.add(replace(a_claim(batch=1), is_probe=True), asked_at=clock.monotonic())

    held.job.outage.set_out(is_out=True, now=clock.monotonic())

    assert held.job.forbidden == [held]
    assert (leases.allows(held), leases.allows(probe)) == (False, True)


def test_a_job_is_forgotten_once_nothing_of_it_is_leased_or_remembered(
    leases: Leases, jobs: ActiveJobs, clock: ManualClock
) -> None:
    held = claimed(leases, clock)
    held.job.outage.add(
        a_target(2), Deferred(GraphError("", "", 503)), left_at=clock.monotonic(), now=clock.monotonic()
    )
    kept = []
    for seconds in (0, 1, 200):
        clock.advance(seconds=seconds)
        jobs.drop_idle(clock.monotonic())
        kept.append(len(jobs))
        leases.extend(clock.monotonic(), leases.tokens(), set())

    assert kept == [1, 1, 0]


def test_no_call_leaves_in_the_last_second_of_its_window_by_the_databases_clock(
    leases: Leases, jobs: ActiveJobs, clock: ManualClock
) -> None:
    # The database's clock is half a minute ahead of this machine's.
    leases.set_time(clock.now() + timedelta(seconds=30))
    not_after = leases.now() + timedelta(seconds=5)
    held = leases.add(replace(a_claim(), not_after=not_after), asked_at=clock.monotonic())

    clock.advance(seconds=3.9)
    look(jobs, clock)
    before = leases.allows(held)
    clock.advance(seconds=0.2)

    assert before
    assert not leases.allows(held)
