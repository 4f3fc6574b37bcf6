"""Whether a claimed call may still leave, as the process that claimed it sees it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import cast

import pytest

from orchestrator.app import App
from orchestrator.domain.ids import JobNumber
from orchestrator.domain.job import JobStatus
from orchestrator.domain.outcome import Bar, GraphError
from orchestrator.domain.retry import Halt
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
def leases(clock: ManualClock) -> Leases:
    # Of everything an App has, leases use the clock, and the store only to look.
    return Leases(cast("App", SimpleNamespace(clock=clock)), BatchMessages(clock.monotonic, lambda: None))


def claimed(leases: Leases, clock: ManualClock, *, batch: int = 0, fencing_token: int = 1, job: int = 1) -> LeasedBatch:
    return leases.add(a_claim(batch=batch, fencing_token=fencing_token, job=job), asked_at=clock.monotonic())


def beat(leases: Leases, clock: ManualClock) -> None:
    leases.extended(clock.monotonic(), leases.terms(), leases.keys())


def look(leases: Leases, clock: ManualClock, status: JobStatus = JobStatus.RUNNING) -> None:
    leases.set_statuses(clock.monotonic(), {JOB: status})


def test_a_call_may_leave_until_shortly_before_the_lease_ends(leases: Leases, clock: ManualClock) -> None:
    held = claimed(leases, clock)

    clock.advance(seconds=LEASE.total_seconds() - 2.1)
    look(leases, clock)
    before = leases.allows(held)
    clock.advance(seconds=0.2)

    assert before
    assert not leases.allows(held)


def test_a_lease_counts_from_the_question_and_not_from_the_answer(leases: Leases, clock: ManualClock) -> None:
    asked_at = clock.monotonic()
    clock.advance(seconds=LEASE.total_seconds() - 1)

    held = leases.add(a_claim(), asked_at=asked_at)

    assert not leases.allows(held)


def test_a_heartbeat_lets_calls_leave_again(leases: Leases, clock: ManualClock) -> None:
    held = claimed(leases, clock)
    clock.advance(seconds=60)
    look(leases, clock)

    beat(leases, clock)

    assert leases.allows(held)


def test_a_later_claim_does_not_prolong_what_was_claimed_before(leases: Leases, clock: ManualClock) -> None:
    held = claimed(leases, clock)
    clock.advance(seconds=60)
    look(leases, clock)

    claimed(leases, clock, batch=1)

    assert not leases.allows(held)


def test_whoever_cannot_see_the_job_for_a_second_calls_nothing_of_it(leases: Leases, clock: ManualClock) -> None:
    held = claimed(leases, clock)
    clock.advance(seconds=0.9)
    seen = leases.allows(held)
    clock.advance(seconds=0.2)
    unseen = leases.allows(held)

    look(leases, clock)

    assert (seen, unseen, leases.allows(held)) == (True, False, True)


def test_a_job_that_was_paused_is_not_called_once_that_is_seen(leases: Leases, clock: ManualClock) -> None:
    held = claimed(leases, clock)

    look(leases, clock, JobStatus.PAUSED)

    assert not leases.allows(held)


def test_what_a_heartbeat_no_longer_found_is_not_called(leases: Leases, clock: ManualClock) -> None:
    lost, kept = claimed(leases, clock), claimed(leases, clock, batch=1)

    leases.extended(clock.monotonic(), leases.terms(), {kept.claim.key})

    assert not leases.allows(lost)
    assert leases.allows(kept)
    assert leases.keys() == [kept.claim.key]


def test_what_was_claimed_during_a_heartbeat_is_no_loss(leases: Leases, clock: ManualClock) -> None:
    asked = leases.terms()
    held = claimed(leases, clock)

    leases.extended(clock.monotonic(), asked, set())

    assert leases.allows(held)


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
    leases.note_written(entry, {released.claim.key})

    assert leases.keys() == []
    assert not leases.allows(taken)


def test_a_late_write_of_an_old_term_does_not_let_go_of_the_new_one(leases: Leases, clock: ManualClock) -> None:
    stale = claimed(leases, clock, fencing_token=1)
    held = claimed(leases, clock, fencing_token=3)

    leases.note_written(Entry((stale.snapshot(),), ()), set())

    assert leases.keys() == [held.claim.key]
    assert leases.allows(held)


def test_a_halted_job_is_not_called_while_its_halt_is_unwritten_and_after(leases: Leases, clock: ManualClock) -> None:
    held, other = claimed(leases, clock), claimed(leases, clock, job=2)

    leases.forbid([JOB])
    before = leases.allows(held)
    leases.note_written(Entry((held.snapshot(),), (), halts={JOB: HALT}), {held.claim.key})

    assert not before
    assert not leases.allows(held)
    assert leases.allows(other)


def test_a_job_that_was_resumed_is_called_once_nothing_of_before_is_held(leases: Leases, clock: ManualClock) -> None:
    before = claimed(leases, clock)
    leases.forbid([JOB])
    before.release_prefetched()
    leases.note_written(Entry((before.snapshot(),), (), halts={JOB: HALT}), {before.claim.key})

    held = claimed(leases, clock, fencing_token=2)

    assert leases.allows(held)


def test_what_is_in_reserve_of_a_job_that_rests_is_found_to_be_shed(leases: Leases, clock: ManualClock) -> None:
    held, other = claimed(leases, clock), claimed(leases, clock, job=2)

    before = leases.of_resting()
    leases.forbid([JOB])

    assert before == []
    assert leases.of_resting() == [held]
    assert leases.prefetched(JOB) is None
    assert leases.prefetched(JobNumber(2)) is other


def test_no_call_leaves_in_the_last_second_of_its_window_by_the_databases_clock(
    leases: Leases, clock: ManualClock
) -> None:
    # The database's clock is half a minute ahead of this machine's.
    leases.set_time(clock.now() + timedelta(seconds=30))
    not_after = leases.now() + timedelta(seconds=5)
    held = leases.add(replace(a_claim(), not_after=not_after), asked_at=clock.monotonic())

    clock.advance(seconds=3.9)
    look(leases, clock)
    before = leases.allows(held)
    clock.advance(seconds=0.2)

    assert before
    assert not leases.allows(held)
