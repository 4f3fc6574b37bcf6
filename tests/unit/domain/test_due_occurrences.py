from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest

from orchestrator.domain.action import Action
from orchestrator.domain.blackout import Blackout, parse_blackout
from orchestrator.domain.device import Via
from orchestrator.domain.due import Skip, Start, Wait, decide, window_of
from orchestrator.domain.errors import ScheduleInvalid, UnknownZone
from orchestrator.domain.ids import JobId, ScheduleNumber
from orchestrator.domain.recurrence import (
    Cron,
    Once,
    Recurrence,
    daylight_mark,
    first_occurrences,
    parse_cron,
    parse_every,
    parse_once,
)
from orchestrator.domain.schedule import OccurrenceStatus, Order, Overlap, Rules, Schedule, ScheduleStatus
from orchestrator.domain.spans import parse_span

MOMENT = datetime(2026, 3, 3, 1, 0, tzinfo=UTC)
JOB = JobId("b2c3d4")
NIGHTLY = Cron("0 2 * * *", "Europe/Berlin")


def a_schedule(rules: Rules | None = None, recurrence: Recurrence = NIGHTLY) -> Schedule:
    return Schedule(
        number=ScheduleNumber(1),
        name="nightly",
        recurrence=recurrence,
        order=Order(action=Action.REFRESH_MACHINE_POLICY, via=Via.MANAGED_DEVICES, tenant="default", list_name="fleet"),
        rules=rules or Rules(),
        channels=(),
        status=ScheduleStatus.ACTIVE,
        reason=None,
        created_by="tests",
        created_at=MOMENT,
        next_at=MOMENT,
    )


@pytest.mark.parametrize(
    ("late", "status"),
    [(timedelta(0), None), (timedelta(hours=1), None), (timedelta(hours=1, seconds=1), OccurrenceStatus.MISSED)],
)
def test_a_moment_that_nobody_was_up_for_runs_within_an_hour_or_not_at_all(
    late: timedelta, status: OccurrenceStatus | None
) -> None:
    decision = decide(a_schedule(), MOMENT, now=MOMENT + late, blackouts=(), running=None)

    assert decision == Start(None) if status is None else isinstance(decision, Skip)


@pytest.mark.parametrize(
    ("overlap", "waiting", "decision"),
    [
        (Overlap.SKIP, 0, Skip(OccurrenceStatus.SKIPPED, f"job {JOB} has not ended")),
        (Overlap.QUEUE, 0, Wait(f"waits for job {JOB} to end")),
        (
            Overlap.QUEUE,
            1,
            Skip(OccurrenceStatus.SKIPPED, f"job {JOB} has not ended, and an earlier one waits already"),
        ),
        (Overlap.CANCEL, 0, Start(None, cancels=JOB)),
    ],
)
def test_a_moment_that_meets_the_last_job_does_what_its_rule_says(
    overlap: Overlap, waiting: int, decision: object
) -> None:
    schedule = a_schedule(Rules(overlap=overlap))

    found = decide(schedule, MOMENT, now=MOMENT, blackouts=(), running=JOB, another_waits=bool(waiting))

    assert found == decision


def test_a_moment_that_waited_may_start_later_than_start_within_but_not_after_its_window() -> None:
    schedule = a_schedule(Rules(overlap=Overlap.QUEUE, until=time(6)))

    in_the_window = decide(
        schedule, MOMENT, now=MOMENT + timedelta(hours=3), blackouts=(), running=None, has_waited=True
    )
    after_it = decide(schedule, MOMENT, now=MOMENT + timedelta(hours=5), blackouts=(), running=None, has_waited=True)

    assert isinstance(in_the_window, Start)
    assert isinstance(after_it, Skip)
    assert after_it.status is OccurrenceStatus.MISSED
    assert "06:00" in after_it.reason


def test_at_the_very_end_of_its_window_nothing_starts_any_more() -> None:
    schedule, ends = a_schedule(Rules(until=time(6), start_within=timedelta(days=1))), MOMENT + timedelta(hours=4)
    before = decide(schedule, MOMENT, now=ends - timedelta(seconds=1), blackouts=(), running=None)

    assert isinstance(before, Start)
    assert isinstance(decide(schedule, MOMENT, now=ends, blackouts=(), running=None), Skip)


