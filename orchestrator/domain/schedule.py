"""Schedules: recurrence, devices, and rules."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Annotated

from orchestrator.domain.attention import TOLERATED_PERCENT
from orchestrator.domain.ids import ScheduleNumber
from orchestrator.domain.job_spec import JobSpec
from orchestrator.domain.options import Option, declared
from orchestrator.domain.recurrence import Recurrence
from orchestrator.domain.selection import Selection


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
class RecurrenceOptions:
    """A recurrence as it is written, for `recurrence_of`: exactly one of the first three, and its time zone."""

    cron: Annotated[
        str | None, Option("Five fields, such as '0 2 * * *' for two o'clock every night.", metavar="EXPR")
    ] = None
    every: Annotated[str | None, Option("Every so often, such as 6h, counted from now.", metavar="SPAN")] = None
    at: Annotated[str | None, Option("Once, such as 2026-12-01T02:00.", metavar="TIME")] = None
    timezone: Annotated[str, Option("The time zone of the times, such as Europe/Berlin.", metavar="ZONE")] = "UTC"


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules around an occurrence; the defaults are the safe ones."""

    overlap: Annotated[
        Overlap,
        Option(
            "While the last job still runs: skip this run, queue it, or cancel the old job.",
            label="If the last job still runs",
            note="Skip this run, queue it, or cancel the old job.",
        ),
    ] = Overlap.SKIP
    start_within: Annotated[
        timedelta,
        Option(
            "A run that was missed starts no later than this, or not at all.",
            label="If the clock process was down, start within",
            note="Later than that the run is missed (recorded in the history).",
        ),
    ] = timedelta(hours=1)
    until: Annotated[
        time | None,
        Option(
            "Local time after which no call starts, such as 06:00.",
            label="No call after",
            note="Local time; the job stops then.",
            placeholder="06:00",
        ),
    ] = None
    carry_over: Annotated[
        bool,
        Option(
            "Devices that still wait when the window ends are called first in the next run.",
            label="Start the next run with the devices that the window left out",
        ),
    ] = False
    jitter: Annotated[
        timedelta,
        Option(
            "Start later by a random time of at most this.",
            label="Random delay of the start, at most",
            note="Spreads schedules that are due at the same time.",
            is_rare=True,
        ),
    ] = timedelta(0)
    tolerate: Annotated[
        int,
        Option(
            "A job of which more devices fail needs attention (`muster status`).",
            label="Failures that need no attention, in percent",
            note="A run of which a larger share failed needs attention.",
            metavar="PERCENT",
            unit="%",
            at_most=100,
            shown="tolerates: {} of a job's devices failing; a larger share needs attention",
        ),
    ] = TOLERATED_PERCENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Order(JobSpec):
    """The request of each run: the options of `submit` that are not about its file.

    With a `source` the list is the schedule's own, and each run gives it a version of what the source has then:
    at most `ceiling` devices, the limit of its creator, None for no limit.
    """

    name: Annotated[
        str | None,
        Option(
            "A name for its jobs.",
            label="Name of its jobs",
            placeholder="The list and its version otherwise",
            name="job_name",
            is_rare=True,
        ),
    ] = None
    list_name: str
    source: Selection | None = None
    ceiling: int | None = None

    @property
    def devices_of(self) -> str:
        """Whose devices are called: the name of the list, or the group or the conditions."""
        return self.list_name if self.source is None else self.source.label


RECURRENCE_OPTIONS = declared(RecurrenceOptions)

SCHEDULE_OPTIONS = (*declared(Rules), *declared(Order))
"""The options of a schedule beside its recurrence, its devices and its channels."""


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
    def is_due(self) -> bool:
        """Whether it will run: it is active and has a next occurrence."""
        return self.status is ScheduleStatus.ACTIVE and self.next_at is not None

    @property
    def next_at_is_lost(self) -> bool:
        """Whether `next_at` is no occurrence of this schedule: it is from before the schedule was created."""
        return self.next_at is not None and self.next_at < self.created_at

    def jitter_at(self, occurrence: datetime) -> timedelta:
        """How much later than its occurrence a job starts: spread by chance, and the same in every process."""
        if not self.rules.jitter:
            return timedelta(0)
        seed = hashlib.sha256(f"{self.name}/{occurrence.timestamp()}".encode()).digest()
        return self.rules.jitter * (int.from_bytes(seed[:4], "big") / 2**32)


def lacks_list_words(name: str) -> str:
    """Says why a schedule of this saved list cannot run once the list was removed."""
    return f"There is no list {name!r}. Import it again, or name another list."
