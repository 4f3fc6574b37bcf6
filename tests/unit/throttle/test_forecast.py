from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.lane import GRAPH_WRITE_LIMIT, WriteLimit
from orchestrator.throttle.adaptation import Learned
from orchestrator.throttle.forecast import Ahead, LanePace, forecast, pace_of
from orchestrator.throttle.gcra import Pace, interval

OPEN = LanePace(10.0)
AT = 5000.0


def test_a_job_alone_takes_its_calls_at_the_pace_of_the_lane() -> None:
    assert forecast(Ahead(1000, 4), [], OPEN).seconds == 100.0


def test_a_small_job_beside_a_large_one_does_not_wait_for_it() -> None:
    beside = forecast(Ahead(20, 4), [Ahead(100_000, 4)], OPEN)

    assert beside.seconds == 4.0
    assert beside.ahead == 100_000


def test_a_large_job_waits_for_all_of_a_small_one_and_no_longer() -> None:
    assert forecast(Ahead(1000, 4), [Ahead(20, 4)], OPEN).seconds == 102.0


@pytest.mark.parametrize(("weight", "seconds"), [(16, 125.0), (4, 200.0), (1, 500.0)])
def test_weight_counts(weight: int, seconds: float) -> None:
    assert forecast(Ahead(1000, weight), [Ahead(1_000_000, 4)], OPEN).seconds == seconds


def test_a_closed_lane_opens_first() -> None:
    assert forecast(Ahead(100, 4), [], LanePace(10.0, opens_in=30.0)).seconds == 40.0


@pytest.mark.parametrize(("ends_in", "seconds"), [(10.0, 10.0), (9.9, None)])
def test_what_the_window_ends_before_is_not_promised(ends_in: float, seconds: float | None) -> None:
    told = forecast(Ahead(100, 4, ends_in=ends_in), [], OPEN)

    assert (told.seconds, told.per_second) == (seconds, 10.0)


def test_where_nothing_paces_nothing_is_promised() -> None:
    assert forecast(Ahead(100, 4), [], LanePace(None)).seconds is None


@given(
    st.integers(1, 10_000),
    st.lists(st.builds(Ahead, st.integers(0, 10_000), st.sampled_from([1, 4, 16])), max_size=6),
    st.sampled_from([1, 4, 16]),
)
def test_it_is_when_a_lane_that_serves_by_weight_is_done(calls: int, others: list[Ahead], weight: int) -> None:
    predicted = forecast(Ahead(calls, weight), others, LanePace(1.0)).seconds

    # One call after the other, always to whoever was served least by its weight.
    left, served, made = {0: calls, **{n: o.calls for n, o in enumerate(others, 1)}}, dict.fromkeys(range(7), 0.0), 0
    weights = [weight, *(other.weight for other in others)]
    while left[0]:
        place = min((job for job in left if left[job]), key=lambda job: (served[job] / weights[job], job))
        left[place] -= 1
        served[place] += 1
        made += 1

    assert predicted == pytest.approx(made, abs=16 * (len(others) + 1))


def test_the_pace_is_what_was_learned_of_the_limit() -> None:
    free, held = Pace(0.0), Pace(0.0, learned=Learned(0.5, held_since=AT))

    assert pace_of(GRAPH_WRITE_LIMIT, free, AT, None).per_second == pytest.approx(1 / interval(GRAPH_WRITE_LIMIT))
    assert pace_of(GRAPH_WRITE_LIMIT, held, AT, None).per_second == pytest.approx(0.5 / interval(GRAPH_WRITE_LIMIT))
    assert pace_of(GRAPH_WRITE_LIMIT, held, AT, 4.5).per_second == 4.5
    assert pace_of(GRAPH_WRITE_LIMIT, free, AT, 4.5).per_second == pytest.approx(1 / interval(GRAPH_WRITE_LIMIT))


def test_envelopes_are_as_slow_as_they_are() -> None:
    grouped = Pace(0.0, together=20)

    paced = pace_of(GRAPH_WRITE_LIMIT, grouped, AT, None)

    assert paced.per_second == pytest.approx(1 / interval(GRAPH_WRITE_LIMIT, 20))
    assert paced.per_second == pytest.approx(0.905 / interval(GRAPH_WRITE_LIMIT))


def test_a_limit_that_was_lowered_since_the_last_envelope_has_a_pace() -> None:
    lowered = WriteLimit(10, timedelta(seconds=1))

    assert pace_of(lowered, Pace(0.0, together=20), AT, None).per_second == pytest.approx(1 / interval(lowered))


def test_without_a_limit_the_pace_is_what_was_measured() -> None:
    assert pace_of(None, Pace(0.0), AT, 812.5).per_second == 812.5
    assert pace_of(None, Pace(0.0), AT, None).per_second is None


def test_a_closure_delays() -> None:
    limit = WriteLimit(10, timedelta(seconds=1))

    assert pace_of(limit, Pace(0.0, closed_until=AT + 12, closed_for=30), AT, None).opens_in == 12