def test_a_window_that_ends_at_the_minute_it_begins_lasts_a_day() -> None:
    window = window_of(a_schedule(Rules(until=time(2))), MOMENT, ())

    assert window is not None
    assert window.ends == MOMENT + timedelta(days=1)


def test_what_was_due_before_a_blackout_does_not_start_in_it() -> None:
    christmas = parse_blackout("2026-12-24..2026-12-26", "Christmas")
    due, now = datetime(2026, 12, 23, 22, 45, tzinfo=UTC), datetime(2026, 12, 23, 23, 15, tzinfo=UTC)

    decision = decide(a_schedule(), due, now=now, blackouts=(christmas,), running=None)

    assert decision == Skip(OccurrenceStatus.BLACKOUT, "a blackout: Christmas")


def test_a_moment_in_a_blackout_says_which_and_one_after_it_runs() -> None:
    christmas = parse_blackout("2026-12-24..2026-12-26", "Christmas")
    eve, after = (datetime(2026, 12, day, 1, 0, tzinfo=UTC) for day in (24, 27))

    dark = decide(a_schedule(), eve, now=eve, blackouts=(christmas,), running=None)
    lit = decide(a_schedule(), after, now=after, blackouts=(christmas,), running=None)

    assert dark == Skip(OccurrenceStatus.BLACKOUT, "a blackout: Christmas")
    assert lit == Start(None)


def test_a_blackout_begins_and_ends_at_each_zones_own_midnight() -> None:
    day = parse_blackout("2026-12-24")
    schedule = a_schedule(recurrence=Cron("0 * * * *", "Pacific/Chatham"))
    noon_utc = datetime(2026, 12, 23, 12, 0, tzinfo=UTC)  # 01:45 of the 24th on Chatham

    assert isinstance(decide(schedule, noon_utc, now=noon_utc, blackouts=(day,), running=None), Skip)
    assert isinstance(decide(a_schedule(), noon_utc, now=noon_utc, blackouts=(day,), running=None), Start)


@pytest.mark.parametrize(
    ("recurrence", "until", "occurrence", "ends"),
    [
        (NIGHTLY, time(6), MOMENT, datetime(2026, 3, 3, 5, 0, tzinfo=UTC)),
        # Past midnight, and the night in which an hour is missing.
        (
            Cron("0 22 * * *", "Europe/Berlin"),
            time(6),
            datetime(2026, 3, 28, 21, 0, tzinfo=UTC),
            datetime(2026, 3, 29, 4, 0, tzinfo=UTC),
        ),
        # A window that ends in the missing hour ends with it.
        (
            Cron("0 1 * * *", "Europe/Berlin"),
            time(2, 30),
            datetime(2026, 3, 29, 0, 0, tzinfo=UTC),
            datetime(2026, 3, 29, 1, 0, tzinfo=UTC),
        ),
        # The hour that comes twice: it ends the first time.
        (
            Cron("0 1 * * *", "Europe/Berlin"),
            time(2, 30),
            datetime(2026, 10, 24, 23, 0, tzinfo=UTC),
            datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        ),
    ],
)
def test_a_window_ends_when_the_local_clock_says_so(
    recurrence: Recurrence, until: time, occurrence: datetime, ends: datetime
) -> None:
    window = window_of(a_schedule(Rules(until=until), recurrence), occurrence, ())

    assert window is not None
    assert window.ends == ends


def test_a_blackout_that_begins_inside_a_window_ends_it() -> None:
    freeze = Blackout(datetime(2026, 3, 3, 3, 0), datetime(2026, 3, 4, 0, 0), "freeze")  # noqa: DTZ001 - local times

    window = window_of(a_schedule(Rules(until=time(6))), MOMENT, (freeze,))

    assert window is not None
    assert window.ends == datetime(2026, 3, 3, 2, 0, tzinfo=UTC)
    assert "freeze" in window.reason


