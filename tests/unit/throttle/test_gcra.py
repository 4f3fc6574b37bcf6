from __future__ import annotations

from datetime import timedelta

import pytest

from orchestrator.domain.lane import GRAPH_WRITE_LIMIT, WriteLimit
from orchestrator.throttle.adaptation import Learned
from orchestrator.throttle.gcra import (
    HORIZON,
    LEAD,
    LONGEST_COOLDOWN,
    LONGEST_LEAD,
    LONGEST_REACH,
    PERMIT_LIFE,
    PROBE,
    SETTLED,
    Grant,
    Pace,
    Refusal,
    close,
    contradicts,
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

    assert len(granted.departures) == 3
    assert granted.departures[-1] <= NOW + HORIZON


def test_a_group_leaves_at_once_and_takes_as_many_turns_as_it_has_calls() -> None:
    gap = interval(GRAPH_WRITE_LIMIT, together=5)

    pace, granted = grant(QUIET, NOW, 1000, GRAPH_WRITE_LIMIT, together=5)
    _, next_one = grant(pace, NOW + 10 * gap, 5, GRAPH_WRITE_LIMIT, together=5)

    # Its first group makes up for the single calls before it, which stood closer together.
    first = NOW + LEAD
    assert granted.departures == pytest.approx((first,) * 5)
    assert next_one.departures[0] >= first + 5 * gap
    assert gap == pytest.approx(interval(GRAPH_WRITE_LIMIT) * 200 / 196)


@pytest.mark.parametrize(("before", "together", "turns"), [(1, 5, 5), (5, 5, 1), (5, 2, 1)])
def test_a_group_larger_than_the_one_before_it_waits_for_the_turns_of_its_further_calls(
    before: int, together: int, turns: int
) -> None:
    gap = interval(GRAPH_WRITE_LIMIT, together)
    pace = Pace(last_departure=NOW, together=before)

    _, granted = grant(pace, NOW + (turns - 1) * gap - LEAD, together, GRAPH_WRITE_LIMIT, together)

    assert granted.departures[0] == pytest.approx(NOW + turns * gap)


@pytest.mark.parametrize(
    ("ahead", "is_lost"), [(0.0, False), (0.1, True), (LONGEST_REACH, True), (LONGEST_REACH + 0.1, False)]
)
def test_a_pace_that_is_older_than_a_permit_granted_from_it_lost_others_too(ahead: float, *, is_lost: bool) -> None:
    # Beyond the longest reach the permit was granted on a clock that was set back since.
    assert contradicts(Pace(last_departure=NOW), NOW + ahead, NOW) is is_lost


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
    _, later = grant(unknown_past(NOW), NOW + 0.2, 10, GRAPH_WRITE_LIMIT)

    assert at_once.departures == ()
    assert later.departures[0] >= NOW + HORIZON + interval(GRAPH_WRITE_LIMIT)


def test_without_a_limit_everything_may_leave_at_once() -> None:
    pace, granted = grant(QUIET, NOW, 3, None)

    assert granted == Grant((NOW, NOW, NOW), NOW, 0.0)
    assert pace == QUIET


@pytest.mark.parametrize("limit", [GRAPH_WRITE_LIMIT, None])
def test_a_closed_lane_grants_nothing_and_says_until_when(limit: WriteLimit | None) -> None:
    closed = close(QUIET, NOW, Refusal(30.0), GRAPH_WRITE_LIMIT, 0.5)

    _, granted = grant(closed, NOW + 29.9, 10, limit)

    assert granted == Grant((), NOW + 30, NOW + 30)


def test_a_lane_opens_with_one_call_that_looks_whether_it_really_did() -> None:
    closed = close(QUIET, NOW, Refusal(30.0), GRAPH_WRITE_LIMIT, 0.5)

    opened, first = grant(closed, NOW + 30, 1000, GRAPH_WRITE_LIMIT)
    looking, second = grant(opened, NOW + 30.1, 1000, GRAPH_WRITE_LIMIT)
    _, third = grant(looking, second.ask_again_at, 1000, GRAPH_WRITE_LIMIT)

    assert len(first.departures) == 1
    assert second == Grant((), NOW + 30 + PROBE, 0.0)
    assert third.departures


def test_an_unpaced_lane_opens_with_one_call_as_well() -> None:
    closed = close(QUIET, NOW, Refusal(30.0), None, 0.5)

    opened, first = grant(closed, NOW + 30, 1000, None)
    looking, second = grant(opened, NOW + 30.1, 1000, None)
    _, third = grant(looking, NOW + 30 + PROBE, 1000, None)

    assert [len(each.departures) for each in (first, second, third)] == [1, 0, 1000]


@pytest.mark.parametrize(("refusals", "shortest"), [(0, 2.0), (1, 4.0), (2, 8.0), (4, 32.0), (9, 60.0), (5000, 60.0)])
def test_a_wait_that_nobody_named_doubles_with_each_refusal_in_a_row(refusals: int, shortest: float) -> None:
    pace = Pace(0.0, closed_until=NOW, refusals=refusals)

    assert close(pace, NOW, Refusal(None), None, 0.0).closed_until == NOW + shortest
    assert close(pace, NOW, Refusal(None), None, 1.0).closed_until == NOW + shortest * 1.25


def test_a_named_wait_that_was_too_short_is_made_longer() -> None:
    first = close(QUIET, NOW, Refusal(1.0), GRAPH_WRITE_LIMIT, 0.0)

    second = close(first, first.closed_until + 0.1, Refusal(1.0), GRAPH_WRITE_LIMIT, 0.0)
    third = close(second, second.closed_until + PROBE + SETTLED, Refusal(1.0), GRAPH_WRITE_LIMIT, 0.0)

    assert [each.closed_for for each in (first, second, third)] == [1.0, 2.0, 1.0]
    assert [each.refusals for each in (first, second, third)] == [1, 2, 1]


@pytest.mark.parametrize("left_after", [0.05, PROBE + 0.05])
def test_a_named_wait_is_not_doubled_by_a_refusal_soon_after_the_lane_opened(left_after: float) -> None:
    first = close(QUIET, NOW, Refusal(2.0), GRAPH_WRITE_LIMIT, 1.0)

    left_at = first.closed_until + left_after
    second = close(first, left_at + 0.1, Refusal(2.0, ago=0.1), GRAPH_WRITE_LIMIT, 0.0)

    assert second.closed_for == 2.0


def test_a_service_that_starts_its_wait_over_when_asked_early_is_asked_later_each_time() -> None:
    pace = QUIET
    waits: list[float] = []

    for _ in range(6):
        pace = close(pace, pace.closed_until + 0.1 if waits else NOW, Refusal(2.0), GRAPH_WRITE_LIMIT, 0.0)
        waits.append(pace.closed_for)

    assert waits == [2.0, 2.0, 4.0, 8.0, 16.0, 30.0]


def test_many_refusals_of_one_moment_count_as_one() -> None:
    once = close(QUIET, NOW, Refusal(None), GRAPH_WRITE_LIMIT, 0.0)

    twice = close(once, NOW + 0.1, Refusal(None), GRAPH_WRITE_LIMIT, 0.0)

    assert twice == once


def test_the_longest_wait_that_was_named_holds() -> None:
    closed = close(QUIET, NOW, Refusal(60), GRAPH_WRITE_LIMIT, 0)

    assert close(closed, NOW, Refusal(1), GRAPH_WRITE_LIMIT, 0).closed_until == NOW + 60
    assert close(closed, NOW, Refusal(90), GRAPH_WRITE_LIMIT, 0).closed_until == NOW + 90


def test_an_answer_to_a_call_from_before_the_last_closure_teaches_nothing() -> None:
    reopened = close(QUIET, NOW, Refusal(2.0), GRAPH_WRITE_LIMIT, 0)

    late = close(reopened, NOW + 10, Refusal(None, ago=9.0), GRAPH_WRITE_LIMIT, 0)
    late_with_a_wait = close(reopened, NOW + 10, Refusal(5.0, ago=9.0), GRAPH_WRITE_LIMIT, 0)

    assert late == reopened
    assert late_with_a_wait.closed_until == NOW + 15
    assert late_with_a_wait.learned == reopened.learned


def test_a_clock_that_went_back_closes_the_lane_for_no_longer_than_it_was_closed() -> None:
    closed = close(QUIET, NOW, Refusal(30.0), GRAPH_WRITE_LIMIT, 0)

    _, granted = grant(closed, NOW - 600, 1, GRAPH_WRITE_LIMIT)

    assert granted.closed_until == NOW - 570


@pytest.mark.parametrize(
    "damaged",
    [
        Pace(NOW + 1e9),
        Pace(0.0, closed_until=NOW + 1e9, closed_for=LONGEST_COOLDOWN),
        Pace(NOW + 1e9, closed_until=NOW + 1e9, refusals=7),
        Pace(0.0, learned=Learned(0.5, held_since=NOW + 1e9, counted_from=NOW + 1e9, counted=9)),
    ],
)
def test_a_clock_that_jumped_closes_no_lane_for_ever(damaged: Pace) -> None:
    pace, _ = grant(damaged, NOW, 1, GRAPH_WRITE_LIMIT)

    _, granted = grant(pace, NOW + LONGEST_COOLDOWN + 2, 1, GRAPH_WRITE_LIMIT)

    assert len(granted.departures) == 1


def test_a_permit_is_worth_nothing_after_a_round_trip_longer_than_its_life() -> None:
    granted = Grant((NOW + LEAD,), NOW, 0.0)

    permits = localise(granted, granted_at=NOW, asked_at=5.0, answered_at=5.0 + PERMIT_LIFE + 0.01)

    assert permits.each[0].latest < permits.each[0].earliest


def test_a_closure_is_told_on_the_actors_clock() -> None:
    granted = Grant((), NOW + 30, NOW + 30)

    permits = localise(granted, granted_at=NOW, asked_at=5.0, answered_at=6.0)

    assert permits.closed_until == permits.ask_again_at == 36.0


def test_one_call_in_a_long_window_is_paced_too() -> None:
    limit = WriteLimit(1, timedelta(seconds=20))

    pace, first = grant(QUIET, NOW, 10, limit)
    _, second = grant(pace, first.ask_again_at, 10, limit)

    assert len(first.departures) == 1
    assert second.departures[0] - first.departures[0] > 20


def test_whoever_asks_less_far_ahead_than_another_finds_a_slot_as_well() -> None:
    pace = Pace(last_departure=0.0)
    calls, now = {LEAD: 0, 0.3: 0}, 100.0
    asks_at = dict.fromkeys(calls, now)

    while now < 160.0:
        lead = min(asks_at, key=lambda each: asks_at[each])
        now = max(now, asks_at[lead])
        pace, granted = grant(pace, now, 200, GRAPH_WRITE_LIMIT, lead=lead)
        assert all(departure <= now + LONGEST_REACH for departure in granted.departures)
        calls[lead] += len(granted.departures)
        asks_at[lead] = max(granted.ask_again_at, now + 0.01)

    assert calls[LEAD] > 30
    assert sum(calls.values()) > 0.95 * 60 / interval(GRAPH_WRITE_LIMIT)


def test_a_slow_moment_makes_nobody_reach_further_for_long() -> None:
    pace, granted = grant(Pace(last_departure=0.0), 100.0, 200, GRAPH_WRITE_LIMIT, lead=LONGEST_LEAD)
    for _ in range(10):
        pace, granted = grant(pace, granted.ask_again_at, 200, GRAPH_WRITE_LIMIT)

    assert granted.departures
    assert pace.reach <= HORIZON
