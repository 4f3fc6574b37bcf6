from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.domain.lane import GRAPH_WRITE_LIMIT
from orchestrator.throttle.adaptation import Learned
from orchestrator.throttle.gcra import (
    LEARNED_FIELDS,
    LONGEST_COOLDOWN,
    OWN_FIELDS,
    PERMIT_LIFE,
    TRAVEL_SPREAD,
    Pace,
    Refusal,
    close,
    grant,
    is_believable,
    lost_past,
    unknown_past,
)
from orchestrator.throttle.pace_bounds import FAR, LEAST_AND_MOST, TIMES

NOW = 1_700_000_000.0
WINDOW = GRAPH_WRITE_LIMIT.window.total_seconds() + PERMIT_LIFE + TRAVEL_SPREAD


def with_value(field: str, value: Any) -> Pace:
    pace = unknown_past(NOW)
    if field in OWN_FIELDS:
        return replace(pace, **{field: value})
    return replace(pace, learned=replace(pace.learned, **{field: value}))


def test_every_field_that_is_stored_has_bounds() -> None:
    assert {*TIMES, *LEAST_AND_MOST} == {*OWN_FIELDS, *LEARNED_FIELDS}


@pytest.mark.parametrize("field", [*OWN_FIELDS, *LEARNED_FIELDS])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e300, -7.0])
def test_one_value_that_cannot_be_right_closes_the_lane_for_a_window(field: str, value: float) -> None:
    poisoned = with_value(field, value)

    pace, granted = grant(poisoned, NOW, 100, GRAPH_WRITE_LIMIT)
    refused = close(poisoned, NOW, Refusal(1.0), GRAPH_WRITE_LIMIT, 0.0)
    _, later = grant(pace, NOW + WINDOW + 0.5, 100, GRAPH_WRITE_LIMIT)

    assert not is_believable(poisoned, NOW)
    assert granted.departures == ()
    assert pace.closed_until == pytest.approx(NOW + WINDOW)
    assert refused.closed_until == pytest.approx(NOW + WINDOW)
    assert later.departures


@pytest.mark.parametrize(
    "pace",
    [
        Pace(0.0),
        unknown_past(NOW),
        lost_past(NOW, GRAPH_WRITE_LIMIT),
        close(unknown_past(NOW), NOW, Refusal(10 * LONGEST_COOLDOWN), GRAPH_WRITE_LIMIT, 1.0),
        close(unknown_past(NOW), NOW, Refusal(None), None, 1.0),
        # The clock was put back by hours, and what was learned is an old story.
        Pace(NOW + FAR / 2, learned=Learned(0.5, NOW - 1e8, NOW - 1e8)),
    ],
)
def test_what_the_throttle_itself_writes_is_believed(pace: Pace) -> None:
    assert is_believable(pace, NOW)