def test_jitter_is_the_same_for_whoever_asks_and_other_on_other_nights() -> None:
    schedule = a_schedule(Rules(jitter=timedelta(minutes=30)))

    spread = [schedule.jitter_at(MOMENT + timedelta(days=day)) for day in range(50)]

    assert spread == [schedule.jitter_at(MOMENT + timedelta(days=day)) for day in range(50)]
    assert len(set(spread)) == 50
    assert timedelta(0) <= min(spread) < timedelta(minutes=6)
    assert timedelta(minutes=24) < max(spread) < timedelta(minutes=30)


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("0 2 * *", "4 fields"),
        ("60 2 * * *", "minute"),
        ("0 25 * * *", "hour"),
        ("0 2 30 2 *", "no such day"),
        ("0 2 * * 9", "day-of-week"),
        ("0 2 * 13 *", "month"),
        ("0 0 2 * * *", "6 fields"),
        ("@daily", "0 0 "),
    ],
)
def test_a_wrong_expression_is_refused_with_its_wrong_part(expression: str, said: str) -> None:
    with pytest.raises(ScheduleInvalid, match=said):
        parse_cron(expression, "UTC", now=MOMENT)


def test_an_unknown_zone_is_refused_by_name() -> None:
    for name in ("Mars/Olympus", "../etc/passwd", ""):
        with pytest.raises(UnknownZone):
            parse_cron("0 2 * * *", name, now=MOMENT)


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("15m", 900), ("15min", 900), ("1h", 3600), ("1h30m", 5400), ("2d", 172_800)]
)
def test_a_span_is_read_as_it_is_written(text: str, seconds: int) -> None:
    assert parse_span(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "10", "-1h", "h", "1w", "1h-30m"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(ScheduleInvalid, match="no span"):
        parse_span(text)


def test_a_time_once_is_local_unless_it_names_a_zone_and_must_be_to_come() -> None:
    local = parse_once("2026-07-01T02:00", "Europe/Berlin", now=MOMENT)
    aware = parse_once("2026-07-01T00:00Z", "Europe/Berlin", now=MOMENT)

    assert local == aware == Once(datetime(2026, 7, 1, 2, 0), "Europe/Berlin")  # noqa: DTZ001 - a wall time
    assert [occurrence.at for occurrence in first_occurrences(local, MOMENT, 5)] == [datetime(2026, 7, 1, tzinfo=UTC)]
    with pytest.raises(ScheduleInvalid, match="passed"):
        parse_once("2026-01-01T02:00", "Europe/Berlin", now=MOMENT)


def test_an_interval_below_a_second_is_refused() -> None:
    with pytest.raises(ScheduleInvalid, match="a second"):
        parse_every("0s", "UTC", now=MOMENT)


@pytest.mark.parametrize(
    ("recurrence", "after", "mark"),
    [
        (Cron("30 2 * * *", "Europe/Berlin"), datetime(2026, 3, 29, tzinfo=UTC), "02:30 does not exist"),
        (Cron("30 2 * * *", "Europe/Berlin"), datetime(2026, 10, 25, tzinfo=UTC), "the first time"),
        (Cron("30 * * * *", "Europe/Berlin"), datetime(2026, 10, 25, 1, 0, tzinfo=UTC), "for the second time"),
        (Cron("30 2 * * *", "Europe/Berlin"), datetime(2026, 6, 1, tzinfo=UTC), None),
    ],
)
def test_a_moment_that_daylight_saving_moves_says_so(recurrence: Cron, after: datetime, mark: str | None) -> None:
    (occurrence,) = first_occurrences(recurrence, after, 1)

    said = daylight_mark(recurrence, occurrence)

    assert said is None if mark is None else mark in (said or "")


@pytest.mark.parametrize("text", ["2026-12-24..2026-12-23", "tomorrow", "2026-12-24T18:00", "2026-13-01", "..", ""])
def test_what_is_no_blackout_is_refused(text: str) -> None:
    with pytest.raises(ScheduleInvalid):
        parse_blackout(text)


def test_a_missed_run_says_whether_a_clock_was_running() -> None:
    late = MOMENT + timedelta(hours=2)

    def said(clock_since: datetime | None) -> str:
        found = decide(a_schedule(), MOMENT, now=late, blackouts=(), running=None, clock_since=clock_since)
        assert isinstance(found, Skip)
        return found.reason

    assert said(MOMENT - timedelta(days=1)).startswith("a clock was running and was late")
    assert said(MOMENT + timedelta(minutes=1)).startswith("no clock was running when it was due: noticed 2 h")
    assert said(None).startswith("no clock was running")
