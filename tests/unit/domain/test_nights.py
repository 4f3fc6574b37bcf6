from __future__ import annotations

from datetime import UTC, date, datetime

from orchestrator.domain.job import Tally
from orchestrator.domain.nights import begin_of_nights, last_nights, morning_of
from orchestrator.domain.zones import zone_of

BERLIN = zone_of("Europe/Berlin")
NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)


def test_a_night_is_from_noon_to_noon_of_the_readers_clock_and_named_by_its_morning() -> None:
    assert morning_of(datetime(2026, 11, 30, 11, 0, tzinfo=UTC), BERLIN) == date(2026, 12, 1)
    assert morning_of(datetime(2026, 11, 30, 10, 59, tzinfo=UTC), BERLIN) == date(2026, 11, 30)
    assert morning_of(datetime(2026, 11, 30, 10, 59, tzinfo=UTC), zone_of("Asia/Kolkata")) == date(2026, 12, 1)


def test_each_job_counts_in_one_night_and_what_is_older_in_none() -> None:
    outcomes = [
        (datetime(2026, 12, 1, 1, 0, tzinfo=UTC), Tally(accepted=5, failed=1)),
        (datetime(2026, 11, 30, 22, 0, tzinfo=UTC), Tally(accepted=2)),
        (datetime(2026, 11, 30, 1, 0, tzinfo=UTC), Tally(uncertain=3)),
        (datetime(2026, 11, 1, 1, 0, tzinfo=UTC), Tally(accepted=900)),
    ]
    missed = [(datetime(2026, 11, 29, 1, 0, tzinfo=UTC), "nightly")]

    nights = last_nights(outcomes, missed, now=NOW, zone=BERLIN, count=3)

    assert [night.morning for night in nights] == [date(2026, 11, 29), date(2026, 11, 30), date(2026, 12, 1)]
    assert [night.tally for night in nights] == [Tally(), Tally(uncertain=3), Tally(accepted=7, failed=1)]
    assert [night.missed for night in nights] == [("nightly",), (), ()]
    assert begin_of_nights(NOW, BERLIN, count=3) == datetime(2026, 11, 28, 11, 0, tzinfo=UTC)


def test_a_night_in_which_the_clocks_move_loses_nothing() -> None:
    now = datetime(2026, 10, 25, 9, 0, tzinfo=UTC)
    outcomes = [(datetime(2026, 10, 25, hour, 30, tzinfo=UTC), Tally(accepted=1)) for hour in range(4)]

    nights = last_nights(outcomes, [], now=now, zone=BERLIN, count=2)

    assert nights[-1].tally.accepted == 4
