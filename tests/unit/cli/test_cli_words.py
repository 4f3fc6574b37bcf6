from __future__ import annotations

from datetime import UTC, datetime

import pytest

from orchestrator.cli.invocation import actor
from orchestrator.cli.jobs import words_of
from orchestrator.cli.progress import Rate, Reasons, Slowness, pace, standing
from orchestrator.domain.action import Action
from orchestrator.domain.confirmation import asks_above
from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.figures import plural, rfc3339
from orchestrator.domain.job import Tally
from orchestrator.domain.spans import span
from orchestrator.throttle.forecast import Forecast
from orchestrator.throttle.forecast_words import forecast_line


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "0 s"),
        (0.4, "0 s"),
        (59, "59 s"),
        (59.6, "1 min 00 s"),
        (200, "3 min 20 s"),
        (3900, "1 h 05 min"),
        (86_400, "1 day"),
        (90_000, "1 d 01 h"),
        (604_800, "7 days"),
    ],
)
def test_a_span_is_said_in_its_two_largest_units(seconds: float, words: str) -> None:
    assert span(seconds) == words


@pytest.mark.parametrize(("count", "words"), [(0, "0 jobs"), (1, "1 job"), (1000, "1,000 jobs")])
def test_a_count_agrees_with_its_noun(count: int, words: str) -> None:
    assert plural(count, "job") == words


def test_a_moment_is_utc_with_a_z() -> None:
    assert rfc3339(datetime(2026, 3, 2, 12, 0, 0, 123456, tzinfo=UTC)) == "2026-03-02T12:00:00.123Z"
    assert rfc3339(None) is None


def test_a_standing_leaves_out_what_is_nothing() -> None:
    assert standing(Tally(accepted=1000, failed=2, waiting=3)) == "1,000 accepted, 2 failed, 3 waiting"
    assert standing(Tally()) == "nothing yet"


def test_the_rate_is_that_of_the_last_seconds() -> None:
    rate = Rate(window=10)

    rates = [rate.after(instant, settled) for instant, settled in ((0, 0), (5, 50), (10, 100), (20, 100), (30, 100))]

    assert rates == [None, 10.0, 10.0, 0.0, 0.0]


def test_a_job_that_goes_more_slowly_than_its_lane_allows_is_found_and_its_time_left_is_that_of_its_rate() -> None:
    slowness = Slowness()

    # The lane allows 100 a second, and 30 end.
    left = [
        slowness.seconds_left(at, Tally(accepted=30 * at, waiting=900 - 30 * at), 9 - 0.3 * at, is_held=False)
        for at in range(6)
    ]

    assert left == [None, None, None, *(pytest.approx(30 - at) for at in range(3, 6))]


def test_a_pause_makes_no_job_slow_and_the_pace_of_the_lane_neither() -> None:
    slowness = Slowness()
    paced = [slowness.seconds_left(at, Tally(accepted=100 * at, waiting=900), 9, is_held=False) for at in range(4)]
    held = [slowness.seconds_left(at, Tally(accepted=300, waiting=900), 9, is_held=True) for at in range(4, 8)]
    again = [
        slowness.seconds_left(at, Tally(accepted=300 + 90 * (at - 7), waiting=900), 9, is_held=False)
        for at in range(8, 12)
    ]

    assert {*paced, *held, *again} == {None}


@pytest.mark.parametrize(
    ("tally", "rate", "left", "words"),
    [
        (Tally(waiting=100), 2.0, 58.0, "2.0/s, 58 s left"),
        (Tally(waiting=100), 10.0, None, "10.0/s, 10 s left"),
        (Tally(waiting=100), 0.0, 12.0, "12 s left"),
        (Tally(waiting=100), None, None, ""),
        (Tally(accepted=100), 10.0, None, ""),
    ],
)
def test_the_time_left_is_the_lanes_forecast_whatever_the_rate_was(
    tally: Tally, rate: float | None, left: float | None, words: str
) -> None:
    assert pace(tally, rate, left) == words


def test_a_reason_is_said_at_once_and_one_that_only_counts_on_seldom() -> None:
    reasons = Reasons(every=5)

    said = [
        reasons.news(instant, kind, reason)
        for instant, kind, reason in (
            (0.0, "adapted", "50 %"),
            (0.5, "adapted", "51 %"),
            (1.0, "rateLimited", "429"),
            (1.5, "rateLimited", "429"),
            (2.0, "", None),
            (2.5, "rateLimited", "429"),
            (7.5, "rateLimited", "429, later"),
        )
    ]

    assert said == ["50 %", None, "429", None, None, "429", "429, later"]


@pytest.mark.parametrize(
    ("action", "confirm_above", "above"),
    [
        (Action.REFRESH_USER_POLICY, 1000, 1000),
        (Action.FULL_SCAN, 1000, 10),
        (Action.FULL_SCAN, 5, 5),
        (Action.QUICK_SCAN, 0, 0),
    ],
)
def test_a_costly_action_is_asked_about_sooner(action: Action, confirm_above: int, above: int) -> None:
    assert asks_above(action, confirm_above) == above


@pytest.mark.parametrize(
    ("forecast", "line"),
    [
        (Forecast(None, None, 5), None),
        (Forecast(100.0, 10.0, 0), "About 1 min 40 s at 10.0 a second."),
        (Forecast(100.0, 10.0, 1), "About 1 min 40 s at 10.0 a second, behind 1 call of other jobs."),
    ],
)
def test_a_forecast_is_said_where_something_paces_the_lane(forecast: Forecast, line: str | None) -> None:
    assert forecast_line(forecast) == line


@pytest.mark.parametrize(("text", "words"), [(None, ()), ("", ()), ("Failed, uncertain,", ("failed", "uncertain"))])
def test_statuses_stand_between_commas(text: str | None, words: tuple[str, ...]) -> None:
    assert words_of(text, ("failed", "uncertain")) == words


def test_a_status_that_is_none_is_refused_with_those_there_are() -> None:
    with pytest.raises(RequestRejected, match="'done' is no status; there are failed, uncertain"):
        words_of("failed,done", ("failed", "uncertain"))


def test_who_calls_is_on_the_command_line_and_has_no_address() -> None:
    by = actor()

    assert by.is_command_line
    assert by.origin == ""
    assert "@" in by.name
