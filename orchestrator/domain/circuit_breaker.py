"""When a job brakes: failures by class, the share that stops it, and how an outage of Graph is waited out; pure.

A denial of the caller (permission, sign-in, approval) is not judged here: it stops the job with its first answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeGuard

from orchestrator.domain.brake_options import BrakeOptions
from orchestrator.domain.error_groups import ErrorCount, ErrorGroup
from orchestrator.domain.job import Tally
from orchestrator.domain.outcome import NOT_FROM_GRAPH, Barred, Deferred, GraphError, Outcome, Uncertain, is_cut_off
from orchestrator.domain.target import LOST_CALL, TargetStatus

OUTAGE_AFTER = 10
"""Devices in a row, each called for the first time, whose calls failed by a fault of Graph."""

OUTAGE_PATIENCE = timedelta(hours=4)
"""How long an outage is waited out before the job stops and a person decides."""

UNREACHABLE_PATIENCE = OUTAGE_PATIENCE
"""How long one process tries to reach Graph without any answer before the job stops."""

DOUBTFUL_PATIENCE = timedelta(hours=1)
"""The same where Graph answers 500 and never accepted a device of the job: what is asked may be what it cannot do."""

CAUTIOUS = 20
"""Calls of a job that one process lets run ahead of the brake while the job's latest devices fare badly."""

LATEST = 40
"""Devices that ended last in one process, by which it sees that."""

LONGEST_PROBE_PAUSE = 60.0
"""Seconds between two probes at most: how much later than Graph a job may be back."""


class FailureClass(StrEnum):
    """The meaning of a final error for devices that are still to be called."""

    DEVICE = "device"
    """Gone or unsupported: it colours the result and brakes nothing."""

    OURS = "ours"
    """A crash or an end of ours swallowed the answer, or something between here and Graph wrote another."""

    ERROR = "error"
    """A true error: enough of them stop the job."""


@dataclass(frozen=True, slots=True)
class OutcomeWindow:
    """The targets that the breaker judges: called and ended, and the true errors among them."""

    ended: int
    errors: int

    def __sub__(self, other: OutcomeWindow) -> OutcomeWindow:
        return OutcomeWindow(self.ended - other.ended, self.errors - other.errors)

    def __add__(self, other: OutcomeWindow) -> OutcomeWindow:
        return OutcomeWindow(self.ended + other.ended, self.errors + other.errors)

    def is_bad(self, share: int) -> bool:
        """Whether more than this share, in percent, are true errors."""
        return self.errors * 100 > share * self.ended


@dataclass(frozen=True, slots=True)
class Braked:
    """The job stops: the window that went badly."""

    window: OutcomeWindow


@dataclass(frozen=True, slots=True)
class GoOn:
    """The job goes on; targets before `since` are judged no more."""

    since: OutcomeWindow


def failure_class(group: ErrorGroup) -> FailureClass:
    """Returns the meaning of an error group for devices that are still to be called."""
    code = group.code.casefold()
    if code in _OURS:
        return FailureClass.OURS
    if group.http_status in _DEVICE_STATUSES or (group.http_status == 400 and code in _UNSUPPORTED):
        return FailureClass.DEVICE
    return FailureClass.ERROR


def is_true_error(error: GraphError) -> bool:
    """Whether the circuit breaker counts a device that ends with this error."""
    return failure_class(ErrorGroup(TargetStatus.FAILED, error.http_status, error.code)) is FailureClass.ERROR


def window_of(tally: Tally, errors: Mapping[ErrorGroup, ErrorCount]) -> OutcomeWindow:
    """Returns the ended targets of a job so far, without those of `FailureClass.OURS`."""
    by_class = dict.fromkeys(FailureClass, 0)
    for group, count in errors.items():
        by_class[failure_class(group)] += count.count
    ended = tally.accepted + tally.failed + tally.uncertain
    return OutcomeWindow(ended - by_class[FailureClass.OURS], by_class[FailureClass.ERROR])


def judge(now: OutcomeWindow, since: OutcomeWindow, options: BrakeOptions) -> Braked | GoOn:
    """Whether the job goes on, `now` being all that has ended and `since` what is looked at no more.

    The window holds some of the latest devices only: after fifty thousand good ones a Graph that begins to refuse
    everything must not have to refuse fifteen thousand first.
    """
    window = now - since
    if window.ended >= options.sample and window.is_bad(options.share):
        return Braked(window)
    longest = 2 * max(_WINDOW, options.sample)
    if window.ended < longest:
        return GoOn(since)
    # The older half, as far as it is known: errors are taken to have come evenly.
    return GoOn(since + OutcomeWindow(window.ended // 2, window.errors // 2))


def most_ahead(latest: OutcomeWindow, share: int) -> int | None:
    """How many calls of a job may be under way or unjudged in one process; None means as many as there is room for.

    Where the latest devices would let the brake fall, if they were all it looked at, the next ones wait for its word.
    """
    return CAUTIOUS if latest.is_bad(share) else None


def is_unwell(outcome: Outcome) -> TypeGuard[Deferred | Uncertain]:
    """Whether Graph could not answer: a temporary 5xx, or no answer after the call had left."""
    match outcome:
        case _ if is_cut_off(outcome):
            # Not Graph's word: the lane waits until the way is there again.
            return False
        case Deferred(error, closes_lane=False):
            return error.http_status is not None and error.http_status >= 500
        case Uncertain(error, is_answer=False):
            return error.http_status in {None, 408, 504}
        case _:
            return False


def is_word(outcome: Outcome) -> bool:
    """Whether the answer is Graph's own and about this device: then Graph is back."""
    match outcome:
        case _ if is_cut_off(outcome):
            return False
        case Barred() | Deferred(closes_lane=True):
            return False
        case Deferred(error):
            return error.http_status not in {None, 401} and not is_unwell(outcome)
        case _:
            return not is_unwell(outcome)


@dataclass(frozen=True, slots=True)
class Outage:
    """Graph is unwell: since when, how often it was tried since, and when it is tried next."""

    since: datetime
    probes: int
    probe_at: datetime

    def after_probe(self, now: datetime, wait: float, patience: timedelta) -> Outage | None:
        """The outage after a probe that failed too; None once it was waited out long enough."""
        if now - self.since > patience:
            return None
        return replace(self, probes=self.probes + 1, probe_at=now + _pause(self.probes + 1, wait))


def patience_with(error: GraphError, *, accepted_before: bool) -> timedelta:
    """How long an outage is waited out in which this is what Graph says."""
    return OUTAGE_PATIENCE if accepted_before or error.http_status != 500 else DOUBTFUL_PATIENCE


def outage_found(now: datetime, wait: float) -> Outage:
    """An outage that was noticed just now; `wait` is the longest that an answer asked for."""
    return Outage(now, 0, now + _pause(0, wait))


def _pause(probes: int, wait: float) -> timedelta:
    return timedelta(seconds=max(wait, min(LONGEST_PROBE_PAUSE, 2.0 ** min(probes + 1, 10))))


_WINDOW = 1000
_DEVICE_STATUSES = frozenset({404, 410, 501})
_UNSUPPORTED = frozenset({"badrequest", "http400", "notsupported", "unsupportedoperation"})
"""What Intune says of a platform or a management agent that cannot take an action."""
_OURS = frozenset({LOST_CALL.casefold(), "interrupted", NOT_FROM_GRAPH.casefold()})
