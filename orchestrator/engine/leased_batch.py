"""A leased batch in memory: its tally while outcomes arrive."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, assert_never

from orchestrator.domain.claim import BatchChange, Claim, TargetChange
from orchestrator.domain.error_groups import ErrorCount, ErrorGroup
from orchestrator.domain.job import Tally
from orchestrator.domain.outcome import GraphError
from orchestrator.domain.retry import Again, Halt, NextStep, Settle
from orchestrator.domain.target import Target, TargetStatus
from orchestrator.engine.first_answers import FirstAnswers

if TYPE_CHECKING:
    from orchestrator.engine.active_job import ActiveJob


class LeasedBatch:
    """A batch under one fencing token; only its holder changes it, so its tally is computed here and written whole.

    Its targets are prefetched first: held, and not recorded as called. A drawn target is on its way, and must be
    recorded as that before its call leaves. No call leaves from the monotonic time `valid_until` on: the lease ends
    soon after.
    """

    def __init__(self, claim: Claim, job: ActiveJob, now: Callable[[], datetime]) -> None:
        self.claim, self.job = claim, job
        self.accepted_before = claim.accepted_before
        self.first_answers = FirstAnswers() if claim.judges_first else None
        self._now = now
        self._prefetched = deque(claim.targets)
        self._counts = Counter({status: getattr(claim.tally, status.value) for status in TargetStatus})
        self._errors = dict(claim.errors)
        self._in_flight: set[int] = set()
        self._due_at = claim.rest_due_at
        self._due_since_claim: datetime | None = None
        self._progressed = False
        self.is_lost = False
        self.valid_until = -math.inf

    def lose(self) -> None:
        """Marks the batch as lost: no call of it leaves, and nothing of it is written."""
        self.is_lost = True

    @property
    def prefetched(self) -> int:
        """How many targets may be taken."""
        return len(self._prefetched)

    @property
    def in_flight(self) -> frozenset[int]:
        """The lines whose calls may be on their way."""
        return frozenset(self._in_flight)

    @property
    def lines(self) -> frozenset[int]:
        """The lines in flight or prefetched: the database must not give them a second time."""
        return frozenset(self._in_flight).union(target.line for target in self._prefetched)

    def has_more(self, now: datetime) -> bool:
        """Whether the database may have more of it that is due."""
        return not self._prefetched and self._due_at is not None and self._due_at <= now

    def begin_extension(self) -> None:
        """Called before the database is asked for more due targets of the batch."""
        self._due_since_claim = None

    def extend(self, claim: Claim) -> None:
        """Adds further due targets of the same lease; there may be none."""
        self._prefetched.extend(claim.targets)
        self._due_at = _earliest(claim.rest_due_at, self._due_since_claim)

    def draw(self, most: int) -> list[Target]:
        """Up to so many from the reserve: on their way from here on."""
        taken = [self._prefetched.popleft() for _ in range(min(most, len(self._prefetched)))]
        self._in_flight.update(target.line for target in taken)
        self._move(len(taken), TargetStatus.WAITING, TargetStatus.SENDING)
        return taken

    def give_back(self, targets: Iterable[Target]) -> None:
        """Their calls never left: they wait as if they had not been taken."""
        back = [target for target in targets if target.line in self._in_flight]
        self._in_flight.difference_update(target.line for target in back)
        self._prefetched.extendleft(reversed(back))
        self._move(len(back), TargetStatus.SENDING, TargetStatus.WAITING)

    def release_prefetched(self) -> None:
        """Gives all prefetched targets back; the batch is free as soon as nothing is in flight."""
        if self._prefetched:
            self._prefetched.clear()
            self._add_due_time(self._now())

    @property
    def is_done(self) -> bool:
        """Whether no call of it is on its way, and no target is left to call."""
        return not self._in_flight and not self._prefetched

    def apply(self, target: Target, step: NextStep, *, sent_at: datetime) -> TargetChange:
        """Take in what an attempt made of a target; answers with what to record about it."""
        now = self._now()
        self._in_flight.discard(target.line)
        match step:
            case Settle(TargetStatus.ACCEPTED, None, request_id):
                return self.accept([target], [request_id], sent_at=sent_at)[0]
            case Settle(status, error, request_id):
                self._settle(status, error)
                return TargetChange(
                    key=self.claim.key,
                    line=target.line,
                    status=status,
                    attempts=target.attempts + 1,
                    uncharged=0,
                    doubtful=target.doubtful,
                    maybe_repeated=target.maybe_repeated or target.doubtful,
                    http_status=error.http_status if error else None,
                    error_code=error.code if error else None,
                    error_message=error.message if error else None,
                    request_id=error.request_id if error else request_id,
                    first_attempt_at=target.first_attempt_at or sent_at,
                    finished_at=now,
                )
            case Again(wait, error, doubtful, counted, charged):
                not_before = now + timedelta(seconds=wait)
                self._wait_again(not_before)
                change = self._waiting(target, error, sent_at if counted else None)
                uncharged = 1 if counted and not charged else 0
                return change._replace(uncharged=uncharged, doubtful=target.doubtful or doubtful, not_before=not_before)
            case Halt(_, error):
                self._wait_again(now)
                return self._waiting(target, error, sent_at)._replace(uncharged=1)
            case _:
                assert_never(step)

    def settle_waiting(self, target: Target, step: Settle, *, sent_at: datetime) -> TargetChange:
        """Ends a target that waits after an attempt, with that attempt's error; returns the change to record."""
        self._move(1, TargetStatus.WAITING, TargetStatus.SENDING)
        return self.apply(target, step, sent_at=sent_at)

    def accept(
        self, targets: Sequence[Target], request_ids: Iterable[str | None], *, sent_at: datetime
    ) -> list[TargetChange]:
        """Take in that these were accepted, as nearly all are; answers with what to record about them."""
        key, now = self.claim.key, self._now()
        self._in_flight.difference_update([target.line for target in targets])
        self._progressed = self.accepted_before = True
        self._move(len(targets), TargetStatus.SENDING, TargetStatus.ACCEPTED)
        return [
            TargetChange(
                key,
                target.line,
                TargetStatus.ACCEPTED,
                target.attempts + 1,
                0,
                target.doubtful,
                target.maybe_repeated or target.doubtful,
                None,
                # The only answer that is called accepted.
                204,
                None,
                None,
                request_id,
                target.first_attempt_at or sent_at,
                now,
            )
            for target, request_id in zip(targets, request_ids, strict=True)
        ]

    def snapshot(self) -> BatchChange:
        """The state of the batch, to be written; it is released once this process has no target of it."""
        return BatchChange(
            key=self.claim.key,
            fencing_token=self.claim.fencing_token,
            tally=Tally(**{status.value: self._counts[status] for status in TargetStatus}),
            errors=dict(self._errors),
            in_flight=tuple(sorted(self._in_flight)),
            due_at=self._due_at or self._now(),
            released=self.is_done,
            progressed=self._progressed,
        )

    def _settle(self, status: TargetStatus, error: GraphError | None) -> None:
        self._progressed = True
        self._move(1, TargetStatus.SENDING, status)
        if error is not None:
            group = ErrorGroup(status, error.http_status, error.code)
            self._errors[group] = self._errors.get(group, ErrorCount(0)) + ErrorCount(1, error.request_id)

    def _waiting(self, target: Target, error: GraphError, sent_at: datetime | None) -> TargetChange:
        """The change of a target that waits again; an attempt that never left does not count as one."""
        left = sent_at is not None
        return TargetChange(
            key=self.claim.key,
            line=target.line,
            status=TargetStatus.WAITING,
            attempts=target.attempts + left,
            uncharged=0,
            doubtful=target.doubtful,
            maybe_repeated=target.maybe_repeated or (left and target.doubtful),
            http_status=error.http_status,
            error_code=error.code,
            error_message=error.message,
            request_id=error.request_id,
            first_attempt_at=target.first_attempt_at or sent_at,
        )

    def _wait_again(self, not_before: datetime) -> None:
        self._move(1, TargetStatus.SENDING, TargetStatus.WAITING)
        self._add_due_time(not_before)

    def _add_due_time(self, instant: datetime) -> None:
        """Targets of it are due from then on, also where an answer to an earlier question says otherwise."""
        self._due_at = _earliest(self._due_at, instant)
        self._due_since_claim = _earliest(self._due_since_claim, instant)

    def _move(self, count: int, one: TargetStatus, other: TargetStatus) -> None:
        self._counts[one] -= count
        self._counts[other] += count


def _earliest(one: datetime | None, other: datetime | None) -> datetime | None:
    return min(one, other) if one and other else one or other
