from __future__ import annotations

from datetime import UTC, datetime, timedelta

from orchestrator.store.samples import Sample
from orchestrator.web.chart import HEIGHT, WIDTH, draw, rates

BEGIN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def samples(*settled: int, every: float = 5) -> list[Sample]:
    return [Sample(BEGIN + timedelta(seconds=every * n), done, done) for n, done in enumerate(settled)]


def points(line: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (point.split(",") for point in line.split())]


def test_a_rate_is_what_was_settled_between_two_samples() -> None:
    assert [rate for _, rate in rates(samples(0, 50, 150, 150))] == [10, 20, 0]


def test_a_retry_of_the_count_never_shows_as_going_backwards() -> None:
    assert [rate for _, rate in rates(samples(10, 5))] == [0]


def test_the_line_stays_inside_and_the_limit_is_drawn_where_it_is() -> None:
    chart = draw(samples(0, 50, 150, 150), limit=10)

    assert chart is not None
    assert chart.limit_at == HEIGHT - HEIGHT * 10 / chart.top
    assert chart.top >= chart.highest == 20
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points(chart.line))
    assert points(chart.line)[-1] == (WIDTH, HEIGHT)


def test_a_long_story_is_told_in_few_points_and_to_its_end() -> None:
    long = samples(*range(0, 100_000, 10))

    told = rates(long)

    assert len(told) <= 121
    assert told[-1][0] == long[-1].at
    assert all(abs(rate - 2) < 0.001 for _, rate in told)


def test_too_little_is_not_drawn() -> None:
    assert draw([], limit=10) is None
    assert draw(samples(0), limit=10) is None
    assert draw(samples(0, 5), limit=None) is None
