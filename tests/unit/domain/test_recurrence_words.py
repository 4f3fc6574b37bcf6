"""A recurrence said in a sentence, and an expression made from choices."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.domain.errors import ScheduleInvalid
from orchestrator.domain.recurrence import Cron, Every, Once
from orchestrator.domain.recurrence_words import ChosenTimes, chosen_times, sentence_of


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("0 2 * * *", "Every day at 02:00"),
        ("0 22 * * 1-5", "Every weekday at 22:00"),
        ("30 1 * * MON,fri", "Every Monday and Friday at 01:30"),
        ("0 4 * * SUN#1", "First Sunday of each month at 04:00"),
        ("15 3 1,15 * *", "On day 1 and 15 of each month at 03:15"),
        ("0 */6 * * *", "Every day at 00:00, 06:00, 12:00 and 18:00"),
        ("5 */2 * * *", "Every 2 hours, at minute 5"),
        ("*/15 * * * *", "Every 15 minutes"),
        ("30 * * * 1-5", "On weekdays, every hour, at minute 30"),
        ("0 9 * * 0", "Every Sunday at 09:00"),
        ("0 2 1 1 *", "0 2 1 1 *"),
        ("0 2 13 * 5", "0 2 13 * 5"),
        ("0 2 L * *", "0 2 L * *"),
        ("0 2 * * 5L", "0 2 * * 5L"),
    ],
)
def test_an_expression_is_said_back_as_a_sentence_or_stays_as_it_is(expression: str, sentence: str) -> None:
    assert sentence_of(Cron(expression, "Europe/Berlin")) == sentence


def test_intervals_and_single_times_are_said_too() -> None:
    assert sentence_of(Every(timedelta(hours=6), datetime(2026, 3, 2, tzinfo=UTC))) == "Every 6 hours"
    assert sentence_of(Once(datetime(2026, 12, 1, 2, 0), "UTC")) == "Once, Tue 1 Dec 2026 at 02:00"  # noqa: DTZ001 - wall time


@pytest.mark.parametrize(
    ("choice", "expression"),
    [
        (ChosenTimes("day", clock="02:00"), "0 2 * * *"),
        (ChosenTimes("weekday", clock="22:30"), "30 22 * * 1-5"),
        (ChosenTimes("week", (5, 1), clock="03:15"), "15 3 * * 1,5"),
        (ChosenTimes("month", month_day=15, clock="04:00"), "0 4 15 * *"),
        (ChosenTimes("hour", clock="00:20"), "20 * * * *"),
    ],
)
def test_choices_make_an_expression_that_leads_back_to_them(choice: ChosenTimes, expression: str) -> None:
    assert choice.expression == expression
    again = chosen_times(expression)
    assert again is not None
    assert (again.frequency, again.expression) == (choice.frequency, expression)


@pytest.mark.parametrize("expression", ["0 2 * * MON-FRI", "*/5 * * * *", "0 2 * 1 *", "", "x"])
def test_an_expression_that_no_choice_makes_letter_by_letter_has_none(expression: str) -> None:
    assert chosen_times(expression) is None


@pytest.mark.parametrize("choice", [ChosenTimes("week"), ChosenTimes("month", month_day=40), ChosenTimes(clock="two")])
def test_a_missing_choice_is_named(choice: ChosenTimes) -> None:
    with pytest.raises(ScheduleInvalid):
        _ = choice.expression
