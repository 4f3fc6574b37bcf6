"""What needs attention, and when an item goes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.attention import (
    AttentionKind,
    CredentialFacts,
    Facts,
    IdleWork,
    InventoryFacts,
    JobFacts,
    RemedyKind,
    ScheduleFacts,
    Severity,
)
from orchestrator.domain.attention_rules import needs_attention
from orchestrator.domain.emergency_stop import EmergencyStop
from orchestrator.domain.ids import JobId, JobNumber
from orchestrator.domain.job import JobStatus, Tally
from orchestrator.domain.schedule import OccurrenceStatus, ScheduleStatus

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def a_job(status: JobStatus = JobStatus.STOPPED, tally: Tally | None = None, **facts: object) -> JobFacts:
    given = JobFacts(
        number=JobNumber(7),
        id=JobId("bcdfghjkmnpq"),
        name=None,
        tenant="default",
        schedule=None,
        status=status,
        reason=None,
        tally=tally or Tally(waiting=5),
        since=NOW - HOUR,
    )
    return replace(given, **facts)  # type: ignore[arg-type] # what it is given is what the test names


def a_schedule(**facts: object) -> ScheduleFacts:
    given = ScheduleFacts("nightly", "default", ScheduleStatus.ACTIVE, due_at=NOW + HOUR)
    return replace(given, **facts)  # type: ignore[arg-type] # as above


def kinds(facts: Facts) -> list[AttentionKind]:
    return [item.kind for item in needs_attention(facts)]


def test_nothing_needs_attention_where_nothing_is_wrong() -> None:
    assert needs_attention(Facts(NOW, schedules=[a_schedule(last_at=NOW, last_status=OccurrenceStatus.STARTED)])) == []


@pytest.mark.parametrize(
    ("tally", "tolerated", "expected"),
    [
        (Tally(accepted=95, failed=5), 5, []),
        (Tally(accepted=94, failed=6), 5, [AttentionKind.JOB_FAILURES]),
        (Tally(accepted=94, failed=3, uncertain=3), 5, [AttentionKind.JOB_FAILURES]),
        (Tally(accepted=94, failed=6), 10, []),
        (Tally(accepted=99, failed=1), 0, [AttentionKind.JOB_FAILURES]),
        (Tally(accepted=100), 0, []),
        (Tally(failed=3), 100, [AttentionKind.JOB_FAILED]),
        (Tally(cancelled=3), 5, []),
    ],
)
def test_a_larger_share_of_failures_than_its_schedule_tolerates(
    tally: Tally, tolerated: int, expected: list[AttentionKind]
) -> None:
    job = a_job(JobStatus.FINISHED, tally, schedule="nightly")

    assert kinds(Facts(NOW, jobs=[job], schedules=[a_schedule(tolerated=tolerated)])) == expected


@pytest.mark.parametrize(
    ("status", "facts", "expected"),
    [
        (JobStatus.STOPPED, {}, [AttentionKind.JOB_STOPPED]),
        (JobStatus.PAUSED, {}, [AttentionKind.JOB_WAITS]),
        (JobStatus.RUNNING, {"waits_for": "The tenant changed."}, [AttentionKind.JOB_WAITS]),
        (JobStatus.STOPPED, {"is_retried": True}, []),
        (JobStatus.STOPPED, {"goes_on_by_itself": True}, []),
    ],
)
def test_a_job_that_waits_for_a_person(
    status: JobStatus, facts: dict[str, object], expected: list[AttentionKind]
) -> None:
    job = replace(a_job(status), **facts)  # type: ignore[arg-type] # as above

    assert kinds(Facts(NOW, jobs=[job])) == expected


def test_a_good_run_settles_what_the_runs_before_it_left_and_a_bad_one_takes_the_place_of_a_bad_one() -> None:
    stopped = a_job(number=JobNumber(1), id=JobId("stopped"), schedule="nightly")
    bad = a_job(JobStatus.FINISHED, Tally(failed=2), number=JobNumber(2), id=JobId("bad"), schedule="nightly")
    worse = replace(bad, number=JobNumber(3), id=JobId("worse"))
    good = replace(bad, number=JobNumber(4), id=JobId("good"), tally=Tally(accepted=2))

    before = needs_attention(Facts(NOW, jobs=[stopped, bad, worse]))
    after = needs_attention(Facts(NOW, jobs=[stopped, bad, worse, good]))

    assert {item.subject for item in before} == {"stopped", "worse"}
    assert after == []


def test_the_remedy_of_failures_that_nothing_mends_is_to_look_at_them() -> None:
    mendable = a_job(JobStatus.FINISHED, Tally(failed=2))

    (retry,) = needs_attention(Facts(NOW, jobs=[mendable]))
    (look,) = needs_attention(Facts(NOW, jobs=[replace(mendable, can_mend=False)]))

    assert (retry.remedy.kind, look.remedy.kind) == (RemedyKind.RETRY_JOB, RemedyKind.SHOW_ERRORS)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"last_status": OccurrenceStatus.MISSED, "last_at": NOW - HOUR}, Severity.WARNING),
        # The list was empty, or its devices had shrunk by more than half.
        ({"last_status": OccurrenceStatus.FAILED, "last_at": NOW - HOUR}, Severity.WARNING),
        ({"last_status": OccurrenceStatus.STARTED, "last_at": NOW - HOUR}, None),
        ({"due_at": NOW - 2 * HOUR}, Severity.CRITICAL),
        ({"due_at": NOW - HOUR}, None),
        ({"status": ScheduleStatus.SET_ASIDE, "due_at": None}, Severity.CRITICAL),
        ({"status": ScheduleStatus.PAUSED, "due_at": None}, None),
        ({"lacks_list": "fleet", "lacking_since": NOW - HOUR}, Severity.CRITICAL),
        ({"lacks_list": "fleet", "status": ScheduleStatus.PAUSED}, None),
    ],
)
def test_a_schedule_that_does_not_run(facts: dict[str, object], expected: Severity | None) -> None:
    items = needs_attention(Facts(NOW, schedules=[a_schedule(**facts)]))

    assert [item.severity for item in items] == ([] if expected is None else [expected])


@pytest.mark.parametrize(
    ("days", "expected"), [(15, None), (14, Severity.WARNING), (4, Severity.WARNING), (3, Severity.CRITICAL)]
)
def test_a_credential_that_ends_soon(days: int, expected: Severity | None) -> None:
    ends = CredentialFacts("default", "certificate", NOW + timedelta(days=days))

    items = needs_attention(Facts(NOW, credentials=[ends]))

    assert [item.severity for item in items] == ([] if expected is None else [expected])


def test_an_acknowledged_certificate_is_shown_again_when_it_becomes_urgent() -> None:
    soon = CredentialFacts("default", "certificate", NOW + timedelta(days=10))
    acknowledged = {"credentialEnds:default": NOW}

    assert needs_attention(Facts(NOW, credentials=[soon], acknowledged=acknowledged)) == []
    assert needs_attention(Facts(NOW + timedelta(days=8), credentials=[soon], acknowledged=acknowledged)) != []


def test_what_concerns_the_whole_installation_comes_first() -> None:
    facts = Facts(
        NOW,
        stops=[EmergencyStop("default", "Wrong list.", "somebody", NOW - HOUR)],
        jobs=[a_job()],
        idle=IdleWork(1, 1, NOW - HOUR, "muster serve"),
        inventories=[
            InventoryFacts("default", NOW - 8 * 24 * HOUR, timedelta(days=7)),
            InventoryFacts("other", NOW - 6 * 24 * HOUR, timedelta(days=7), waits_since=NOW - HOUR),
        ],
    )

    items = needs_attention(facts)

    assert [item.id for item in items] == [
        "emergencyStop:default",
        "noWorker:workers",
        "jobStopped:bcdfghjkmnpq",
        "inventoryStale:default",
        "inventoryWaits:other",
    ]
    assert items[1].sentence == "No process works: 1 device of 1 job waits."


@given(st.lists(st.sampled_from([status for status in JobStatus if status.is_at_rest]), max_size=6), st.data())
def test_an_item_goes_when_it_is_acknowledged_and_comes_back_when_it_begins_anew(
    statuses: list[JobStatus], data: st.DataObject
) -> None:
    tallies = st.builds(Tally, *(st.integers(0, 3) for _ in range(6)))
    jobs = [
        a_job(status, data.draw(tallies), number=JobNumber(place), id=JobId(f"job{place}"))
        for place, status in enumerate(statuses)
    ]
    items = needs_attention(Facts(NOW, jobs=jobs))
    acknowledged = {item.id: NOW for item in items}

    assert needs_attention(Facts(NOW, jobs=jobs, acknowledged=acknowledged)) == []
    later = [replace(job, since=NOW + HOUR) for job in jobs]
    assert {item.id for item in needs_attention(Facts(NOW, jobs=later, acknowledged=acknowledged))} == set(acknowledged)
