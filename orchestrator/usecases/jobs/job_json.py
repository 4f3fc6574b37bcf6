"""A job as JSON, exactly as the contract has it; pure."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from orchestrator.domain.figures import rfc3339
from orchestrator.domain.hints import with_job_id

if TYPE_CHECKING:
    from orchestrator.domain.ids import JobId
    from orchestrator.domain.target import TargetFacts
    from orchestrator.domain.waiting import WaitingFor
    from orchestrator.usecases.jobs.describe_jobs import BrakeView, ErrorView, JobView


def job_object(view: JobView) -> dict[str, Any]:
    """The object that `job show -o json` and the API give alike."""
    job, tally, intake = view.job, view.tally, view.job.intake
    return {
        "id": job.id,
        "name": job.name,
        "action": job.action.value,
        "via": job.via.value,
        "tenant": job.tenant,
        "priority": job.priority.value,
        "status": view.status.value,
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
        "errors": [_with_full_hint(error_object(error), job.id) for error in view.errors],
        "retryOf": job.retry_of,
        "retriedBy": list(view.retried_by),
        "brake": None if view.brake is None else brake_object(view.brake),
        "schedule": job.schedule,
        "selection": None if view.selection is None else asdict(view.selection),
        "waitingFor": None if view.waiting_for is None else waiting_object(view.waiting_for),
    }


def _with_full_hint(error: dict[str, Any], job: JobId) -> dict[str, Any]:
    return {**error, "hint": with_job_id(error["hint"], job)}


def waiting_object(waiting: WaitingFor) -> dict[str, Any]:
    """Returns `waitingFor`: why the job makes no calls, or fewer, and until when."""
    return {"kind": waiting.kind.value, "message": waiting.message, "until": rfc3339(waiting.until)}


def brake_object(brake: BrakeView) -> dict[str, Any]:
    """Returns the circuit breaker and its counts; `canaries` only while they are called first."""
    canaries = {"total": brake.canaries, "ended": brake.canaries_ended} if brake.canaries else None
    return {
        "sharePercent": brake.share,
        "sample": brake.sample,
        "ended": brake.ended,
        "errors": brake.errors,
        "canaries": canaries,
    }


def error_object(error: ErrorView) -> dict[str, Any]:
    """One error group of a job."""
    return {
        "httpStatus": error.http_status,
        "code": error.code,
        "count": error.count,
        "meaning": error.meaning,
        "hint": error.hint,
        "exampleRequestId": error.example_request_id,
        "exampleMessage": error.example_message,
        "exampleDevice": error.example_device,
        "exampleDeviceName": error.example_device_name,
    }


def target_object(target: TargetFacts) -> dict[str, Any]:
    """One target, with the names of the report's columns."""
    return {
        "line": target.line,
        "device": target.device,
        "deviceName": target.name,
        "status": target.status.value,
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


def job_row(view: JobView) -> dict[str, Any]:
    """The object without nesting: a row of a table or of CSV."""
    flat = job_object(view)
    counts, intake = flat.pop("counts"), flat.pop("intake")
    flat.pop("errors")
    flat.pop("brake")
    selection = flat.pop("selection")
    waiting = flat.pop("waitingFor")
    retried_by = " ".join(flat.pop("retriedBy"))
    return {
        **flat,
        **counts,
        **intake,
        "retriedBy": retried_by,
        "selection": selection and selection["words"],
        "waitingFor": waiting and waiting["message"],
    }
