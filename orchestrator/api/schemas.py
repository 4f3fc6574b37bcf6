"""What goes over the wire; never a domain object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from orchestrator.domain.access import Role
from orchestrator.domain.action import Action
from orchestrator.domain.device import Via
from orchestrator.domain.errors import MOST_PROBLEMS
from orchestrator.domain.job import JobStatus, Priority
from orchestrator.domain.schedule import OccurrenceStatus, Overlap, ScheduleStatus
from orchestrator.domain.sessions import Way
from orchestrator.domain.target import TargetStatus
from orchestrator.domain.waiting import WaitKind
from orchestrator.http.json_model import JsonModel
from orchestrator.http.uploads import Matching


class Counts(JsonModel):
    """How many targets stand where; the six after `total` sum to it."""

    total: int
    waiting: int
    sending: int
    accepted: int
    failed: int
    uncertain: int
    cancelled: int


class IntakeFacts(JsonModel):
    """The device list of a job: its rows and its file."""

    rows: int
    duplicates: int
    rejected: int
    sha256: str | None
    file_name: str | None


class ErrorFacts(JsonModel):
    """Targets that ended with the same error."""

    http_status: int | None
    code: str
    count: int
    meaning: str
    hint: str
    example_request_id: str | None
    example_message: str | None = None
    example_device: str | None = None
    example_device_name: str | None = None


class WaitingForFacts(JsonModel):
    """Why a job under way makes no calls, or fewer than its limit allows; `until` is null where nobody knows."""

    kind: WaitKind
    message: str
    until: str | None


class CanaryFacts(JsonModel):
    """The devices that go first, and how many of them have ended."""

    total: int
    ended: int


class BrakeFacts(JsonModel):
    """The circuit breaker of a job: the percentage of errors that stops it, once `sample` devices have ended."""

    share_percent: int
    sample: int
    ended: int
    errors: int
    canaries: CanaryFacts | None


class SelectionFacts(JsonModel):
    """The devices that a schedule selected for this job, and the change from the run before."""

    version: int
    devices: int
    added: int
    removed: int
    words: str


class JobFacts(JsonModel):
    """A job, as `muster job show -o json` gives it too."""

    id: str
    name: str | None
    action: Action
    via: Via
    tenant: str
    priority: Priority
    status: JobStatus
    reason: str | None
    counts: Counts
    intake: IntakeFacts
    submitted_by: str
    submitted_at: str
    started_at: str | None
    finished_at: str | None
    estimated_finish_at: str | None
    errors: list[ErrorFacts]
    retry_of: str | None
    retried_by: list[str]
    brake: BrakeFacts | None = Field(description="Null in lists.")
    schedule: str | None
    selection: SelectionFacts | None = Field(description="Null in lists, and for jobs of a file or a saved list.")
    waiting_for: WaitingForFacts | None


class ComparedDeviceFacts(JsonModel):
    """A device, and its error in the run before and in this one, such as "404 ResourceNotFound"; empty without one."""

    device: str
    name: str | None
    before: str
    now: str


class ComparedGroupFacts(JsonModel):
    """Devices of one kind: how many, and the first 200 of them by name."""

    count: int
    devices: list[ComparedDeviceFacts]


class RunComparison(JsonModel):
    """How a run of a schedule compares with the job `before`, the last run before it that ended.

    Devices that failed or are uncertain in both (`same`), in this run only (`new`), or in the run before and were
    accepted now (`mended`); `gone` counts those that failed in the run before and are not in this one.
    """

    before: str
    same: ComparedGroupFacts
    new: ComparedGroupFacts
    mended: ComparedGroupFacts
    gone: int


class JobPage(JsonModel):
    """Some jobs, the newest first; without `nextCursor` it is the last page."""

    items: list[JobFacts]
    next_cursor: str | None


class TargetView(JsonModel):
    """One device of a job."""

    line: int
    device: str
    device_name: str | None = Field(description="The list's name of it, else that of the inventory.")
    status: TargetStatus
    http_status: int | None
    error_code: str | None
    error_message: str | None
    attempts: int
    maybe_repeated: bool
    request_id: str | None
    client_request_id: str | None
    first_attempt_at: str | None
    finished_at: str | None


class TargetPage(JsonModel):
    """Some targets, in the order of the device list."""

    items: list[TargetView]
    next_cursor: str | None


class ForecastFacts(JsonModel):
    """When it would be done; without numbers, nothing paces it."""

    seconds: float | None
    per_second: float | None
    ahead: int


class Candidate(JsonModel):
    """A device that a row of a list may mean."""

    id: str
    name: str | None
    serial_number: str | None
    management_agent: str | None
    last_contact_at: str | None


class BadLine(JsonModel):
    """One bad line of a device list."""

    line: int
    reason: str
    candidates: list[Candidate] = Field(default=[], description="The devices that the row may mean.")


class PreviewFacts(JsonModel):
    """A device list as it was judged, and the forecast of its end."""

    rows: int
    devices: int
    duplicates: int
    rejected: int
    ineligible: int
    left_out: int
    id_columns: list[str]
    matched: dict[str, int]
    ignored: list[str] = Field(description="What was found in the list that is no device and no error.")
    notes: list[str] = Field(default=[], description="What was left out of a group, in sentences.")
    unknown_to_inventory: int | None = Field(
        description="Managed device ids that the inventory does not have; they are called all the same."
    )
    forecast: ForecastFacts
    problems: list[BadLine] = Field(description=f"The bad lines, or the first {MOST_PROBLEMS:,} of them.")


class KeyFacts(JsonModel):
    """A key, without its secret."""

    id: str
    name: str
    role: Role
    ceiling: int | None
    actions: list[Action] | None
    tenants: list[str] | None
    status: str
    created_by: str
    created_at: str
    expires_at: str | None
    last_used_at: str | None
    last_used_from: str | None
    revoked_at: str | None
    replaced_by: str | None
    end_by_upgrade: bool


class KeyList(JsonModel):
    """Every key there is or was."""

    items: list[KeyFacts]


class SessionFacts(JsonModel):
    """A person who is signed in to the dashboard. `checkedAt` is when Entra ID last confirmed the role."""

    id: str
    name: str
    person_id: str | None
    key_id: str | None
    role: Role
    way: Way
    from_: str = Field(alias="from")
    created_at: str
    signed_in_at: str
    last_seen_at: str
    checked_at: str | None
    expires_at: str


class SessionList(JsonModel):
    """Every session that opens something, the newest first."""

    items: list[SessionFacts]


class CreationsFacts(JsonModel):
    """The creations of a key that are in force: valid keys, schedules, unfinished jobs."""

    keys: list[str]
    schedules: list[str]
    jobs: list[str]


class KeyWithCreations(KeyFacts):
    """A key and what it created, also by way of keys that it created."""

    created: CreationsFacts


class NewKeyFacts(KeyFacts):
    """A key that was just made: `key` is what to send, and it is shown this once."""

    key: str


class AuditEntryFacts(JsonModel):
    """One line of the audit log."""

    number: int
    at: str
    who: str
    from_: str = Field(alias="from", description="An address; for the command line the words for it.")
    command_line: bool
    what: str
    subject: str | None
    reason: str | None
    facts: dict[str, Any]


class AuditPage(JsonModel):
    """Some of the audit log, the newest first."""

    items: list[AuditEntryFacts]
    next_cursor: str | None


class OccurrenceFactsOut(JsonModel):
    """One future occurrence of a schedule, in local time and UTC."""

    local: str
    utc: str
    marks: list[str]


class PastOccurrence(JsonModel):
    """The result of one occurrence; the row may stand for `more` like it."""

    local: str
    utc: str
    status: OccurrenceStatus
    job: str | None
    list_version: int | None
    reason: str | None
    by: str | None
    more: int
    decided_at: str


class RulesFacts(JsonModel):
    """The rules of a schedule for its occurrences."""

    start_within_seconds: float
    overlap: Overlap
    until: str | None
    carry_over: bool
    jitter_seconds: float
    tolerate_percent: int


class BlackoutFacts(JsonModel):
    """A time in which nobody is called."""

    from_: str = Field(alias="from")
    to: str
    reason: str | None


class SourceFacts(JsonModel):
    """The selection that each run of a schedule expands anew."""

    group: str | None
    where: Sequence[str]
    device: Sequence[str]
    match: Matching
    prefer: Literal["newest"] | None
    stale_ok: bool


class SelectionChange(JsonModel):
    """How an expansion differed from the one before: counts of devices."""

    at: str
    added: int
    removed: int


class ScheduleFacts(JsonModel):
    """A schedule, as `muster schedule show -o json` gives it too."""

    name: str
    status: ScheduleStatus
    reason: str | None
    cron: str | None
    every_seconds: float | None
    at: str | None
    timezone: str
    action: Action
    via: Via
    tenant: str
    priority: Priority
    job_name: str | None
    job_reason: str | None
    list: str | None = Field(description="The saved list; null where a `source` is expanded anew for each run.")
    source: SourceFacts | None
    change: SelectionChange | None = Field(description="How the last expansion of the source differed.")
    list_version: int | None
    devices: int | None
    rules: RulesFacts
    canary: int
    brake_share: int
    brake_sample: int
    notify: Sequence[str]
    blackouts: Sequence[BlackoutFacts]
    created_by: str
    created_at: str
    next_at: str | None
    next: Sequence[OccurrenceFactsOut]
    last: PastOccurrence | None


class ScheduleList(JsonModel):
    """All schedules, by name."""

    items: list[ScheduleFacts]


class OccurrenceList(JsonModel):
    """Future occurrences, the next one first."""

    items: list[OccurrenceFactsOut]


class HistoryList(JsonModel):
    """Past occurrences and how each ended, newest first."""

    items: list[PastOccurrence]


class ListFacts(JsonModel):
    """A saved list as it was imported once."""

    name: str
    version: int
    via: Via
    devices: int
    rows: int
    duplicates: int
    rejected: int
    added: int
    removed: int
    sha256: str | None
    file_name: str | None
    imported_by: str
    imported_at: str


class ImportedList(ListFacts):
    """The version that an import made."""

    ignored: list[str] = Field(description="What was found in the list that is no device and no error.")
    matched: dict[str, int] = Field(description="Rows by what their devices were matched by; empty for a list of ids.")


class SavedLists(JsonModel):
    """Every saved list as it was last imported."""

    items: list[ListFacts]


class ListedDevice(JsonModel):
    """A device of a saved list by its ids, with its name where the inventory knows one."""

    device: str
    name: str | None


class ListChanges(JsonModel):
    """How a version of a list differs from another one; of many devices the first 200 are named."""

    earlier: ListFacts
    later: ListFacts
    added: int
    removed: int
    same: int
    added_devices: list[ListedDevice]
    removed_devices: list[ListedDevice]


class SavedList(ListFacts):
    """One list: how it stands, its versions, and who refers to it."""

    versions: list[ListFacts]
    schedules: list[str]
