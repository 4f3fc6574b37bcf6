from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import inf, nan

import pytest

from orchestrator.graph.waits import longest_wait

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
IN_A_MINUTE = "Mon, 02 Mar 2026 09:01:00 GMT"


@pytest.mark.parametrize(
    ("hint", "seconds"),
    [
        ("10", 10),
        (" 10 ", 10),
        ("2.128", 2.128),
        ("3.", 3),
        (IN_A_MINUTE, 60),
        ("2026-03-02T09:00:30Z", 30),
        ("00:00:05", 5),
        ("00:01:05.5", 65.5),
        ("1.00:00:00", 3600),
        ("5, 12", 12),
        (7, 7),
        (7.5, 7.5),
        ("99999999999999", 3600),
        (10**400, 3600),
        (inf, 3600),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600),
    ],
)
def test_every_form_of_a_wait_is_read(hint: object, seconds: float) -> None:
    assert longest_wait([hint], date=None, now=NOW) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "hint",
    [
        None, "", "0", 0, "-5", -5, "soon", "soon, \xfc", "1e3", "12:99", "NaN", nan, -inf, True, [], {}, "٣",
        "Mon, 02 Mar 2026 08:59:00 GMT", "1" * 200, "Mon, 99 Foo 2026 25:61:00 GMT",
    ],
)  # fmt: skip
def test_what_names_no_time_to_come_is_no_wait(hint: object) -> None:
    assert longest_wait([hint], date=None, now=NOW) is None


def test_the_longest_of_all_hints_counts() -> None:
    assert longest_wait(["5", 20, "00:00:10", None], date=None, now=NOW) == timedelta(seconds=20)


def test_a_date_counts_from_the_clock_of_whoever_wrote_it() -> None:
    wait = longest_wait([IN_A_MINUTE], date="Mon, 02 Mar 2026 09:00:48 GMT", now=NOW)

    assert wait == timedelta(seconds=12)


def test_a_date_counts_from_now_where_the_reply_bears_none_that_can_be_read() -> None:
    assert longest_wait([IN_A_MINUTE], date="yesterday", now=NOW) == timedelta(seconds=60)
