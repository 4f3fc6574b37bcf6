from __future__ import annotations

from datetime import UTC, datetime, timedelta

from orchestrator.usecases.jobs.sample_progress import is_sampled_at

STARTED = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def sampled(first: timedelta, last: timedelta) -> int:
    occurrences = (
        STARTED + first + timedelta(seconds=5 * step) for step in range(int((last - first).total_seconds() / 5))
    )
    return sum(is_sampled_at(instant, started_at=STARTED) for instant in occurrences)


def test_a_young_job_is_sampled_often_and_an_old_one_seldom() -> None:
    hour, day = timedelta(hours=1), timedelta(days=1)

    assert sampled(timedelta(0), hour) == 720
    assert sampled(hour, 2 * hour) == 60
    assert sampled(day, day + hour) == 6


def test_a_week_leaves_a_few_thousand_points() -> None:
    assert sampled(timedelta(0), timedelta(days=7)) < 3000
