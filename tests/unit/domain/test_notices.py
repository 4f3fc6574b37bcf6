from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from orchestrator.domain.action import Action
from orchestrator.domain.device import Via
from orchestrator.domain.error_groups import ErrorCount, ErrorGroup
from orchestrator.domain.ids import JobId, JobNumber, LaneKey
from orchestrator.domain.job import Intake, Job, JobStatus, Priority, Tally
from orchestrator.domain.notice import Channel, retry_wait
from orchestrator.domain.notice_kinds import ChannelKind, Event
from orchestrator.domain.notice_words import notice_of_job
from orchestrator.domain.target import TargetStatus

JOB = Job(
    number=JobNumber(1),
    id=JobId("w49tcv72j4mp"),
    name=None,
    action=Action.REFRESH_MACHINE_POLICY,
    via=Via.MANAGED_DEVICES,
    tenant="default",
    lane=LaneKey("global/contoso/app"),
    priority=Priority.NORMAL,
    status=JobStatus.FINISHED,
    reason=None,
    intake=Intake(1000),
    input_columns=(),
    submitted_by="schedule nightly",
    submit_reason=None,
    submitted_at=datetime(2026, 3, 3, tzinfo=UTC),
    schedule="nightly",
)
ERRORS = {
    ErrorGroup(TargetStatus.FAILED, 404, "ResourceNotFound"): ErrorCount(8),
    ErrorGroup(TargetStatus.FAILED, 400, "NotSupported"): ErrorCount(30),
    ErrorGroup(TargetStatus.UNCERTAIN, None, "AnswerTimedOut"): ErrorCount(2),
    ErrorGroup(TargetStatus.FAILED, 403, "Forbidden"): ErrorCount(1),
}


def test_a_notice_says_how_many_how_many_not_the_three_largest_groups_and_where_to_look() -> None:
    tally = Tally(accepted=959, failed=39, uncertain=2)

    notice = notice_of_job(JOB, tally, ERRORS, key="k", link="https://muster.example/jobs/w49tcv72j4mp")

    assert notice.event is Event.FAILURES
    assert notice.text.splitlines() == [
        "nightly: finished with failures (refreshMachinePolicy, 1,000 devices)",
        "959 accepted, 39 failed, 2 uncertain",
        "30 failed: 400 NotSupported",
        "8 failed: 404 ResourceNotFound",
        "2 uncertain: AnswerTimedOut",
        "https://muster.example/jobs/w49tcv72j4mp",
    ]
    assert notice.facts["counts"]["total"] == 1000
    assert [group["count"] for group in notice.facts["errors"]] == [30, 8, 2]


def test_a_stopped_job_says_why_and_what_was_not_called() -> None:
    job = replace(JOB, status=JobStatus.STOPPED, reason="Stopped because its window ended at 06:00.")

    notice = notice_of_job(job, Tally(accepted=10, waiting=5), {}, key="k", link=None)

    assert notice.event is Event.STOPPED
    assert notice.lines == (
        "10 accepted, 5 not called",
        "Stopped because its window ended at 06:00.",
        "muster job show w49tcv72j4mp",
    )


@pytest.mark.parametrize(
    ("kind", "named", "event", "heard"),
    [
        ("general", (), Event.FINISHED, "heard"),
        ("general", (), Event.MISSED, "not heard"),
        ("named", (), Event.FINISHED, "not heard"),
        ("named", ("team",), Event.FINISHED, "heard"),
    ],
)
def test_a_channel_hears_of_what_it_wants_and_of_schedules_that_name_it(
    kind: str, named: tuple[str, ...], event: Event, heard: str
) -> None:
    channel = Channel("team", ChannelKind.TEAMS, frozenset({Event.FINISHED}), is_general=kind == "general")

    assert channel.accepts(event, named) is (heard == "heard")


def test_a_notice_is_tried_for_most_of_a_day_and_then_given_up() -> None:
    waits = [retry_wait(attempts, None) for attempts in range(1, 9)]

    assert waits == [10.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 43_200.0, None]
    assert retry_wait(1, 120.0) == 120.0
    assert retry_wait(1, 10**9) == 3600.0
