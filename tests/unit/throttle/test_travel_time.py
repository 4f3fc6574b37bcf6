"""What the throttle assumes of the road, watched."""

from __future__ import annotations

import pytest

from orchestrator.domain.lane import LaneCalls
from orchestrator.throttle.gcra import TRAVEL_SPREAD
from orchestrator.throttle.travel_time import Travel, assumption


@pytest.mark.parametrize(
    ("answers", "late"),
    [
        ([0.1, 0.39, 0.41], [False, False, True]),
        # The quickest comes last: what was not late by what was known then stays so.
        ([0.5, 0.5, 0.1, 0.5], [False, False, False, True]),
        # A long road is no spread.
        ([2.0, 2.2, 2.1], [False, False, False]),
    ],
)
def test_an_answer_is_late_beyond_the_quickest_and_what_is_assumed(answers: list[float], late: list[bool]) -> None:
    travel = Travel()

    assert TRAVEL_SPREAD == 0.3
    assert [travel.is_late(took, now) for now, took in enumerate(answers)] == late


def test_a_road_that_became_longer_is_the_usual_one_after_two_minutes() -> None:
    travel = Travel()
    travel.is_late(0.1, 0.0)

    assert [travel.is_late(0.6, now) for now in (59.0, 61.0, 119.0, 122.0, 183.0)] == [True, True, True, False, False]


def test_what_is_assumed_is_said_with_what_was_seen() -> None:
    assert assumption(LaneCalls()) == "no call travels over 0.3 s longer than another"
    assert assumption(LaneCalls(10)).endswith("; so it was in the last hour")
    assert "; 1,200 of 5,000 answers came so much later in the last hour" in assumption(LaneCalls(5000, 0, 1200))
