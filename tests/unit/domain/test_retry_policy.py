from __future__ import annotations

from datetime import timedelta

import pytest

from orchestrator.domain.outcome import Accepted, Bar, Barred, Deferred, GraphError, Outcome, Refused, Uncertain
from orchestrator.domain.retry import Again, Halt, NextStep, Settle, next_step
from orchestrator.domain.retry_policy import RetryPolicy
from orchestrator.domain.target import TargetStatus

POLICY = RetryPolicy(attempts=3, base=2.0, longest=10.0)
NOT_FOUND = GraphError("ResourceNotFound", "no such device", 404)
BUSY = GraphError("TooManyRequests", "slow down", 429)
BROKEN = GraphError("InternalServerError", "oh", 500)
SILENT = GraphError("ReadTimeout", "no answer")
DENIED = GraphError("Forbidden", "no", 403)
NO_ROAD = GraphError("ConnectError", "no connection")


def step(outcome: Outcome, *, used: int = 1, repeatable: bool = True, jitter: float = 0.5, **known: bool) -> NextStep:
    return next_step(POLICY, outcome, used=used, repeatable=repeatable, jitter=jitter, **known)


def test_204_settles_as_accepted_with_its_request_id() -> None:
    assert step(Accepted("r1")) == Settle(TargetStatus.ACCEPTED, request_id="r1")


@pytest.mark.parametrize("used", [1, 3, 9])
def test_a_refusal_settles_as_failed_at_once(used: int) -> None:
    assert step(Refused(NOT_FOUND), used=used) == Settle(TargetStatus.FAILED, NOT_FOUND)


def test_a_refusal_after_doubt_is_no_proof_that_nothing_happened() -> None:
    assert step(Refused(NOT_FOUND), doubtful=True) == Settle(TargetStatus.UNCERTAIN, NOT_FOUND)


def test_a_denial_stops_the_job_while_nothing_was_accepted() -> None:
    assert step(Refused(DENIED, perhaps_everywhere=True)) == Halt(Bar.PERMISSION_MISSING, DENIED)


def test_a_denial_after_an_acceptance_concerns_this_device() -> None:
    outcome = Refused(DENIED, perhaps_everywhere=True)

    assert step(outcome, accepted_before=True) == Settle(TargetStatus.FAILED, DENIED)


@pytest.mark.parametrize("bar", Bar)
def test_what_cannot_work_for_anyone_stops_the_job(bar: Bar) -> None:
    assert step(Barred(DENIED, bar), used=3, repeatable=False) == Halt(bar, DENIED)


@pytest.mark.parametrize(
    ("used", "jitter", "wait"),
    [(1, 0.0, 1.0), (1, 1.0, 2.0), (2, 0.0, 2.0), (2, 1.0, 4.0)],
)
def test_waits_double_and_are_spread(used: int, jitter: float, wait: float) -> None:
    assert step(Deferred(BUSY), used=used, jitter=jitter) == Again(wait, BUSY)


def test_a_wait_never_passes_the_longest() -> None:
    patient = RetryPolicy(attempts=10_000, base=2.0, longest=10.0)

    waited = next_step(patient, Deferred(BUSY), used=5_000, repeatable=True, jitter=1.0)

    assert waited == Again(10.0, BUSY)


@pytest.mark.parametrize("named", [0, 1, 60, 3600])
@pytest.mark.parametrize("jitter", [0.0, 1.0])
def test_a_wait_that_graph_named_is_a_floor(named: int, jitter: float) -> None:
    assert step(Deferred(BUSY, timedelta(seconds=named)), jitter=jitter) == Again(named + jitter, BUSY)


def test_the_last_attempt_is_the_last() -> None:
    assert isinstance(step(Deferred(BUSY), used=2), Again)
    assert step(Deferred(BUSY), used=3) == Settle(TargetStatus.FAILED, BUSY)


