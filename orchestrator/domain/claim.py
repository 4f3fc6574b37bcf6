"""A claim: the targets of a batch that one worker holds, and how they and the batch change by its calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from orchestrator.domain.action import Action
from orchestrator.domain.device import Via
from orchestrator.domain.error_groups import ErrorCount, ErrorGroup
from orchestrator.domain.ids import BatchKey, JobId
from orchestrator.domain.job import Tally
from orchestrator.domain.target import Target, TargetStatus


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
