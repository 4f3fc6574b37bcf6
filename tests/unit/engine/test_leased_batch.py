from __future__ import annotations

from datetime import timedelta

import pytest

from orchestrator.domain.error_groups import ErrorCount, ErrorGroup
from orchestrator.domain.ids import JobNumber
from orchestrator.domain.job import Tally
from orchestrator.domain.outcome import Bar, GraphError
from orchestrator.domain.retry import Again, Halt, Settle
from orchestrator.domain.target import TargetStatus
from orchestrator.engine.active_job import ActiveJob
from orchestrator.engine.leased_batch import LeasedBatch
from tests.support.builders import NOW, a_claim, a_held_batch, a_target

JOB = ActiveJob(JobNumber(1))

GONE = GraphError("ResourceNotFound", "no such device", 404, "request-1")
UNWELL = GraphError("ServiceUnavailable", "unwell", 503, "request-2")


def test_a_settled_target_moves_the_tally_with_it() -> None:
    held = a_held_batch(a_claim(3, waiting=7))

    held.apply(a_target(2), Settle(TargetStatus.ACCEPTED), sent_at=NOW)
    held.apply(a_target(3), Settle(TargetStatus.FAILED, GONE), sent_at=NOW)

    stands = held.snapshot()
    assert stands.tally == Tally(waiting=7, sending=1, accepted=1, failed=1)
    assert stands.in_flight == (4,)
    assert stands.errors == {ErrorGroup(TargetStatus.FAILED, 404, "ResourceNotFound"): ErrorCount(1, "request-1")}
    assert not stands.released


def test_what_was_accepted_together_is_recorded_one_by_one() -> None:
    held = a_held_batch(a_claim(3))
    targets = [a_target(2), a_target(3, attempts=1, doubtful=True)]

    first, second = held.accept(targets, ["request-1", None], sent_at=NOW)

    assert (first.line, first.http_status, first.request_id, first.attempts) == (2, 204, "request-1", 1)
    assert (first.maybe_repeated, first.first_attempt_at, first.finished_at) == (False, NOW, NOW)
    assert (second.line, second.request_id, second.attempts, second.maybe_repeated) == (3, None, 2, True)
    stands = held.snapshot()
    assert stands.tally == Tally(sending=1, accepted=2)
    assert (stands.in_flight, stands.progressed) == ((4,), True)
    assert held.accepted_before


def test_a_batch_is_free_once_nothing_of_it_is_on_its_way() -> None:
    held = a_held_batch(a_claim(2))

    held.apply(a_target(2), Settle(TargetStatus.ACCEPTED), sent_at=NOW)
    held.give_back([a_target(3)])
    before = held.snapshot()
    held.release_prefetched()

    stands = held.snapshot()
    assert not before.released
    assert stands.released
    assert stands.due_at == NOW
    assert stands.tally == Tally(waiting=1, accepted=1)


def test_what_is_held_is_not_on_its_way_before_it_is_taken() -> None:
    held = LeasedBatch(a_claim(3, waiting=5), JOB, lambda: NOW)

    untouched = held.snapshot()
    taken = held.draw(2)

    assert (untouched.tally, untouched.in_flight, untouched.released) == (Tally(waiting=8), (), False)
    assert [target.line for target in taken] == [2, 3]
    assert (held.snapshot().tally, held.snapshot().in_flight) == (Tally(waiting=6, sending=2), (2, 3))
    assert held.prefetched == 1


def test_what_never_left_is_taken_again_first() -> None:
    held = LeasedBatch(a_claim(4), JOB, lambda: NOW)
    taken = held.draw(2)

    held.give_back(taken)

    assert [target.line for target in held.draw(4)] == [2, 3, 4, 5]


def test_what_has_become_due_joins_the_reserve() -> None:
    later = NOW + timedelta(seconds=5)
    held = a_held_batch(a_claim(2, waiting=5, rest_due_at=NOW))

    had_more = held.has_more(NOW)
    held.begin_extension()
    held.extend(a_claim([a_target(9), a_target(10)], rest_due_at=later))
    held.draw(1)

    stands = held.snapshot()
    assert had_more
    assert not held.has_more(NOW)
    assert stands.tally == Tally(waiting=4, sending=3)
    assert stands.in_flight == (2, 3, 9)


