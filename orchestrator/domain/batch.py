"""A slice of a job's targets that one worker takes at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, TypeVar

from orchestrator.domain.action import Action
from orchestrator.domain.device import Via
from orchestrator.domain.ids import BatchKey, JobId
from orchestrator.domain.job import Priority, Tally
from orchestrator.domain.target import Target, TargetStatus

T = TypeVar("T")

BATCH_SIZE = 500
"""Targets in a batch: few enough to be taken, tallied and handed back in one write."""

POISONED_AFTER = 3
"""Deaths without any progress after which a batch goes on one target at a time, to its end."""


NamedBatch = tuple[JobId, int]
"""A batch as messages name it: the job's id, and the number of the batch in it."""


class WaitingBatch(NamedTuple):
    """A batch that is due and that no worker holds, with what decides in which queue it waits."""

    job: JobId
    batch: int
    tenant: str
    priority: Priority


def split(targets: Sequence[T], size: int = BATCH_SIZE) -> list[Sequence[T]]:
    """Targets into batches of at most `size`, in order."""
    return [targets[start : start + size] for start in range(0, len(targets), size)]


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """Targets of one final status that ended with the same error."""

    status: TargetStatus
    http_status: int | None
    code: str


@dataclass(frozen=True, slots=True)
class ErrorCount:
    """The number of targets of an error group, and one request id to quote to Microsoft."""

    count: int
    example_request_id: str | None = None

    def __add__(self, other: ErrorCount) -> ErrorCount:
        return ErrorCount(self.count + other.count, self.example_request_id or other.example_request_id)


@dataclass(frozen=True, slots=True)
class Claim:
    """Targets of one batch that one worker holds now, and may call once it has written down that it is about to.

    Every later write carries `term`: a process that slept past the lease changes nothing. `tally` and `errors` are the
    batch's at the time of the claim. `rest_due_at` is when what else waits in the batch is due, None if nothing does.
    A probe asks whether Graph is back after an outage: while it is out nothing else of the job is called.
    No call of it starts after `not_after`, the end of its job's window. `judges_first` says that its answers are
    the first ones of its job, and may stop it (domain/first_answers.py).
    """

    key: BatchKey
    fencing_token: int
    job: JobId
    action: Action
    via: Via
    targets: tuple[Target, ...]
    tally: Tally
    errors: Mapping[ErrorGroup, ErrorCount] = field(default_factory=dict)
    rest_due_at: datetime | None = None
    answered_before: bool = False
    accepted_before: bool = False
    is_probe: bool = False
    judges_first: bool = False
    not_after: datetime | None = None


class TargetChange(NamedTuple):
    """The result of an attempt for one target; `status` WAITING means another attempt at `not_before`.

    `uncharged` says how many more of its attempts use up none: others may have given it some back meanwhile.
    A tuple, because there is one for every call: it is made in a third of a dataclass's time.
    """

    key: BatchKey
    line: int
    status: TargetStatus
    attempts: int
    uncharged: int
    doubtful: bool
    maybe_repeated: bool
    not_before: datetime | None = None
    http_status: int | None = None
    error_code: str | None = None
    error_message: str | None = None
    request_id: str | None = None
    first_attempt_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class BatchChange:
    """How a held batch stands after some of its outcomes; with `released` it is free again at `due_at`."""

    key: BatchKey
    fencing_token: int
    tally: Tally
    errors: Mapping[ErrorGroup, ErrorCount]
    in_flight: tuple[int, ...]
    due_at: datetime
    released: bool
    progressed: bool
