from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import yaml

from orchestrator.cli.invocation import Format
from orchestrator.cli.output import as_nested
from orchestrator.domain.action import Action
from orchestrator.domain.device import Via
from orchestrator.domain.ids import JobId, JobNumber, LaneKey
from orchestrator.domain.job import Intake, Job, JobStatus, Priority, Tally
from orchestrator.domain.target import TargetFacts, TargetStatus
from orchestrator.domain.waiting import WaitingFor, WaitKind
from orchestrator.usecases.jobs.describe_job import ErrorView
from orchestrator.usecases.jobs.describe_jobs import JobView
from orchestrator.views.jobs import JOB_ROW, job_object, job_row, target_object, waiting_object

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def test_the_fields_of_a_row_are_known_without_one() -> None:
    assert tuple(job_row(_a_view())) == JOB_ROW


def test_a_job_is_the_object_of_the_contract() -> None:
    whole: object = job_object(_a_view())

    assert whole == {
        "id": "k3x7m2p9q4rt",
        "name": None,
        "action": "refreshUserPolicy",
        "via": "managedDevices",
        "tenant": "default",
        "priority": "normal",
        "status": "finished",
        "reason": None,
        "counts": {
            "total": 990,
            "waiting": 0,
            "sending": 0,
            "accepted": 981,
            "failed": 8,
            "uncertain": 1,
            "cancelled": 0,
        },
        "intake": {"rows": 1000, "duplicates": 6, "rejected": 4, "sha256": "ab", "fileName": "devices.csv"},
        "submittedBy": "somebody@here",
        "submittedAt": "2026-03-02T12:00:00.000Z",
        "startedAt": "2026-03-02T12:00:01.500Z",
        "finishedAt": None,
        "estimatedFinishAt": "2026-03-02T13:00:00.000Z",
        "errors": [
            {
                "httpStatus": 404,
                "code": "ResourceNotFound",
                "count": 8,
                "meaning": "It is not there.",
                "hint": "Look elsewhere.",
                "exampleRequestId": "r-1",
                "exampleMessage": "Gone.",
                "exampleDevice": None,
                "exampleDeviceName": None,
            }
        ],
        "retryOf": None,
        "retriedBy": [],
        "brake": None,
        "schedule": None,
        "selection": None,
        "waitingFor": None,
    }


def test_what_a_job_waits_for_has_its_kind_and_its_end() -> None:
    cause = WaitingFor(WaitKind.RATE_LIMITED, "Graph answered 429.", NOON, hint="for the terminal alone")

    assert waiting_object(cause) == {
        "kind": "rateLimited",
        "message": "Graph answered 429.",
        "until": "2026-03-02T12:00:00.000Z",
    }


def test_enumerations_are_plain_text_in_yaml() -> None:
    assert yaml.safe_load(as_nested(job_object(_a_view()), Format.YAML))["status"] == "finished"


def test_the_object_is_plain_json() -> None:
    whole = job_object(_a_view())

    assert json.loads(json.dumps(whole)) == whole


def test_a_row_of_jobs_has_no_nesting() -> None:
    assert not [value for value in job_row(_a_view()).values() if isinstance(value, dict | list)]


def test_a_target_has_the_names_of_the_reports_columns() -> None:
    target = TargetFacts(
        line=2,
        device="d",
        status=TargetStatus.FAILED,
        attempts=1,
        maybe_repeated=False,
        http_status=404,
        error_code="ResourceNotFound",
        error_message="gone",
        request_id="r",
        client_request_id="c",
        first_attempt_at=NOON.astimezone(timezone(timedelta(hours=2))),
        finished_at=None,
    )

    assert target_object(target) == {
        "line": 2,
        "device": "d",
        "deviceName": None,
        "status": "failed",
        "httpStatus": 404,
        "errorCode": "ResourceNotFound",
        "errorMessage": "gone",
        "attempts": 1,
        "maybeRepeated": False,
        "requestId": "r",
        "clientRequestId": "c",
        "firstAttemptAt": "2026-03-02T12:00:00.000Z",
        "finishedAt": None,
    }


def _a_view() -> JobView:
    job = Job(
        number=JobNumber(1),
        id=JobId("k3x7m2p9q4rt"),
        name=None,
        action=Action.REFRESH_USER_POLICY,
        via=Via.MANAGED_DEVICES,
        tenant="default",
        lane=LaneKey("global/t/a"),
        priority=Priority.NORMAL,
        status=JobStatus.FINISHED,
        reason=None,
        intake=Intake(1000, 6, 4, "ab", "devices.csv"),
        input_columns=("Device ID",),
        submitted_by="somebody@here",
        submit_reason=None,
        submitted_at=NOON,
        started_at=NOON + timedelta(seconds=1.5),
    )
    error = ErrorView(
        TargetStatus.FAILED, 404, "ResourceNotFound", 8, "It is not there.", "Look elsewhere.", "r-1", "Gone."
    )
    tally = Tally(accepted=981, failed=8, uncertain=1)
    return JobView(job, JobStatus.FINISHED, tally, (error,), NOON + timedelta(hours=1))


def test_a_row_names_the_retries_of_a_job_with_a_blank_between() -> None:
    view = replace(_a_view(), retried_by=(JobId("bcdf"), JobId("ghjk")))

    assert job_row(view)["retriedBy"] == "bcdf ghjk"
