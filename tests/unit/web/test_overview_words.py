from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from orchestrator.domain.attention import AttentionItem, AttentionKind, Remedy, RemedyKind, Severity, SubjectKind
from orchestrator.web.overview_words import place_of, sentence_of, title_and_detail, verdict


def an_item(
    severity: Severity = Severity.CRITICAL,
    remedy: RemedyKind = RemedyKind.RESUME_JOB,
    subject: str = "2c8jkwxhwx7m",
    sentence: str = "Job 2c8jkwxhwx7m (ring 2) stopped with 80 devices left.",
) -> AttentionItem:
    at = datetime(2026, 12, 1, tzinfo=UTC)
    return AttentionItem(
        AttentionKind.JOB_STOPPED,
        severity,
        SubjectKind.JOB,
        subject,
        sentence,
        at,
        Remedy(remedy, "Resume the job", "x"),
    )


def test_the_time_of_a_run_that_did_not_start_stands_beside_it_and_not_in_utc() -> None:
    sentence = "The run of schedule nightly of 2026-12-01 01:00 UTC did not start: no clock was running."
    missed = replace(an_item(sentence=sentence), kind=AttentionKind.RUN_MISSED)

    assert title_and_detail(missed) == ("The run of schedule nightly did not start", "No clock was running.")


@pytest.mark.parametrize(
    ("urgent", "later", "said"),
    [
        (0, 0, ("good", "Everything is fine.", "")),
        (1, 0, ("bad", "One thing needs you.", "")),
        (2, 2, ("bad", "Two things need you,", "two more can wait.")),
        (0, 1, ("doubt", "Nothing is urgent,", "one thing can wait.")),
        (13, 0, ("bad", "13 things need you.", "")),
    ],
)
def test_one_sentence_says_whether_everything_is_fine(urgent: int, later: int, said: tuple[str, str, str]) -> None:
    assert verdict([an_item()] * urgent + [an_item(Severity.WARNING)] * later) == said


@pytest.mark.parametrize("remedy", [*RemedyKind])
def test_each_action_has_a_page_and_what_somebody_named_stays_within_its_place(remedy: RemedyKind) -> None:
    place = place_of(an_item(remedy=remedy, subject="../a?b#c"))

    assert place.startswith("/")
    assert "../a" not in place
    assert "?b" not in place


def test_a_job_is_called_by_its_name() -> None:
    assert sentence_of(an_item()) == "ring 2 stopped with 80 devices left."
    assert sentence_of(an_item(sentence="Job 2c8jkwxhwx7m waits.")) == "Job 2c8jkwxhwx7m waits."


@pytest.mark.parametrize(
    ("sentence", "title", "detail"),
    [
        ("Job 2c8jkwxhwx7m (ring 2) is paused with 7 left.", "ring 2 is paused with 7 left", ""),
        (
            "Job 2c8jkwxhwx7m (Berlin: ring 2) stopped with 7 left. The brake stopped it: 4 of 9 failed.",
            "Berlin: ring 2 stopped with 7 left",
            "The brake stopped it: 4 of 9 failed.",
        ),
        ("The inventory is 9 days old; names need 7.", "The inventory is 9 days old", "Names need 7."),
    ],
)
def test_a_fact_comes_before_its_details(sentence: str, title: str, detail: str) -> None:
    assert title_and_detail(an_item(sentence=sentence)) == (title, detail)
