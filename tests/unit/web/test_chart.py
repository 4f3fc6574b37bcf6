from __future__ import annotations

from datetime import UTC, datetime, timedelta

from orchestrator.domain.course import EventKind, Span, spans
from orchestrator.store.jobs.samples import Sample
from orchestrator.web.chart import HEIGHT, WIDTH, draw, pieces

BEGIN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


def samples(*settled: int, every: float = 5, limit: float | None = None) -> list[Sample]:
    return [Sample(at(every * n), done, done, limit) for n, done in enumerate(settled)]


def points(line: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (point.split(",") for point in line.split())]


def rates(some: list[Sample], *rests: Span) -> list[list[float]]:
    return [[piece.rate for piece in run] for run in pieces(some, rests)]


def test_a_rate_is_what_was_settled_between_two_samples() -> None:
    assert rates(samples(0, 50, 150, 150)) == [[10, 20, 0]]


def test_a_retry_of_the_count_never_shows_as_going_backwards() -> None:
    assert rates(samples(10, 5)) == [[0]]


def test_a_pause_is_a_gap_and_no_slope() -> None:
    paused = [*samples(0, 50, 100), Sample(at(600), 100, 100), Sample(at(605), 150, 150), Sample(at(610), 200, 200)]
    rest = Span(EventKind.PAUSED, at(11), at(599))

    assert rates(paused, rest) == [[10, 10], [10, 10]]


def test_a_short_pause_between_two_samples_is_a_gap_too_and_an_outage_is_none() -> None:
    some = samples(0, 50, 50, 100, 150)

    assert rates(some, Span(EventKind.PAUSED, at(6), at(8))) == [[10], [10, 10]]
    assert rates(some, Span(EventKind.OUTAGE, at(6), at(8))) == [[10, 0, 10, 10]]


def test_a_time_that_nobody_observed_is_a_gap() -> None:
    lost = [*samples(0, 50, 100, 150), Sample(at(900), 200, 200), Sample(at(905), 250, 250)]

    assert rates(lost) == [[10, 10, 10], [10]]


def test_the_line_stays_inside_and_each_limit_is_drawn_where_it_was() -> None:
    told = [*samples(0, 50, 150, limit=10), Sample(at(15), 150, 150, 20.0), Sample(at(20), 160, 160, 20.0)]

    chart = draw(told)

    assert chart is not None
    assert chart.top >= chart.highest == 20
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for line in chart.lines for x, y in points(line.line))
    assert points(chart.lines[-1].line)[-1][0] == WIDTH
    heights = [round(y, 1) for _, y in points(chart.limits[0])]
    assert heights == [round(HEIGHT - HEIGHT * limit / chart.top, 1) for limit in (10, 10, 10, 10, 20, 20, 20, 20)]
    assert chart.limit == 20
    assert chart.average == 8


def test_nothing_is_now_on_a_job_at_rest() -> None:
    still, moving = draw(samples(0, 50, 100), is_at_rest=True), draw(samples(0, 50, 100))

    assert still is not None
    assert moving is not None
    assert (still.latest, moving.latest) == (None, 10)


def test_a_moment_is_no_rate() -> None:
    some = [Sample(BEGIN, 0, 0), Sample(at(0.5), 20, 20), Sample(at(5), 50, 50), Sample(at(10), 100, 100)]

    assert rates([*some, Sample(at(10.4), 110, 110)]) == [[10, 60 / 5.4]]


def test_spans_are_marked_where_they_were() -> None:
    chart = draw(samples(0, 50, 100, 150, 200), spans=[Span(EventKind.BRAKED, at(10), None)])

    assert chart is not None
    assert [(band.kind, band.x, band.width) for band in chart.bands] == [(EventKind.BRAKED, WIDTH / 2, WIDTH / 2)]


def test_a_long_story_is_told_in_few_points_and_to_its_end() -> None:
    long = samples(*range(0, 100_000, 10))

    (told,) = pieces(long)

    assert len(told) <= 121
    assert told[-1].ends_at == long[-1].at
    assert all(abs(piece.rate - 2) < 0.001 for piece in told)


def test_too_little_is_not_drawn() -> None:
    assert draw([]) is None
    assert draw(samples(0)) is None
    assert draw(samples(0, 5)) is None


def test_spans_begin_and_end_with_what_happened() -> None:
    told = spans(
        [
            (at(1), EventKind.OUTAGE),
            (at(2), EventKind.OUTAGE_OVER),
            (at(3), EventKind.OUTAGE),
            (at(4), EventKind.PAUSED),
            (at(5), EventKind.RESUMED),
            (at(6), EventKind.BRAKED),
        ]
    )

    assert told == [
        Span(EventKind.OUTAGE, at(1), at(2)),
        Span(EventKind.OUTAGE, at(3), at(4)),
        Span(EventKind.PAUSED, at(4), at(5)),
        Span(EventKind.BRAKED, at(6), None),
    ]
    assert spans([(at(1), EventKind.PAUSED), (at(2), EventKind.ENDED)]) == [Span(EventKind.PAUSED, at(1), at(2))]
