from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.domain.audit import AuditEntry
from orchestrator.domain.course import EventKind, Span
from orchestrator.domain.job import JobStatus, Tally
from orchestrator.store.jobs.samples import Sample
from orchestrator.usecases.jobs.sample_progress import Course
from orchestrator.web.job_timeline import MOST, timeline, verdict
from tests.unit.web.test_job_groups import a_view

BEGIN = datetime(2026, 12, 1, 11, 0, tzinfo=UTC)
AT_ONCE = Course((), (), is_at_rest=False)


def an_entry(minutes: int, what: str) -> AuditEntry:
    return AuditEntry(minutes, BEGIN + timedelta(minutes=minutes), "admin", "", what, "a", "helpdesk call")


def test_the_events_of_a_job_stand_in_one_numbered_line() -> None:
    outage = Span(EventKind.OUTAGE, BEGIN + timedelta(minutes=3), BEGIN + timedelta(minutes=4))
    unreachable = Span(EventKind.UNREACHABLE, BEGIN + timedelta(minutes=5), None)
    audit = [an_entry(0, "job.submitted"), an_entry(1, "job.paused"), an_entry(2, "job.resumed")]

    events = timeline(a_view("a", 1), audit, Course((), (outage, unreachable), is_at_rest=False))

    assert [event.title for event in events] == [
        "Submitted",
        "First call",
        "Finished, 10 failed",
        "Paused",
        "Resumed",
        "Graph was out",
        "Graph could not be reached",
    ]
    assert [event.number for event in events] == [*range(1, 8)]
    assert events[3].detail == "by admin: helpdesk call"
    assert events[5].detail == "for 1 min 00 s"


def test_a_limit_that_the_settings_changed_is_told_without_a_word_of_429() -> None:
    limits = (None, 10.0, 10.0, 5.0, 5.0, 10.0)
    samples = tuple(Sample(BEGIN + timedelta(seconds=5 * place), 0, 0, limit) for place, limit in enumerate(limits))
    retry = replace(a_view("b", 0.5).job, submit_reason="again")

    events = timeline(a_view("a", 1), [], Course(samples, (), is_at_rest=False), retries=[retry])

    told = {event.title: event.detail for event in events}
    assert told["Limit lowered"] == "from 10.0 to 5.0 calls a second"
    assert told["Limit raised"] == "from 5.0 to 10.0 calls a second"
    assert "Slowed down" not in told
    assert told["Retried"].endswith(": again, as job b")


def test_answers_429_and_canaries_that_passed_are_told_with_their_numbers() -> None:
    minutes = {10: 3, 11: 1, 14: 2, 40: 1}
    refused = tuple((BEGIN + timedelta(minutes=minute), count) for minute, count in minutes.items())
    passed = Sample(BEGIN + timedelta(minutes=9), 48, 50)

    events = timeline(a_view("a", 1), [], Course((passed,), (), is_at_rest=False, refused=refused, canaries=passed))

    assert [(event.title, event.detail) for event in events if event.detail and event.at > BEGIN] == [
        ("Canaries passed", "48 of 50 accepted"),
        ("Slowed down", "after 6 answers 429 in its lane, within 5 min 00 s"),
        ("Slowed down", "after 1 answer 429 in its lane, within 1 min 00 s"),
    ]


def test_of_very_many_events_the_first_and_the_last_are_told() -> None:
    events = timeline(a_view("a", 1), [an_entry(minute, "job.paused") for minute in range(1, 50)], AT_ONCE)

    assert len(events) == MOST
    assert events[0].title == "Submitted"
    assert events[-1].at == BEGIN + timedelta(minutes=49)


@pytest.mark.parametrize(
    ("status", "tally", "permanent", "said"),
    [
        (
            JobStatus.FINISHED,
            Tally(accepted=3),
            0,
            ("All 3 devices accepted.", "Graph took every request and will relay it."),
        ),
        (
            JobStatus.FINISHED,
            Tally(accepted=7, failed=3),
            1,
            ("3 of 10 devices failed.", "2 may succeed on another attempt, 1 will fail again."),
        ),
        (
            JobStatus.FINISHED,
            Tally(failed=1),
            1,
            ("1 of 1 device failed.", "None of them may succeed on another attempt."),
        ),
        (JobStatus.RUNNING, Tally(waiting=3, accepted=1), 0, ("About 4 s left.", "1 of 4 devices called, 25 %.")),
        (JobStatus.STOPPED, Tally(waiting=3, accepted=1), 0, ("3 of 4 devices not called yet.", "")),
    ],
)
def test_one_sentence_says_how_a_job_stands(
    status: JobStatus, tally: Tally, permanent: int, said: tuple[str, str]
) -> None:
    view = replace(a_view("a", 1, status), tally=tally)

    assert verdict(view, permanent=permanent, left="4 s") == said
