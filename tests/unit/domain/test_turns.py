from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.batching import Batching, together
from orchestrator.domain.ids import JobNumber
from orchestrator.domain.lane import GRAPH_WRITE_LIMIT
from orchestrator.domain.turn import Turn, Turns

WEIGHTS = st.lists(st.sampled_from([1, 4, 16]), min_size=1, max_size=8)


@given(WEIGHTS, st.integers(1, 5))
def test_calls_are_shared_by_weight_and_nobody_starves(weights: list[int], block: int) -> None:
    turns = Turns()
    turns.replace(Turn(JobNumber(number), 0.0, weight) for number, weight in enumerate(weights))
    served: Counter[JobNumber] = Counter()

    for _ in range(2000):
        job = turns.first()
        assert job is not None
        served[job] += block
        turns.note_served(job, block)

    for number, weight in enumerate(weights):
        share = 2000 * block * weight / sum(weights)
        assert served[JobNumber(number)] == pytest.approx(share, abs=block * 17)


def test_what_has_nothing_due_is_passed_over_until_it_has() -> None:
    turns = Turns()
    one, other = Turn(JobNumber(1), 0.0, 4), Turn(JobNumber(2), 5.0, 4)
    turns.replace([one, other])

    turns.drop(one.job)
    turns.correct(one)
    without = turns.first()
    turns.replace([one, other])

    assert (without, turns.first()) == (other.job, one.job)


def test_another_weight_counts_from_the_next_call() -> None:
    turns = Turns()
    turns.replace([Turn(JobNumber(1), 10.0, 4), Turn(JobNumber(2), 10.5, 4)])

    turns.correct(Turn(JobNumber(2), 10.5, 16))
    turns.note_served(JobNumber(1), 4)
    turns.note_served(JobNumber(2), 4)

    assert turns.first() == JobNumber(2)


@pytest.mark.parametrize(
    ("batching", "limit", "lanes", "round_trip", "expected"),
    [
        (Batching.OFF, None, 1000, 5.0, 1),
        (Batching.ON, None, 1, 0.0, 20),
        (Batching.ON, GRAPH_WRITE_LIMIT, 1, 0.0, 20),
        (Batching.AUTO, GRAPH_WRITE_LIMIT, 1, 0.1, 1),
        (Batching.AUTO, GRAPH_WRITE_LIMIT, 1, 30.0, 1),  # 300 under way are less than the 400 that may be
        (Batching.AUTO, GRAPH_WRITE_LIMIT, 1, 100.0, 3),
        (Batching.AUTO, GRAPH_WRITE_LIMIT, 1000, 0.1, 20),
        (Batching.AUTO, None, 1, 0.0, 1),
        (Batching.AUTO, None, 1, 0.05, 20),
    ],
)
def test_envelopes_are_taken_where_they_pay(
    batching: Batching, limit: object, lanes: int, round_trip: float, expected: int
) -> None:
    chosen = together(batching, limit, lanes=lanes, round_trip=round_trip, at_once=400)  # type: ignore[arg-type]

    assert chosen == expected
