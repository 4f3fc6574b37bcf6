from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.simulator.windows import WINDOWS, FixedWindow, SlidingWindow, TokenBucket, WindowCounter, most_in_any


def waits(counter: WindowCounter, arrivals: list[float]) -> list[float]:
    return [round(counter.wait_after(arrival), 3) for arrival in arrivals]


@pytest.mark.parametrize(
    ("counter", "arrivals", "expected"),
    [
        (FixedWindow(2, 10), [1, 2, 3, 9.5, 10, 11, 12], [0, 0, 7, 0.5, 0, 0, 8]),
        (FixedWindow(2, 10), [9, 9.9, 10, 10.1], [0, 0, 0, 0]),
        (SlidingWindow(2, 10), [9, 9.9, 10, 19.85, 20], [0, 0, 9.9, 0.15, 0]),
        (SlidingWindow(2, 10), [0, 1, 10, 11], [0, 0, 0, 0]),
        (SlidingWindow(0, 10), [0, 100], [10, 10]),
        (TokenBucket(2, 10), [0, 0, 0, 5, 20], [0, 0, 10, 10, 0]),
        (TokenBucket(2, 10), [0, 5, 10, 15, 20], [0, 0, 0, 0, 0]),
    ],
)
def test_each_window_refuses_by_its_own_rule(
    counter: WindowCounter, arrivals: list[float], expected: list[float]
) -> None:
    assert waits(counter, arrivals) == expected


@pytest.mark.parametrize("window", sorted(WINDOWS))
def test_refused_calls_count_so_a_caller_that_hammers_gets_less(window: str) -> None:
    patient, hammering = WINDOWS[window](5, 10), WINDOWS[window](5, 10)

    passed_patiently = sum(patient.wait_after(second) == 0 for second in range(0, 100, 2))
    passed_hammering = sum(hammering.wait_after(tenth / 10) == 0 for tenth in range(1_000))

    assert passed_patiently == 50
    assert passed_hammering <= passed_patiently


@given(
    st.lists(st.floats(min_value=0, max_value=50), max_size=80).map(sorted),
    st.integers(min_value=1, max_value=10),
)
def test_a_sliding_window_never_lets_more_than_its_limit_through(arrivals: list[float], limit: int) -> None:
    counter = SlidingWindow(limit, 5)

    passed = [arrival for arrival in arrivals if counter.wait_after(arrival) == 0]

    assert most_in_any(passed, 5) <= limit


@given(st.lists(st.floats(min_value=0, max_value=50), max_size=60).map(sorted), st.floats(min_value=0.5, max_value=20))
def test_the_fullest_window_is_found_however_it_is_cut(arrivals: list[float], seconds: float) -> None:
    by_hand = max(
        (sum(1 for other in arrivals if other >= first and other - first < seconds) for first in arrivals), default=0
    )

    assert most_in_any(arrivals, seconds) == by_hand
