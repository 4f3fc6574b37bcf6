from __future__ import annotations

import pytest

from orchestrator.domain.blackout import parse_blackout
from orchestrator.web.blackout_pages import as_read


@pytest.mark.parametrize(
    ("written", "first", "last"),
    [
        ("2026-12-24..2027-01-02", "24 Dec 2026", "2 Jan 2027"),
        ("2026-12-24T18:00..2026-12-25T06:00", "24 Dec 2026, 18:00", "25 Dec 2026, 06:00"),
    ],
)
def test_bounds_of_a_blackout_are_read_as_days_and_local_times(written: str, first: str, last: str) -> None:
    assert as_read(parse_blackout(written, None)) == (first, last)


def test_bounds_with_a_zone_are_shown_by_the_readers_clock() -> None:
    first, _ = as_read(parse_blackout("2026-12-24T18:00+01:00..2026-12-25T06:00+01:00", None))

    assert 'datetime="2026-12-24T17:00:00' in first
