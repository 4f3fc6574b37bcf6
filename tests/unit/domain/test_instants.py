from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.instants import parse_instant

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("24h", NOW - timedelta(days=1)),
        ("7d", NOW - timedelta(days=7)),
        ("1h30m", NOW - timedelta(minutes=90)),
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01T02:00", datetime(2026, 3, 1, 2, tzinfo=UTC)),
        ("2026-03-01T02:00:00+01:00", datetime(2026, 3, 1, 1, tzinfo=UTC)),
        ("2026-03-01T02:00Z", datetime(2026, 3, 1, 2, tzinfo=UTC)),
    ],
)
def test_a_moment_is_how_long_ago_a_day_or_a_time(text: str, expected: datetime) -> None:
    assert parse_instant(text, now=NOW) == expected


def test_a_time_without_an_offset_is_read_in_the_given_zone() -> None:
    berlin = timezone(timedelta(hours=1))

    assert parse_instant("2026-03-01T02:00", now=NOW, zone=berlin) == datetime(2026, 3, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "yesterday", "7", "99999999d", "0001-01-01T00:00+14:00"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(RequestRejected, match="is no time"):
        parse_instant(text, now=NOW)
