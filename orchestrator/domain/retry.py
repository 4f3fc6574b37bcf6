"""Decide after an outcome whether and when to try again: the only place that repeats calls."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

from orchestrator.domain.outcome import Accepted, Bar, Barred, Deferred, GraphError, Outcome, Refused, Uncertain
from orchestrator.domain.retry_policy import RetryPolicy
from orchestrator.domain.target import TargetStatus


@dataclass(frozen=True, slots=True)
class Settle:
    """The target has its final status."""

    status: TargetStatus
    error: GraphError | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Again:
    """The target waits for another attempt, at the earliest in `wait` seconds.

    `counted` if this one left at all, `charged` if it uses up one of the attempts that the policy allows.
    """

    wait: float
    error: GraphError
    doubtful: bool = False
    counted: bool = True
    charged: bool = True


@dataclass(frozen=True, slots=True)
class Halt:
    """The job stops for this reason; the target goes back to waiting."""

    bar: Bar
    error: GraphError


NextStep = Settle | Again | Halt


def next_step(
    policy: RetryPolicy,
    outcome: Outcome,
    *,
    used: int,
    repeatable: bool,
    jitter: float,
    doubtful: bool = False,
    accepted_before: bool = False,
    is_outage: bool = False,
    asked: int = 1,
    age: float = 0.0,
) -> NextStep:
    """Returns the step after the `used`-th attempt; `jitter` in 0..1 spreads the wait.

    The device was `asked` so often, this time and what was not charged among them, and first `age` seconds ago.

    `doubtful` says that an earlier attempt may have reached the device: then no later "no" makes it a failure.
    `accepted_before` says whether any device of the job was accepted: then a denial concerns this device.
    `is_outage` says that no device is answered now: the attempt says nothing about this one, and is not charged.
    """
    no = TargetStatus.UNCERTAIN if doubtful else TargetStatus.FAILED
    match outcome:
        case Accepted(request_id):
            return Settle(TargetStatus.ACCEPTED, request_id=request_id)
        case Barred(error, bar):
            return Halt(bar, error)
        case Refused(error, perhaps_everywhere):
            if perhaps_everywhere and not accepted_before:
                return Halt(Bar.PERMISSION_MISSING, error)
            return Settle(no, error)
        case Deferred():
            if outcome.never_arrived:
                return Again(_wait(policy, used, None, jitter), outcome.error, counted=False)
            if outcome.closes_lane and not outcome.may_have_happened:
                return _after_throttling(policy, outcome, asked=asked, age=age, jitter=jitter, no=no)
            return _after_deferral(
                policy, outcome, used=used, repeatable=repeatable, jitter=jitter, no=no, is_outage=is_outage
            )
        case Uncertain(error, is_answer):
            if is_answer or not repeatable or (used >= policy.attempts and not is_outage):
                return Settle(TargetStatus.UNCERTAIN, error)
            return Again(_wait(policy, used, None, jitter), error, doubtful=True, charged=not is_outage)
        case _:
            assert_never(outcome)


def _after_throttling(
    policy: RetryPolicy, outcome: Deferred, *, asked: int, age: float, jitter: float, no: TargetStatus
) -> NextStep:
    if asked >= policy.attempts and age >= policy.throttled:
        return Settle(no, outcome.error)
    # Longer each time, also than the named wait: each 429 closes the lane for all, and others may be the probe.
    wait = max(_wait(policy, asked, None, jitter), _wait(policy, asked, _seconds(outcome.retry_after), jitter))
    return Again(wait, outcome.error, charged=False)


def _after_deferral(
    policy: RetryPolicy,
    outcome: Deferred,
    *,
    used: int,
    repeatable: bool,
    jitter: float,
    no: TargetStatus,
    is_outage: bool,
) -> NextStep:
    if outcome.may_have_happened and not repeatable:
        # Graph reported a failure, and may be wrong: a second call of this action could cost too much.
        return Settle(TargetStatus.UNCERTAIN, outcome.error)
    if used >= policy.attempts and not is_outage:
        return Settle(no, outcome.error)
    return Again(_wait(policy, used, _seconds(outcome.retry_after), jitter), outcome.error, charged=not is_outage)


def _wait(policy: RetryPolicy, used: int, named: float | None, jitter: float) -> float:
    # A named wait is the shortest one: devices with the same named wait must not all come back at once.
    backoff = min(policy.longest, policy.base * 2.0 ** min(used - 1, 30)) * (0.5 + jitter / 2)
    return backoff if named is None else max(named, 0.0) + jitter


def _seconds(named: timedelta | None) -> float | None:
    return None if named is None else named.total_seconds()
