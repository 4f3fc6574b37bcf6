"""The coming weeks as a grid of days."""

from __future__ import annotations

from datetime import UTC, date, datetime

from orchestrator.usecases.schedules.describe_schedules import OccurrenceView
from orchestrator.web.calendar import CalendarRun, weeks_of


def a_run(day: int, name: str = "", *, hour: int = 2, month: int = 3) -> CalendarRun:
    at = datetime(2026, month, day, hour, tzinfo=UTC)
    return CalendarRun(OccurrenceView(at, at, ()), name)


def test_four_weeks_begin_on_the_monday_before_the_first_run() -> None:
    weeks = weeks_of([a_run(4), a_run(11)])

    days = [day for week in weeks for day in week]
    assert [len(week) for week in weeks] == [7, 7, 7, 7]
    assert (days[0].date, days[-1].date) == (date(2026, 3, 2), date(2026, 3, 29))
    assert {day.date.day for day in days if day.runs} == {4, 11}


def test_they_begin_with_the_week_that_is_given_and_what_is_outside_them_is_not_shown() -> None:
    weeks = weeks_of([a_run(20, month=2), a_run(4), a_run(3, month=4)], first=date(2026, 3, 5))

    assert weeks[0][0].date == date(2026, 3, 2)
    assert [day.date for week in weeks for day in week if day.runs] == [date(2026, 3, 4)]


def test_the_runs_of_a_day_stand_in_the_order_of_their_time_and_name() -> None:
    weeks = weeks_of([a_run(4, "late", hour=9), a_run(4, "b"), a_run(4, "a")])

    assert [run.name for run in weeks[0][2].runs or ()] == ["a", "b", "late"]


def test_what_cannot_be_told_is_not_shown_as_nothing() -> None:
    weeks = weeks_of([a_run(4)], told_until=date(2026, 3, 10))

    assert weeks[1][1].runs == []
    assert weeks[1][2].runs is None


def test_without_any_run_there_is_no_calendar() -> None:
    assert weeks_of([], first=date(2026, 3, 5)) == []