def throttled(named: float | None = None, *, asked: int = 1, age: float = 0.0, used: int = 1) -> NextStep:
    wait = None if named is None else timedelta(seconds=named)
    outcome = Deferred(BUSY, wait, closes_lane=True)
    return next_step(POLICY, outcome, used=used, repeatable=False, jitter=1.0, asked=asked, age=age)


@pytest.mark.parametrize(("asked", "age"), [(1, 0.0), (500, 3599.0), (2, 90_000.0)])
def test_a_429_uses_up_no_attempt_and_ends_no_device(asked: int, age: float) -> None:
    again = throttled(asked=asked, age=age, used=99)

    assert isinstance(again, Again)
    assert (again.counted, again.charged, again.doubtful) == (True, False, False)


def test_a_device_that_is_throttled_for_an_hour_is_given_up() -> None:
    assert throttled(asked=POLICY.attempts, age=POLICY.throttled) == Settle(TargetStatus.FAILED, BUSY)


def test_a_throttled_device_waits_longer_each_time_and_never_less_than_was_named() -> None:
    waits = [throttled(named, asked=asked) for named in (0.5, 60) for asked in (1, 2, 3, 99)]

    assert [again.wait for again in waits if isinstance(again, Again)] == [2.0, 4.0, 8.0, 10.0, 61.0, 61.0, 61.0, 61.0]


def test_what_never_left_uses_up_no_attempt() -> None:
    waits = step(Deferred(NO_ROAD), used=99)

    assert isinstance(waits, Again)
    assert not waits.counted


@pytest.mark.parametrize("used", [1, 3])
@pytest.mark.parametrize("outcome", [Deferred(BROKEN, may_have_happened=True), Uncertain(SILENT)])
def test_an_expensive_action_that_may_have_happened_is_not_sent_again(outcome: Outcome, used: int) -> None:
    assert step(outcome, used=used, repeatable=False) == Settle(TargetStatus.UNCERTAIN, outcome.error)  # type: ignore[union-attr] # both carry one


def test_a_repeatable_action_that_was_not_answered_goes_again_in_doubt() -> None:
    goes_again = step(Uncertain(SILENT))

    assert isinstance(goes_again, Again)
    assert goes_again.doubtful


@pytest.mark.parametrize("doubtful", [False, True])
def test_attempts_that_end_in_silence_end_as_uncertain(*, doubtful: bool) -> None:
    settled = step(Uncertain(SILENT), used=3, doubtful=doubtful)

    assert isinstance(settled, Settle)
    assert settled.status is TargetStatus.UNCERTAIN


def test_an_answer_that_says_it_failed_casts_no_doubt_on_a_repeatable_action() -> None:
    broken = Deferred(BROKEN, may_have_happened=True)

    goes_again, ends = step(broken), step(broken, used=3)

    assert isinstance(goes_again, Again)
    assert not goes_again.doubtful
    assert ends == Settle(TargetStatus.FAILED, BROKEN)


def test_an_answer_that_makes_no_sense_is_not_asked_for_again() -> None:
    nonsense = GraphError("UnexpectedReply", "a page of HTML", 200)

    assert step(Uncertain(nonsense, is_answer=True)) == Settle(TargetStatus.UNCERTAIN, nonsense)


@pytest.mark.parametrize("outcome", [Deferred(BROKEN), Uncertain(SILENT)], ids=["broken", "silent"])
@pytest.mark.parametrize("used", [1, 3, 50])
def test_while_no_device_is_answered_no_attempt_is_charged_and_none_is_the_last(outcome: Outcome, used: int) -> None:
    again = step(outcome, used=used, is_outage=True)

    assert isinstance(again, Again)
    assert (again.counted, again.charged) == (True, False)
    assert again.doubtful is isinstance(outcome, Uncertain)


@pytest.mark.parametrize("outcome", [Deferred(BROKEN, may_have_happened=True), Uncertain(SILENT)])
def test_an_outage_sends_no_costly_action_twice(outcome: Outcome) -> None:
    settled = step(outcome, repeatable=False, is_outage=True)

    assert isinstance(settled, Settle)
    assert settled.status is TargetStatus.UNCERTAIN
