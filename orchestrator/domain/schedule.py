"""When jobs are submitted by themselves, of which list, and by which rules."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import StrEnum

from orchestrator.domain.action import Action
from orchestrator.domain.circuit_breaker import BrakeOptions
from orchestrator.domain.device import Via
from orchestrator.domain.errors import ScheduleInvalid
from orchestrator.domain.ids import ScheduleNumber
from orchestrator.domain.job import Priority
from orchestrator.domain.recurrence import Recurrence
from orchestrator.domain.selection import Selection

TOLERATED_PERCENT = 5
"""The share of devices of a job that may fail before it needs attention, in percent, unless its schedule says so."""


class ScheduleStatus(StrEnum):
    """Where a schedule stands; a bad one is set aside alone, and says why."""

    ACTIVE = "active"
    PAUSED = "paused"
    SET_ASIDE = "set aside"
    ENDED = "ended"


class Overlap(StrEnum):
    """The rule for an occurrence that is due while the last job has not ended."""

    SKIP = "skip"
    QUEUE = "queue"
    CANCEL = "cancel"


class OccurrenceStatus(StrEnum):
    """The status of an occurrence."""

    STARTING = "starting"
    QUEUED = "queued"
    STARTED = "started"
    SKIPPED = "skipped"
    MISSED = "missed"
    BLACKOUT = "blackout"
    FAILED = "failed"

    @property
    def is_open(self) -> bool:
        """Whether it may still become a job."""
        return self in {OccurrenceStatus.STARTING, OccurrenceStatus.QUEUED}


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules around an occurrence; the defaults are the safe ones. `tolerate` percent of a job may fail quietly."""

    start_within: timedelta = timedelta(hours=1)
    overlap: Overlap = Overlap.SKIP
    until: time | None = None
    carry_over: bool = False
    jitter: timedelta = timedelta(0)
    tolerate: int = TOLERATED_PERCENT


@dataclass(frozen=True, slots=True)
class Order:
    """The request of each run: the options of `submit` that are not about its file.

    With a `source` the list is the schedule's own, and each run gives it a version of what the source has then:
    at most `ceiling` devices, the limit of whoever wrote it down, None for no limit.
    """

    action: Action
    via: Via
    tenant: str
    list_name: str
    priority: Priority = Priority.NORMAL
    name: str | None = None
    reason: str | None = None
    brake: BrakeOptions = field(default_factory=BrakeOptions)
    canary: int = 0
    source: Selection | None = None
    ceiling: int | None = None

    @property
    def devices_of(self) -> str:
        """Whose devices are called: the name of the list, or the group or the conditions."""
        return self.list_name if self.source is None else self.source.label


@dataclass(frozen=True, slots=True)
class Schedule:
    """A recurrence, an order and rules under a name; `next_at` is the first undecided occurrence.

    `creator` is the caller (domain/access.py) in whose right it calls devices.
    """

    number: ScheduleNumber
    name: str
    recurrence: Recurrence
    order: Order
    rules: Rules
    channels: tuple[str, ...]
    status: ScheduleStatus
    reason: str | None
    created_by: str
    created_at: datetime
    next_at: datetime | None
    creator: str | None = None

    @property
    def next_at_is_lost(self) -> bool:
        """Whether `next_at` is no occurrence of this schedule: it is from before the schedule was created."""
        return self.next_at is not None and self.next_at < self.created_at

    def jitter_at(self, occurrence: datetime) -> timedelta:
        """How much later than its occurrence a job starts: spread by chance, and the same for whoever asks."""
        if not self.rules.jitter:
            return timedelta(0)
        seed = hashlib.sha256(f"{self.name}/{occurrence.timestamp()}".encode()).digest()
        return self.rules.jitter * (int.from_bytes(seed[:4], "big") / 2**32)


def lacks_list_words(name: str) -> str:
    """Says why a schedule of this saved list cannot run once the list was removed."""
    return f"There is no list {name!r}. Import it again, or name another list."


def parse_until(text: str) -> time:
    """The time of day that ends a window."""
    try:
        until = time.fromisoformat(text.strip())
    except ValueError:
        raise ScheduleInvalid(f"{text!r} is no time of day; --until takes 06:00.") from None
    if until.tzinfo is not None or until.microsecond:
        raise ScheduleInvalid(f"{text!r} is no time of day; --until takes 06:00, local in --timezone.")
    return until
