"""One action on a list of devices: its statuses, and the sums of its targets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from orchestrator.domain.action import Action
from orchestrator.domain.device import Via
from orchestrator.domain.ids import JobId, JobNumber, LaneKey

WINDOW_MARGIN = timedelta(seconds=1)
"""Before the end of a job's window in which no call leaves any more: it must arrive while the window is open."""


class JobStatus(StrEnum):
    """The status of a job. PAUSING and CANCELLING are shown alone, while workers release its batches."""

    RECEIVING = "receiving"
    QUEUED = "queued"
    RUNNING = "running"
    PAUSING = "pausing"
    PAUSED = "paused"
    STOPPED = "stopped"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    FINISHED = "finished"

    @property
    def is_final(self) -> bool:
        """Whether it will change no more."""
        return self in {JobStatus.FINISHED, JobStatus.CANCELLED}

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing more will happen until a person says so."""
        return self.is_final or self in RESTING


ACTIVE = (JobStatus.QUEUED, JobStatus.RUNNING)
"""The statuses in which workers call the devices of a job."""

RESTING = (JobStatus.PAUSED, JobStatus.STOPPED)
"""The statuses from which a person may resume a job."""


class Priority(StrEnum):
    """A job's weight among the jobs of its lane; it re-weighs and never starves."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"

    @property
    def weight(self) -> int:
        """Its share of permits beside the others'."""
        return {Priority.LOW: 1, Priority.NORMAL: 4, Priority.HIGH: 16}[self]


@dataclass(frozen=True, slots=True)
class Tally:
    """The number of targets by status; the six add up to `total`."""

    waiting: int = 0
    sending: int = 0
    accepted: int = 0
    failed: int = 0
    uncertain: int = 0
    cancelled: int = 0

    @property
    def total(self) -> int:
        """The number of all targets."""
        return self.waiting + self.sending + self.settled

    @property
    def called(self) -> int:
        """Targets that were called and have ended; what was cancelled never was."""
        return self.accepted + self.failed + self.uncertain

    @property
    def settled(self) -> int:
        """Targets with a final status."""
        return self.accepted + self.failed + self.uncertain + self.cancelled

    def __add__(self, other: Self) -> Tally:
        # Written out: the overview sums thousands, and a walk over the fields takes ten times as long.
        return Tally(
            self.waiting + other.waiting,
            self.sending + other.sending,
            self.accepted + other.accepted,
            self.failed + other.failed,
            self.uncertain + other.uncertain,
            self.cancelled + other.cancelled,
        )


@dataclass(frozen=True, slots=True)
class Intake:
    """The input of a job: counts of its rows, and the hash of its bytes."""

    rows: int
    duplicates: int = 0
    rejected: int = 0
    sha256: str | None = None
    file_name: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One job as the table knows it; how its targets stand is a Tally beside it."""

    number: JobNumber
    id: JobId
    name: str | None
    action: Action
    via: Via
    tenant: str
    lane: LaneKey
    priority: Priority
    status: JobStatus
    reason: str | None
    intake: Intake
    input_columns: tuple[str, ...]
    submitted_by: str
    submit_reason: str | None
    submitted_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    retry_of: JobId | None = None
    schedule: str | None = None


def shown_status(stored: JobStatus, tally: Tally) -> JobStatus:
    """Returns the status to show: a job is *pausing* or *cancelling* while anything of it still moves."""
    if stored is JobStatus.PAUSED and tally.sending:
        return JobStatus.PAUSING
    if stored is JobStatus.CANCELLED and (tally.sending or tally.waiting):
        return JobStatus.CANCELLING
    return stored


def status_words(shown: JobStatus, tally: Tally) -> str:
    """The status as people read it: an end with failures does not read as a success."""
    if shown is JobStatus.FINISHED and (tally.failed or tally.uncertain):
        return f"{shown.value} with failures"
    return shown.value
