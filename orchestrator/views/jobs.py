"""Jobs and their targets as they are shown, exactly as the contract has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NotRequired

from typing_extensions import TypedDict

from orchestrator.domain.action import Action
from orchestrator.domain.device import Via
from orchestrator.domain.figures import rfc3339
from orchestrator.domain.hints import with_job_id
from orchestrator.domain.job import JobStatus, Priority
from orchestrator.domain.target import TargetStatus
from orchestrator.domain.waiting import WaitKind
from orchestrator.views.description import Description

if TYPE_CHECKING:
    from orchestrator.domain.ids import JobId
    from orchestrator.domain.selection import SelectionChange
    from orchestrator.domain.target import TargetFacts
    from orchestrator.domain.waiting import WaitingFor
    from orchestrator.usecases.jobs.describe_job import BrakeView, ErrorView
    from orchestrator.usecases.jobs.describe_jobs import JobView


class Counts(TypedDict):
    """How many targets stand where; the six after `total` sum to it."""

    total: int
    waiting: int
    sending: int
    accepted: int
    failed: int
    uncertain: int
    cancelled: int


class IntakeFacts(TypedDict):
    """The device list of a job: its rows and its file."""

    rows: int
    duplicates: int
    rejected: int
    sha256: str | None
    fileName: str | None


class ErrorFacts(TypedDict):
    """Targets that ended with the same error."""

    httpStatus: int | None
    code: str
    count: int
    meaning: str
    hint: str
    exampleRequestId: str | None
    exampleMessage: NotRequired[str | None]
    exampleDevice: NotRequired[str | None]
    exampleDeviceName: NotRequired[str | None]


class WaitingForFacts(TypedDict):
    """Why a job under way makes no calls, or fewer than its limit allows; `until` is null where it is not known."""

    kind: WaitKind
    message: str
    until: str | None


class CanaryFacts(TypedDict):
    """The devices that go first, and how many of them have ended."""

    total: int
    ended: int


class BrakeFacts(TypedDict):
    """The circuit breaker of a job: the percentage of errors that stops it, once `sample` devices have ended."""

    sharePercent: int
    sample: int
    ended: int
    errors: int
    canaries: CanaryFacts | None


class SelectionFacts(TypedDict):
    """The devices that a schedule selected for this job, and the change from the run before."""

    version: int
    devices: int
    added: int
    removed: int
    words: str


class JobFacts(TypedDict):
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
    submittedBy: str
    submittedAt: str
    startedAt: str | None
    finishedAt: str | None
    estimatedFinishAt: str | None
    errors: list[ErrorFacts]
    retryOf: str | None
    retriedBy: list[str]
    brake: Annotated[BrakeFacts | None, Description("Null in lists.")]
    schedule: str | None
    selection: Annotated[SelectionFacts | None, Description("Null in lists, and for jobs of a file or a saved list.")]
    waitingFor: WaitingForFacts | None


class TargetView(TypedDict):
    """One device of a job."""

    line: int
    device: str
    deviceName: Annotated[str | None, Description("The list's name of it, else that of the inventory.")]
    status: TargetStatus
    httpStatus: int | None
    errorCode: str | None
    errorMessage: str | None
    attempts: int
    maybeRepeated: bool
    requestId: str | None
    clientRequestId: str | None
    firstAttemptAt: str | None
    finishedAt: str | None


def job_object(view: JobView) -> JobFacts:
    """Returns a job as it is shown."""
    job, tally, intake = view.job, view.tally, view.job.intake
    return {
        "id": job.id,
        "name": job.name,
        "action": job.action,
        "via": job.via,
        "tenant": job.tenant,
        "priority": job.priority,
        "status": view.status,
        "reason": None if job.reason is None else with_job_id(job.reason, job.id),
        "counts": {
            "total": tally.total,
            "waiting": tally.waiting,
            "sending": tally.sending,
            "accepted": tally.accepted,
            "failed": tally.failed,
            "uncertain": tally.uncertain,
            "cancelled": tally.cancelled,
        },
        "intake": {
            "rows": intake.rows,
            "duplicates": intake.duplicates,
            "rejected": intake.rejected,
            "sha256": intake.sha256,
            "fileName": intake.file_name,
        },
        "submittedBy": job.submitted_by,
        "submittedAt": rfc3339(job.submitted_at),
        "startedAt": rfc3339(job.started_at),
        "finishedAt": rfc3339(job.finished_at),
        "estimatedFinishAt": rfc3339(view.estimated_finish_at),
        "errors": [error_object(error, job.id) for error in view.errors],
        "retryOf": job.retry_of,
        "retriedBy": list(view.retried_by),
        "brake": None if view.brake is None else _brake_object(view.brake),
        "schedule": job.schedule,
        "selection": None if view.selection is None else _selection_object(view.selection),
        "waitingFor": None if view.waiting_for is None else waiting_object(view.waiting_for),
    }


def waiting_object(waiting: WaitingFor) -> WaitingForFacts:
    """Returns `waitingFor`: why the job makes no calls, or fewer, and until when."""
    return {"kind": waiting.kind, "message": waiting.message, "until": rfc3339(waiting.until)}


def error_object(error: ErrorView, job: JobId) -> ErrorFacts:
    """Returns one error group of this job, with commands that name the job."""
    return {
        "httpStatus": error.http_status,
        "code": error.code,
        "count": error.count,
        "meaning": error.meaning,
        "hint": with_job_id(error.hint, job),
        "exampleRequestId": error.example_request_id,
        "exampleMessage": error.example_message,
        "exampleDevice": error.example_device,
        "exampleDeviceName": error.example_device_name,
    }


def target_object(target: TargetFacts) -> TargetView:
    """Returns a target as it is shown."""
    return {
        "line": target.line,
        "device": target.device,
        "deviceName": target.name,
        "status": target.status,
        "httpStatus": target.http_status,
        "errorCode": target.error_code,
        "errorMessage": target.error_message,
        "attempts": target.attempts,
        "maybeRepeated": target.maybe_repeated,
        "requestId": target.request_id,
        "clientRequestId": target.client_request_id,
        "firstAttemptAt": rfc3339(target.first_attempt_at),
        "finishedAt": rfc3339(target.finished_at),
    }


def job_row(view: JobView) -> dict[str, object]:
    """Returns a job without nesting: a row of a table or of CSV."""
    facts = job_object(view)
    selection, waiting = facts["selection"], facts["waitingFor"]
    return {
        **{name: value for name, value in facts.items() if name not in _NESTED},
        **facts["counts"],
        **facts["intake"],
        "retriedBy": " ".join(facts["retriedBy"]),
        "selection": selection and selection["words"],
        "waitingFor": waiting and waiting["message"],
    }


def _brake_object(brake: BrakeView) -> BrakeFacts:
    """Returns the circuit breaker and its counts; `canaries` only while they are called first."""
    return {
        "sharePercent": brake.share,
        "sample": brake.sample,
        "ended": brake.ended,
        "errors": brake.errors,
        "canaries": {"total": brake.canaries, "ended": brake.canaries_ended} if brake.canaries else None,
    }


def _selection_object(change: SelectionChange) -> SelectionFacts:
    return {
        "version": change.version,
        "devices": change.devices,
        "added": change.added,
        "removed": change.removed,
        "words": change.words,
    }


_NESTED = {"counts", "intake", "errors", "brake", "selection", "waitingFor", "retriedBy"}
JOB_ROW = (
    *(name for name in JobFacts.__annotations__ if name not in _NESTED),
    *Counts.__annotations__,
    *IntakeFacts.__annotations__,
    "retriedBy",
    "selection",
    "waitingFor",
)
"""The fields of a job without nesting, in their order."""
