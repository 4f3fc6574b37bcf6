"""What one worker knows of a batch it holds: how it stands while outcomes land."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

from orchestrator.domain.batch import BatchChange, Claim, ErrorCount, ErrorGroup, TargetChange
from orchestrator.domain.job import Tally
from orchestrator.domain.outcome import GraphError
from orchestrator.domain.retry import Again, Halt, NextStep, Settle
from orchestrator.domain.target import Target, TargetStatus


class HeldBatch:
    """A batch in one term; only its holder changes it, so its tally is computed here and written whole."""

    def __init__(self, claim: Claim, now: Callable[[], datetime]) -> None:
        self.claim = claim
        self.accepted_before = claim.accepted_before
        self._now = now
        self._tally = claim.tally
        self._errors = dict(claim.errors)
        self._flying = {target.line for target in claim.targets}
        self._due_at = claim.rest_due_at
        self._progressed = False
        self.is_lost = False

    def lose(self) -> None:
        """It is not ours any more: no call of it leaves, and nothing of it is written."""
        self.is_lost = True

    def extend(self, claim: Claim) -> None:
        """More targets of the batch were claimed in the same term."""
        lines = {target.line for target in claim.targets}
        self._flying |= lines
        self._tally += Tally(waiting=-len(lines), sending=len(lines))
        self._due_at = _earliest(self._due_at, claim.rest_due_at)

    @property
    def is_done(self) -> bool:
        """Whether nothing of the claim is on its way any more."""
        return not self._flying

    def apply(self, target: Target, step: NextStep, *, sent_at: datetime) -> TargetChange:
        """Take in what an attempt made of a target; answers with what to record about it."""
        now = self._now()
        self._flying.discard(target.line)
        change = TargetChange(
            key=self.claim.key,
            line=target.line,
            status=TargetStatus.WAITING,
            attempts=target.attempts + 1,
            uncharged=target.uncharged,
            doubtful=target.doubtful,
            maybe_repeated=target.maybe_repeated or target.doubtful,
            first_attempt_at=target.first_attempt_at or sent_at,
        )
        match step:
            case Settle(status, error, request_id):
                self._settle(status, error)
                # 204 is the only answer that is called accepted.
                http_status = 204 if status is TargetStatus.ACCEPTED else None
                change = replace(change, status=status, http_status=http_status, request_id=request_id, finished_at=now)
            case Again(wait, error, doubtful, counted, charged):
                not_before = now + timedelta(seconds=wait)
                self._wait_again(not_before)
                if not counted:
                    change = _uncounted(change, target)
                elif not charged:
                    change = replace(change, uncharged=target.uncharged + 1)
                change = replace(change, doubtful=target.doubtful or doubtful, not_before=not_before)
            case Halt(_, error):
                self._wait_again(now)
                change = replace(change, uncharged=target.uncharged + 1)
            case _:
                assert_never(step)
        return change if error is None else _with_error(change, error)

    def withdraw(self, target: Target) -> None:
        """The call never left: the target waits as if it had not been claimed."""
        self._flying.discard(target.line)
        self._wait_again(self._now())

    def snapshot(self) -> BatchChange:
        """How the batch stands now, to be written; free again once nothing is on its way."""
        return BatchChange(
            key=self.claim.key,
            term=self.claim.term,
            tally=self._tally,
            errors=dict(self._errors),
            in_flight=tuple(sorted(self._flying)),
            due_at=self._due_at or self._now(),
            released=self.is_done,
            progressed=self._progressed,
        )

    def _settle(self, status: TargetStatus, error: GraphError | None) -> None:
        self._progressed = True
        self._tally += Tally(sending=-1) + Tally(**{status.value: 1})
        self.accepted_before = self.accepted_before or status is TargetStatus.ACCEPTED
        if error is not None:
            group = ErrorGroup(status, error.http_status, error.code)
            self._errors[group] = self._errors.get(group, ErrorCount(0)) + ErrorCount(1, error.request_id)

    def _wait_again(self, not_before: datetime) -> None:
        self._tally += Tally(sending=-1, waiting=1)
        self._due_at = _earliest(self._due_at, not_before)


def _earliest(one: datetime | None, other: datetime | None) -> datetime | None:
    return min(one, other) if one and other else one or other


def _uncounted(change: TargetChange, target: Target) -> TargetChange:
    return replace(
        change,
        attempts=target.attempts,
        maybe_repeated=target.maybe_repeated,
        first_attempt_at=target.first_attempt_at,
    )


def _with_error(change: TargetChange, error: GraphError) -> TargetChange:
    return replace(
        change,
        http_status=error.http_status,
        error_code=error.code,
        error_message=error.message,
        request_id=error.request_id,
    )
