"""The items that need a person's attention, and the facts that decide about them (domain/attention_rules.py); pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from orchestrator.domain.emergency_stop import EmergencyStop
from orchestrator.domain.ids import JobId, JobNumber
from orchestrator.domain.job import JobStatus, Tally

if TYPE_CHECKING:
    from orchestrator.domain.schedule import OccurrenceStatus, ScheduleStatus

TOLERATED_PERCENT = 5
"""The share of devices of a job that may fail before it needs attention, in percent, unless its schedule says so."""


class AttentionKind(StrEnum):
    """Kinds of items, as JSON and the labels of metrics spell them, in the order of a list of items."""

    EMERGENCY_STOP = "emergencyStop"
    NO_WORKER = "noWorker"
    JOB_STOPPED = "jobStopped"
    JOB_FAILED = "jobFailed"
    JOB_WAITS = "jobWaits"
    JOB_FAILURES = "jobFailures"
    RUN_MISSED = "runMissed"
    SCHEDULE_SET_ASIDE = "scheduleSetAside"
    SCHEDULE_LACKS_LIST = "scheduleLacksList"
    CREDENTIAL_ENDS = "credentialEnds"
    INVENTORY_STALE = "inventoryStale"
    INVENTORY_WAITS = "inventoryWaits"


class Severity(StrEnum):
    """How urgent an item is."""

    CRITICAL = "critical"
    WARNING = "warning"


class SubjectKind(StrEnum):
    """Kinds of things that an item is about; the kind says where its page is."""

    INSTALLATION = "installation"
    TENANT = "tenant"
    INVENTORY = "inventory"
    JOB = "job"
    SCHEDULE = "schedule"


class RemedyKind(StrEnum):
    """The one action that helps, as pages link to it."""

    LIFT_STOP = "liftStop"
    START_WORKER = "startWorker"
    RESUME_JOB = "resumeJob"
    RETRY_JOB = "retryJob"
    SHOW_ERRORS = "showErrors"
    RUN_SCHEDULE = "runSchedule"
    RESUME_SCHEDULE = "resumeSchedule"
    START_CLOCK = "startClock"
    CHANGE_SCHEDULE = "changeSchedule"
    RENEW_CREDENTIAL = "renewCredential"
    REFRESH_INVENTORY = "refreshInventory"
    ACCEPT_INVENTORY = "acceptInventory"


@dataclass(frozen=True, slots=True)
class Remedy:
    """The one action that helps: its words on a button, and what to type for it."""

    kind: RemedyKind
    label: str
    command: str


@dataclass(frozen=True, slots=True)
class AttentionItem:
    """One thing that needs a person. `tenant` is None where it concerns all of them."""

    kind: AttentionKind
    severity: Severity
    subject_kind: SubjectKind
    subject: str
    sentence: str
    since: datetime
    remedy: Remedy
    tenant: str | None = None

    @property
    def id(self) -> str:
        """The name under which the item is acknowledged."""
        return f"{self.kind}:{self.subject}"


@dataclass(frozen=True, slots=True)
class JobFacts:
    """A job that may need attention: at rest, or under way and waiting for a person because of `waits_for`.

    `since` is when it came to stand so. `is_retried` says that a retry of it was submitted, `can_mend` that another
    attempt may mend some failures. `goes_on_by_itself` marks a stop after which the schedule's next run takes the rest.
    """

    number: JobNumber
    id: JobId
    name: str | None
    tenant: str
    schedule: str | None
    status: JobStatus
    reason: str | None
    tally: Tally
    since: datetime
    is_retried: bool = False
    can_mend: bool = True
    goes_on_by_itself: bool = False
    waits_for: str | None = None


@dataclass(frozen=True, slots=True)
class ScheduleFacts:
    """A schedule: what became of its last occurrence, and which share of failures it tolerates.

    `due_at` is when its next run is due, None where none is; after `start_within` more it is missed. `lacks_list` is
    the name of its saved list where there is none of that name, `lacking_since` when that was removed.
    """

    name: str
    tenant: str | None
    status: ScheduleStatus
    reason: str | None = None
    tolerated: int = TOLERATED_PERCENT
    last_at: datetime | None = None
    last_status: OccurrenceStatus | None = None
    last_reason: str | None = None
    due_at: datetime | None = None
    start_within: timedelta = timedelta(hours=1)
    created_at: datetime | None = None
    lacks_list: str | None = None
    lacking_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class IdleWork:
    """Devices of jobs that no process works on; `command` starts a worker here."""

    jobs: int
    devices: int
    since: datetime
    command: str


@dataclass(frozen=True, slots=True)
class CredentialFacts:
    """When the secret or the certificate of a tenant ends; `what` is "client secret" or "certificate"."""

    tenant: str
    what: str
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class InventoryFacts:
    """When the inventory of a tenant was read, and up to which age names are matched by it.

    `waits_since` is when another one was read that a person has to accept; None where none waits.
    """

    tenant: str
    read_at: datetime
    max_age: timedelta
    waits_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """All that decides what needs attention at one time; `acknowledged` has the time of each, by the item's id."""

    now: datetime
    stops: Sequence[EmergencyStop] = ()
    jobs: Sequence[JobFacts] = ()
    schedules: Sequence[ScheduleFacts] = ()
    idle: IdleWork | None = None
    credentials: Sequence[CredentialFacts] = ()
    inventories: Sequence[InventoryFacts] = ()
    clock_command: str = "muster serve"
    acknowledged: Mapping[str, datetime] = field(default_factory=lambda: MappingProxyType({}))
