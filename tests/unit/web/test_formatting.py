from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from orchestrator.domain.job import JobStatus, Tally
from orchestrator.domain.lane import WriteLimit
from orchestrator.web.formatting import (
    as_limit,
    bar,
    headline,
    in_words,
    left,
    per_second,
    percent,
    standing,
    time_tag,
)


@pytest.mark.parametrize(
    ("part", "whole", "words"),
    [(0, 0, "0 %"), (0, 10, "0 %"), (1, 1000, "< 1 %"), (500, 1000, "50 %"), (999, 1000, "99 %"), (7, 7, "100 %")],
)
def test_a_share_is_never_all_before_all_is_done(part: int, whole: int, words: str) -> None:
    assert percent(part, whole) == words


def test_the_parts_of_a_bar_lie_side_by_side_and_fill_it() -> None:
    parts = bar(Tally(waiting=1, sending=1, accepted=5, failed=2, uncertain=1))

    assert [status for status, _, _ in parts] == ["accepted", "uncertain", "failed", "sending", "waiting"]
    assert [begins for _, begins, _ in parts] == [0, 50, 60, 80, 90]
    assert sum(width for _, _, width in parts) == 100
    assert bar(Tally()) == []


def test_one_failed_device_of_very_many_is_seen_in_a_bar() -> None:
    parts = bar(Tally(accepted=999_999, failed=1))

    assert parts[1][0] == "failed"
    assert parts[1][2] > 0.5
    assert round(sum(width for _, _, width in parts), 2) == 100


@pytest.mark.parametrize(
    ("status", "tally", "shown"),
    [
        (JobStatus.FINISHED, Tally(accepted=9), ("finished", "Finished")),
        (JobStatus.FINISHED, Tally(accepted=9, failed=22, uncertain=1), ("failures", "Finished, 22 failed")),
        (JobStatus.FINISHED, Tally(accepted=9, uncertain=12), ("failures", "Finished, 12 uncertain")),
        (JobStatus.FINISHED, Tally(failed=122), ("failed", "All failed")),
        (JobStatus.FINISHED, Tally(failed=1, uncertain=1), ("failed", "Finished, none of 2 accepted")),
        (JobStatus.STOPPED, Tally(waiting=4, failed=198), ("stopped", "Stopped, 198 failed")),
        (JobStatus.STOPPED, Tally(waiting=4), ("stopped", "Stopped")),
    ],
)
def test_an_end_with_failures_never_reads_as_a_success(status: JobStatus, tally: Tally, shown: tuple[str, str]) -> None:
    assert standing(status, tally) == shown


def test_a_moment_is_utc_for_the_page_to_turn_into_local_time() -> None:
    shown = time_tag(datetime(2026, 3, 2, 10, 0, 1, tzinfo=timezone(timedelta(hours=1))))

    assert 'datetime="2026-03-02T09:00:01.000Z"' in shown
    assert 'title="2026-03-02 09:00:01 UTC"' in shown


def test_figures_are_said_in_words() -> None:
    now = datetime(2026, 3, 2, tzinfo=UTC)

    assert headline(Tally(accepted=1)) == "1 of 1 device"
    assert headline(Tally(accepted=1000, waiting=1)) == "1,000 of 1,001 devices"
    assert left(now + timedelta(minutes=5), now) == "5 min 00 s"
    assert left(None, now) is None
    assert (per_second(9.96), per_second(None)) == ("10.0 a second", "no limit")
    assert as_limit(WriteLimit(200, timedelta(seconds=20))) == "200 in 20 s"
    assert as_limit(None) == "none"


def test_names_of_the_audit_log_are_shown_as_words() -> None:
    names = ("job.submitted", "sign-in.failed", "expiresAt")

    assert [in_words(name) for name in names] == ["Job submitted", "Sign-in failed", "Expires at"]
