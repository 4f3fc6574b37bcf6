from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from orchestrator.domain.job import Tally
from orchestrator.domain.nights import Night
from orchestrator.domain.zones import zone_of
from orchestrator.usecases.operations.describe_overview import PlannedRun, PlannedSchedule
from orchestrator.web.nights_chart import HEIGHT, draw_nights
from orchestrator.web.time_axis import draw_axis

NOW = datetime(2026, 12, 1, 13, 1, tzinfo=UTC)


def test_failures_stand_on_the_baseline_and_the_parts_of_a_bar_make_its_height() -> None:
    nights = [
        Night(date(2026, 11, 30), Tally(accepted=90, failed=10)),
        Night(date(2026, 12, 1), Tally(accepted=200), ("nightly",)),
    ]

    chart = draw_nights(nights)

    assert chart is not None
    first = chart.bars[0]
    assert [part.status for part in first.parts] == ["failed", "accepted"]
    assert first.parts[0].y + first.parts[0].height == HEIGHT
    assert first.share == "10 %"
    assert chart.bars[1].share == ""
    assert "missed: nightly" in chart.bars[1].words
    assert chart.missed
    assert all(bar.x + bar.width <= 100 for bar in chart.bars)


def test_a_night_of_which_devices_are_left_or_cancelled_says_so() -> None:
    chart = draw_nights([Night(date(2026, 12, 1), Tally(waiting=3, sending=1, accepted=90, cancelled=6))])

    assert chart is not None
    assert chart.outcomes == {"accepted", "cancelled", "waiting"}
    assert chart.bars[0].words.endswith("90 accepted, 6 cancelled, 4 not called yet")


def test_nights_without_any_job_are_no_chart() -> None:
    assert draw_nights([Night(date(2026, 12, 1), Tally())]) is None


@pytest.mark.parametrize("most", [1, 7, 42, 999, 14_206, 1_000_000])
def test_the_axis_of_nights_reaches_above_the_highest_bar_in_few_steps(most: int) -> None:
    chart = draw_nights([Night(date(2026, 12, 1), Tally(accepted=most))])

    assert chart is not None
    assert 2 <= len(chart.lines) <= 6
    assert min(part.y for part in chart.bars[0].parts) >= 0


def test_runs_stand_on_the_axis_by_the_readers_clock() -> None:
    at = datetime(2026, 12, 2, 1, 0, tzinfo=UTC)
    run = PlannedRun(at, at + timedelta(minutes=16), at + timedelta(hours=4))
    blackout = (at + timedelta(hours=6), at + timedelta(hours=9), "payroll")
    plan = [PlannedSchedule("nightly", 9410, (run,), (blackout,), is_frequent=False)]

    axis = draw_axis(plan, NOW, zone_of("Europe/Berlin"))

    drawn = axis.rows[0].runs[0]
    assert drawn.label == "02:00, about 16 min 00 s, until 06:00"
    assert 49 < drawn.x < 51
    assert drawn.window > drawn.width
    assert [tick.label for tick in axis.ticks if tick.is_midnight] == ["Wed 2 Dec"]
    assert axis.devices == 9410


def test_many_runs_of_a_schedule_are_one_short_drawing_whose_first_eight_are_told() -> None:
    runs = tuple(PlannedRun(NOW + timedelta(minutes=30 * n), None, None) for n in range(1, 48))

    row = draw_axis([PlannedSchedule("often", 9, runs, (), is_frequent=False)], NOW, zone_of("UTC")).rows[0]

    ((kind, path),) = row.strokes
    assert (kind, path.count("M"), row.runs) == ("run", 47, ())
    assert row.words.endswith("; and 39 more")
    assert len(path) < 600