def test_a_deferral_that_lands_while_somebody_asks_for_more_is_not_forgotten() -> None:
    held = a_held_batch(a_claim(2, waiting=1, rest_due_at=NOW))

    held.begin_extension()
    held.apply(a_target(2), Again(3.0, UNWELL), sent_at=NOW)
    held.extend(a_claim([], rest_due_at=NOW + timedelta(seconds=60)))

    assert held.has_more(NOW + timedelta(seconds=3))


def test_what_was_let_go_while_more_was_asked_for_is_due_at_once_and_not_with_the_rest() -> None:
    held = a_held_batch(a_claim(2))
    held.give_back([a_target(2), a_target(3)])

    held.begin_extension()
    held.release_prefetched()
    held.extend(a_claim([], rest_due_at=NOW + timedelta(hours=1)))

    assert held.snapshot().due_at == NOW


def test_another_attempt_is_due_when_the_policy_says() -> None:
    held = a_held_batch(a_claim(1))

    change = held.apply(a_target(2), Again(7.0, UNWELL), sent_at=NOW)

    assert (change.status, change.attempts, change.not_before) == (
        TargetStatus.WAITING,
        1,
        NOW + timedelta(seconds=7),
    )
    assert (change.http_status, change.error_code, change.request_id) == (503, "ServiceUnavailable", "request-2")
    assert held.snapshot().due_at == NOW + timedelta(seconds=7)


def test_the_batch_is_due_when_the_first_of_what_waits_is() -> None:
    held = a_held_batch(a_claim(3, waiting=1, rest_due_at=NOW + timedelta(seconds=5)))

    held.apply(a_target(2), Again(7.0, UNWELL), sent_at=NOW)
    later = held.snapshot().due_at
    held.apply(a_target(3), Again(3.0, UNWELL), sent_at=NOW)
    sooner = held.snapshot().due_at
    held.give_back([a_target(4)])
    held.release_prefetched()

    assert (later, sooner, held.snapshot().due_at) == (
        NOW + timedelta(seconds=5),
        NOW + timedelta(seconds=3),
        NOW,
    )


def test_an_attempt_that_never_left_is_none() -> None:
    held = a_held_batch(a_claim(1))

    change = held.apply(a_target(2), Again(1.0, UNWELL, counted=False), sent_at=NOW)

    assert (change.attempts, change.first_attempt_at, change.maybe_repeated) == (0, None, False)


def test_an_attempt_that_stopped_the_job_uses_up_none_of_the_devices_own() -> None:
    held = a_held_batch(a_claim(1))

    change = held.apply(a_target(2), Halt(Bar.PERMISSION_MISSING, GONE), sent_at=NOW)

    assert (change.status, change.attempts, change.uncharged) == (TargetStatus.WAITING, 1, 1)
    assert held.snapshot().tally == Tally(waiting=1)


@pytest.mark.parametrize("status", [TargetStatus.ACCEPTED, TargetStatus.UNCERTAIN])
def test_whoever_is_called_after_a_doubtful_attempt_is_marked_as_perhaps_repeated(status: TargetStatus) -> None:
    held = a_held_batch(a_claim(1))

    change = held.apply(a_target(2, attempts=1, doubtful=True), Settle(status), sent_at=NOW)

    assert change.maybe_repeated


def test_doubt_stays_with_the_target() -> None:
    held = a_held_batch(a_claim(2))

    doubtful = held.apply(a_target(2), Again(1.0, UNWELL, doubtful=True), sent_at=NOW)
    still = held.apply(a_target(3, attempts=1, doubtful=True), Again(1.0, UNWELL), sent_at=NOW)

    assert (doubtful.doubtful, doubtful.maybe_repeated) == (True, False)
    assert (still.doubtful, still.maybe_repeated) == (True, True)


def test_only_a_final_status_is_progress() -> None:
    held = a_held_batch(a_claim(2))

    held.apply(a_target(2), Again(1.0, UNWELL), sent_at=NOW)
    before = held.snapshot().progressed
    held.apply(a_target(3), Settle(TargetStatus.FAILED, GONE), sent_at=NOW)

    assert (before, held.snapshot().progressed) == (False, True)


def test_an_acceptance_is_remembered_for_the_calls_that_follow() -> None:
    held = a_held_batch(a_claim(2))

    held.apply(a_target(2), Settle(TargetStatus.FAILED, GONE), sent_at=NOW)
    before = held.accepted_before
    held.apply(a_target(3), Settle(TargetStatus.ACCEPTED), sent_at=NOW)

    assert (before, held.accepted_before) == (False, True)
