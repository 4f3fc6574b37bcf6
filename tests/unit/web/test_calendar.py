"""Weeks as a grid of days: past runs by outcome, the runs to come, blackouts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from orchestrator.domain.blackout import parse_blackout
from orchestrator.domain.ids import ScheduleNumber
from orchestrator.domain.schedule import OccurrenceStatus
from orchestrator.store.schedules.occurrences import OccurrenceFacts
from orchestrator.usecases.schedules.past_runs import PastRun
from orchestrator.web.calendar import CalendarRun, Frame, frame_of, weeks_of
from orchestrator.web.calendar_runs import strip

FRAME = Frame(date(2026, 3, 2), ZoneInfo("UTC"), today=date(2026, 3, 11))


def a_run(day: int, name: str = "", *, hour: int = 2, month: int = 3, kind: str = "planned") -> CalendarRun:
    return CalendarRun(datetime(2026, month, day, hour, tzinfo=UTC), name, kind, kind)


def test_a_frame_begins_on_the_monday_of_last_week_or_of_the_day_that_is_asked_for() -> None:
    now = datetime(2026, 3, 11, 23, 30, tzinfo=UTC)

    assert frame_of(now, ZoneInfo("UTC")) == FRAME
    assert frame_of(now, ZoneInfo("Asia/Tokyo"), date(2026, 4, 1)) == Frame(
        date(2026, 3, 30), ZoneInfo("Asia/Tokyo"), today=date(2026, 3, 12)
    )


def test_four_weeks_show_each_run_on_its_day_and_mark_today() -> None:
    weeks = weeks_of([a_run(4), a_run(11), a_run(3, month=4)], FRAME)

    days = [day for week in weeks for day in week]
    assert [len(week) for week in weeks] == [7, 7, 7, 7]
    assert (days[0].date, days[-1].date) == (date(2026, 3, 2), date(2026, 3, 29))
    assert {day.date.day for day in days if day.entries} == {4, 11}
    assert [day.date.day for day in days if day.is_today] == [11]


def test_a_run_stands_on_the_day_that_it_has_by_the_reader_s_clock() -> None:
    tokyo = Frame(date(2026, 3, 2), ZoneInfo("Asia/Tokyo"), today=date(2026, 3, 11))

    (day,) = [day for week in weeks_of([a_run(4, hour=20)], tokyo) for day in week if day.entries]

    assert day.date == date(2026, 3, 5)
    assert [entry.label for entry in day.entries or ()] == ["05:00"]


def test_the_runs_of_a_day_stand_in_the_order_of_their_time_and_name() -> None:
    weeks = weeks_of([a_run(4, "late", hour=9), a_run(4, "b"), a_run(4, "a")], FRAME)

    assert [entry.name for entry in weeks[0][2].entries or ()] == ["a", "b", "late"]


def test_many_runs_of_one_schedule_are_one_entry_of_the_worst_kind() -> None:
    kinds = {0: "finished", 6: "failures", 12: "finished", 18: "planned"}
    weeks = weeks_of([a_run(4, "often", hour=hour, kind=kind) for hour, kind in kinds.items()], FRAME)

    (entry,) = weeks[0][2].entries or ()
    assert (entry.label, entry.kind) == ("4 runs", "failures")
    assert "06:00 failures" in entry.words


def test_a_blackout_darkens_the_days_that_it_covers_and_names_its_hours_on_the_others() -> None:
    weeks = weeks_of([], FRAME, blackouts=[parse_blackout("2026-03-04T18:00..2026-03-06T06:00", "Freeze")])

    days = {day.date.day: (day.is_dark, day.blackouts) for day in weeks[0] if day.blackouts}
    assert days == {
        4: (False, ("Freeze from 18:00",)),
        5: (True, ("Freeze",)),
        6: (False, ("Freeze until 06:00",)),
    }


def test_what_cannot_be_told_is_not_shown_as_nothing() -> None:
    weeks = weeks_of([a_run(4)], FRAME, told_until=date(2026, 3, 10))

    assert weeks[1][1].entries == []
    assert weeks[1][2].entries is None


def test_the_strip_of_last_runs_has_their_times_by_the_reader_s_clock_the_oldest_first() -> None:
    at = datetime(2026, 3, 4, 20, tzinfo=UTC)
    newest, oldest = (
        PastRun(OccurrenceFacts(ScheduleNumber(1), when, OccurrenceStatus.MISSED, "no clock ran", when), job=None)
        for when in (at + timedelta(days=1), at)
    )

    assert [words for _, words in strip([newest, oldest], ZoneInfo("Asia/Tokyo"))] == [
        "2026-03-05 05:00: Missed: no clock ran",
        "2026-03-06 05:00: Missed: no clock ran",
    ]
