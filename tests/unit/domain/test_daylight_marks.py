"""What a preview says of moments around a move of the clocks."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from orchestrator.domain.recurrence import Cron, Every, daylight_mark, first_occurrences


def marks(expression: str, zone: str, start: str, count: int) -> list[str | None]:
    cron = Cron(expression, zone)
    occurrences = first_occurrences(cron, datetime.fromisoformat(start) - timedelta(microseconds=1), count)
    return [
        mark and mark.removeprefix("daylight saving: ") for mark in (daylight_mark(cron, each) for each in occurrences)
    ]


@pytest.mark.parametrize(
    ("expression", "zone", "start", "expected"),
    [
        ("30 2 * * *", "Europe/Berlin", "2026-03-29T00:00Z", ["02:30 does not exist, so it runs at 03:00", None]),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T00:00Z", ["02:30 comes twice, and it runs the first time", None]),
        ("0 * * * *", "Europe/Berlin", "2026-03-29T00:00Z", [None, None, None]),
        ("0 * * * *", "Europe/Berlin", "2026-10-25T00:00Z", ["02:00 for the first time", "02:00 for the second time"]),
        ("0 */2 * * *", "Europe/Berlin", "2026-03-28T23:00Z", [None, "3 h 00 min after the run before", None]),
        (
            "0 */2 * * *",
            "Europe/Berlin",
            "2026-10-25T00:00Z",
            ["02:00 for the first time", "02:00 for the second time, 1 h 00 min after the run before", None],
        ),
        ("0 */4 * * *", "Europe/Berlin", "2026-10-24T22:00Z", [None, "5 h 00 min after the run before", None]),
        ("0 * * * *", "Australia/Lord_Howe", "2026-10-03T14:30Z", [None, "1 h 30 min after the run before", None]),
        ("*/10 * * * *", "Australia/Lord_Howe", "2026-10-03T15:20Z", [None, None, None]),
        ("0 * 31 12 *", "Europe/Berlin", "2026-12-30T23:00Z", [None, None]),
    ],
)
def test_a_moment_that_is_not_as_on_other_days_says_so(
    expression: str, zone: str, start: str, expected: list[str | None]
) -> None:
    assert marks(expression, zone, start, len(expected)) == expected


def test_a_first_run_after_months_has_no_unusual_distance() -> None:
    # Where the 30th of December 2011 never was, the 31st began as the clocks moved.
    assert marks("0 * 31 12 *", "Pacific/Apia", "2011-12-30T10:00Z", 2) == [None, None]


def test_every_so_often_is_marked_only_where_the_clocks_show_it_twice() -> None:
    every = Every(timedelta(hours=2), datetime.fromisoformat("2026-10-24T23:00Z"), "Europe/Berlin")

    found = [daylight_mark(every, each) for each in first_occurrences(every, every.beginning, 2)]

    assert found == ["daylight saving: 02:00 for the second time", None]
