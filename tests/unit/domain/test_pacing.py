from __future__ import annotations

from datetime import timedelta

import pytest

from orchestrator.domain.lane import GRAPH_WRITE_LIMIT, WriteLimit
from orchestrator.domain.pacing import (
    FORGIVEN_AFTER,
    HORIZON,
    LEAD,
    LONGEST_CLOSURE,
    PERMIT_LIFE,
    Grant,
    Pace,
    close,
    grant,
    interval,
    localise,
    unknown_past,
)

QUIET = Pace(last_departure=0.0)
NOW = 1000.0


def test_departures_are_spaced_and_never_a_burst() -> None:
    gap = interval(GRAPH_WRITE_LIMIT)

    pace, granted = grant(QUIET, NOW, 3, GRAPH_WRITE_LIMIT)

    assert granted.departures == pytest.approx((NOW + LEAD, NOW + LEAD + gap, NOW + LEAD + 2 * gap))
    assert pace.last_departure == granted.departures[-1]


def test_nothing_is_granted_beyond_the_horizon() -> None:
    _, granted = grant(QUIET, NOW, 1000, GRAPH_WRITE_LIMIT)

    assert len(granted.departures) == 5
    assert granted.departures[-1] <= NOW + HORIZON


def test_asking_again_at_the_named_moment_loses_no_turn() -> None:
    pace, first = grant(QUIET, NOW, 1000, GRAPH_WRITE_LIMIT)

    _, second = grant(pace, first.ask_again_at, 1000, GRAPH_WRITE_LIMIT)

    gap = interval(GRAPH_WRITE_LIMIT)
    assert second.departures[0] == pytest.approx(first.departures[-1] + gap)


def test_where_nothing_fits_nothing_is_taken() -> None:
    busy = Pace(last_departure=NOW + HORIZON)

    pace, granted = grant(busy, NOW, 10, GRAPH_WRITE_LIMIT)

    assert pace == busy
    assert granted.departures == ()
    assert NOW < granted.ask_again_at <= NOW + HORIZON


def test_after_lost_state_what_others_may_have_been_granted_is_waited_for() -> None:
    _, at_once = grant(unknown_past(NOW), NOW, 10, GRAPH_WRITE_LIMIT)
    _, later = grant(unknown_past(NOW), NOW + 0.3, 10, GRAPH_WRITE_LIMIT)

    assert at_once.departures == ()
    assert later.departures[0] >= NOW + HORIZON + interval(GRAPH_WRITE_LIMIT)


def test_without_a_limit_everything_may_leave_at_once() -> None:
    pace, granted = grant(QUIET, NOW, 3, None)

    assert granted == Grant((NOW, NOW, NOW), NOW, 0.0)
    assert pace == QUIET


@pytest.mark.parametrize("limit", [GRAPH_WRITE_LIMIT, None])
def test_a_closed_lane_grants_nothing_and_says_until_when(limit: WriteLimit | None) -> None:
    closed = close(QUIET, NOW, 30.0, 0.5)

    _, granted = grant(closed, NOW + 29.9, 10, limit)

    assert granted == Grant((), NOW + 30, NOW + 30)


def test_a_closed_lane_opens_without_a_burst() -> None:
    closed = close(QUIET, NOW, 30.0, 0.5)

    _, granted = grant(closed, NOW + 30, 1000, GRAPH_WRITE_LIMIT)

    assert len(granted.departures) == 5


@pytest.mark.parametrize(("refusals", "shortest"), [(0, 2.0), (1, 4.0), (2, 8.0), (4, 32.0), (9, 60.0), (5000, 60.0)])
def test_a_wait_that_nobody_named_doubles_with_each_refusal(refusals: int, shortest: float) -> None:
    pace = Pace(0.0, closed_until=NOW, refusals=refusals)

    assert close(pace, NOW, None, 0.0).closed_until == NOW + shortest
    assert close(pace, NOW, None, 1.0).closed_until == NOW + shortest * 1.25


def test_many_refusals_of_one_moment_count_as_one() -> None:
    once = close(QUIET, NOW, None, 0.0)

    twice = close(once, NOW + 0.1, None, 0.0)

    assert twice.refusals == once.refusals == 1


def test_the_longest_wait_that_was_named_holds() -> None:
    assert close(close(QUIET, NOW, 60, 0), NOW, 1, 0).closed_until == NOW + 60


def test_refusals_are_forgotten_while_the_lane_stays_open() -> None:
    refused = Pace(0.0, closed_until=NOW, refusals=3)

    still, _ = grant(refused, NOW + FORGIVEN_AFTER, 1, GRAPH_WRITE_LIMIT)
    forgotten, _ = grant(refused, NOW + FORGIVEN_AFTER + 1, 1, GRAPH_WRITE_LIMIT)

    assert (still.refusals, forgotten.refusals) == (3, 0)


@pytest.mark.parametrize(
    "damaged", [Pace(NOW + 1e9), Pace(0.0, closed_until=NOW + 1e9), Pace(NOW + 1e9, closed_until=NOW + 1e9, refusals=7)]
)
def test_a_clock_that_jumped_closes_no_lane_for_ever(damaged: Pace) -> None:
    pace, _ = grant(damaged, NOW, 1, GRAPH_WRITE_LIMIT)

    _, granted = grant(pace, NOW + LONGEST_CLOSURE + 2, 1, GRAPH_WRITE_LIMIT)

    assert len(granted.departures) == 1


def test_a_permit_is_worth_nothing_after_a_round_trip_longer_than_its_life() -> None:
    granted = Grant((NOW + LEAD,), NOW, 0.0)

    permits = localise(granted, granted_at=NOW, asked_at=5.0, answered_at=5.0 + PERMIT_LIFE + 0.01)

    assert permits.each[0].latest < permits.each[0].earliest


def test_a_closure_is_told_on_the_askers_clock() -> None:
    granted = Grant((), NOW + 30, NOW + 30)

    permits = localise(granted, granted_at=NOW, asked_at=5.0, answered_at=6.0)

    assert permits.closed_until == permits.ask_again_at == 36.0


def test_one_call_in_a_long_window_is_paced_too() -> None:
    limit = WriteLimit(1, timedelta(seconds=20))

    pace, first = grant(QUIET, NOW, 10, limit)
    _, second = grant(pace, first.ask_again_at, 10, limit)

    assert len(first.departures) == 1
    assert second.departures[0] - first.departures[0] > 20
