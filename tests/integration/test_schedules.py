"""Schedules over the database on virtual time: what runs, what does not, and why."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from random import Random

import pytest
from sqlalchemy import text

from orchestrator.app import App
from orchestrator.domain.access import Actor
from orchestrator.domain.blackout import parse_blackout
from orchestrator.domain.device import Via
from orchestrator.domain.errors import (
    ListNeeded,
    NameTaken,
    RequestRejected,
    ScheduleInvalid,
    StillRunning,
    UnknownList,
    UnknownSchedule,
    WrongStatus,
)
from orchestrator.domain.ids import JobId
from orchestrator.domain.job import Job, JobStatus
from orchestrator.domain.recurrence import Cron, Every, Once
from orchestrator.domain.schedule import OccurrenceStatus, Overlap, Rules, ScheduleStatus
from orchestrator.domain.target import TargetStatus
from orchestrator.engine.recovery import close_windows
from orchestrator.usecases.jobs.cancel_job import cancel_job
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.jobs.describe_jobs import list_jobs
from orchestrator.usecases.jobs.resume_job import resume_job
from orchestrator.usecases.lists.describe_lists import list_lists, remove_list
from orchestrator.usecases.operations.write_notices import write_end_notices
from orchestrator.usecases.schedules.change_blackouts import add_blackouts
from orchestrator.usecases.schedules.check_schedules import check_schedules
from orchestrator.usecases.schedules.describe_schedules import (
    describe_schedule,
    list_schedules,
    preview_schedule,
    unreadable_schedules,
)
from orchestrator.usecases.schedules.fire_schedules import fire_schedules
from orchestrator.usecases.schedules.pause_schedule import pause_schedule
from orchestrator.usecases.schedules.remove_schedule import remove_schedule
from orchestrator.usecases.schedules.resume_schedule import resume_schedule
from orchestrator.usecases.schedules.run_schedule import run_schedule
from orchestrator.usecases.schedules.start_occurrence import MAKING, ByHand, Making, OccurrenceLost, start_occurrence
from orchestrator.views.schedule_words import schedule_row
from tests.support.actors import SOMEBODY
from tests.support.apps import an_app, device_ids, targets_of
from tests.support.clock import START, ManualClock
from tests.support.schedules import a_list, a_schedule, history_of, statuses_of

pytestmark = pytest.mark.enable_socket

NOBODY = "http://127.0.0.1:1"
"""Nothing is called here."""

TWO_O_CLOCK = datetime(2026, 3, 3, 1, 0, tzinfo=UTC)
"""In Berlin, the night after the manual clock begins."""


@pytest.fixture
async def app(sqlite_url: str, clock: ManualClock) -> AsyncIterator[App]:
    async with an_app(sqlite_url, NOBODY, clock=clock, kind="clock") as opened:
        yield opened


async def job_of(app: App, job_id: str | None) -> Job:
    assert job_id is not None
    return (await describe_job(app, job_id)).job


async def let_end(app: App, job_id: str | None) -> None:
    assert job_id is not None
    await cancel_job(app, job_id, by=Actor("tests", "tests"))


def night(clock: ManualClock, *, minutes: float = 0) -> None:
    """On to the next two o'clock in Berlin, and some minutes."""
    today = clock.now().replace(hour=1, minute=0, second=0, microsecond=0)
    following = today if today > clock.now() else today + timedelta(days=1)
    clock.advance(seconds=(following - clock.now()).total_seconds() + 60 * minutes)


async def test_a_moment_becomes_one_job_of_the_lists_newest_version(app: App, clock: ManualClock) -> None:
    await a_list(app, 30)
    await a_schedule(app)
    await a_list(app, 20)

    before = await fire_schedules(app)
    night(clock)
    made = [await fire_schedules(app) for _ in range(3)]

    (instant,) = await history_of(app)
    job = await job_of(app, instant.job)
    assert (before, made) == (0, [1, 0, 0])
    assert (instant.at, instant.status, instant.list_version) == (TWO_O_CLOCK, OccurrenceStatus.STARTED, 2)
    assert job.schedule == "nightly"
    assert job.intake.file_name == "fleet@2"
    assert job.submitted_by == "schedule nightly"
    assert [target.device for target in await targets_of(app, job)] == device_ids(20)
    assert (await describe_schedule(app, "nightly")).schedule.next_at == TWO_O_CLOCK + timedelta(days=1)


async def test_clocks_that_stood_still_over_a_night_run_it_within_the_hour_or_say_that_they_did_not(
    app: App, clock: ManualClock
) -> None:
    await a_list(app)
    await a_schedule(app)

    night(clock, minutes=59)
    await fire_schedules(app)
    await let_end(app, (await history_of(app))[0].job)
    night(clock, minutes=61)
    await fire_schedules(app)

    assert await statuses_of(app) == [OccurrenceStatus.STARTED, OccurrenceStatus.MISSED]
    assert "noticed" in ((await history_of(app))[1].reason or "")


async def test_clocks_that_stood_still_for_a_month_leave_no_heap_of_old_nights(app: App, clock: ManualClock) -> None:
    await a_list(app)
    await a_schedule(app)

    clock.advance(days=31)
    # It is summer by then: two o'clock is midnight in UTC.
    night(clock, minutes=-50)
    await fire_schedules(app)
    await fire_schedules(app)

    statuses = await statuses_of(app)
    occurrences = [instant.at for instant in await history_of(app)]
    assert len(await list_jobs(app, limit=100)) == 1
    assert statuses == [OccurrenceStatus.MISSED] * 31 + [OccurrenceStatus.STARTED]
    assert len(set(occurrences)) == 32
    assert {instant.hour for instant in occurrences} == {0, 1}


async def test_a_month_of_minutes_is_kept_in_a_thousand_rows_and_counted_in_full(app: App, clock: ManualClock) -> None:
    await a_list(app)
    await a_schedule(app, recurrence=Every(timedelta(minutes=1), START))

    clock.advance(days=30)
    await fire_schedules(app)

    history = await history_of(app)
    assert len(await list_jobs(app, limit=10)) == 1
    assert sum(1 + instant.more for instant in history) == 30 * 24 * 60
    assert len(history) == 1001


async def test_a_year_of_seconds_is_counted_and_not_walked_through(app: App, clock: ManualClock) -> None:
    await a_list(app)
    await a_schedule(app, recurrence=Every(timedelta(seconds=1), START))

    clock.advance(days=365)
    await fire_schedules(app)

    history = await history_of(app)
    assert sum(1 + instant.more for instant in history) == 365 * 86_400
    assert history[-1].status is OccurrenceStatus.STARTED


async def test_of_several_moments_that_could_still_run_only_the_newest_does(app: App, clock: ManualClock) -> None:
    await a_list(app)
    await a_schedule(app, recurrence=Every(timedelta(minutes=10), START))

    clock.advance(minutes=35)
    await fire_schedules(app)

    assert await statuses_of(app) == [OccurrenceStatus.MISSED, OccurrenceStatus.MISSED, OccurrenceStatus.STARTED]


async def test_by_default_a_moment_is_skipped_while_the_last_job_runs(app: App, clock: ManualClock) -> None:
    await a_list(app)
    await a_schedule(app)

    for _ in range(2):
        night(clock)
        await fire_schedules(app)
    first, second = await history_of(app)
    await let_end(app, first.job)
    night(clock)
    await fire_schedules(app)

    assert second.status is OccurrenceStatus.SKIPPED
    assert (first.job or "nobody") in (second.reason or "nothing")
    assert (await statuses_of(app))[2] is OccurrenceStatus.STARTED


async def test_a_queued_moment_waits_for_the_last_job_and_only_one_waits(app: App, clock: ManualClock) -> None:
    await a_list(app)
    await a_schedule(app, rules=Rules(overlap=Overlap.QUEUE))

    for _ in range(3):
        night(clock)
        await fire_schedules(app)
    waiting = await statuses_of(app)
    await let_end(app, (await history_of(app))[0].job)
    await fire_schedules(app)

    assert waiting == [OccurrenceStatus.STARTED, OccurrenceStatus.QUEUED, OccurrenceStatus.SKIPPED]
    assert await statuses_of(app) == [OccurrenceStatus.STARTED, OccurrenceStatus.STARTED, OccurrenceStatus.SKIPPED]
    assert len(await list_jobs(app, limit=10)) == 2


async def test_a_queued_moment_whose_window_ends_while_it_waits_is_missed(app: App, clock: ManualClock) -> None:
    await a_list(app)
    await a_schedule(app, rules=Rules(overlap=Overlap.QUEUE, until=time(6)))

    night(clock)
    await fire_schedules(app)
    async with app.store.transaction() as tx:
        # As if a person had let the first job go on beyond its window.
        await tx.connection.execute(text("UPDATE jobs SET not_after = NULL"))
    night(clock)
    await fire_schedules(app)
    clock.advance(hours=5)
    await fire_schedules(app)

    assert await statuses_of(app) == [OccurrenceStatus.STARTED, OccurrenceStatus.MISSED]


async def test_with_cancel_the_old_job_makes_room(app: App, clock: ManualClock) -> None:
    await a_list(app)
    await a_schedule(app, rules=Rules(overlap=Overlap.CANCEL))

    for _ in range(2):
        night(clock)
        await fire_schedules(app)

    first, second = await history_of(app)
    assert (await job_of(app, first.job)).status is JobStatus.CANCELLED
    assert (await job_of(app, second.job)).status is JobStatus.QUEUED


@pytest.mark.parametrize("whose", ["schedule", "tenant", "everybody"])
async def test_no_job_is_made_in_a_blackout(app: App, clock: ManualClock, whose: str) -> None:
    await a_list(app)
    dark = parse_blackout("2026-03-03..2026-03-04", "freeze")
    await a_schedule(app, blackouts=(dark,) if whose == "schedule" else ())
    if whose != "schedule":
        await add_blackouts(
            app, [dark], schedule=None, tenant="default" if whose == "tenant" else None, by=Actor("tests", "tests")
        )

    previewed = [view.marks for view in await preview_schedule(app, "nightly", after=None, count=3)]
    for _ in range(3):
        night(clock)
        await fire_schedules(app)

    assert previewed == [("blackout: freeze",), ("blackout: freeze",), ()]
    assert await statuses_of(app) == [OccurrenceStatus.BLACKOUT, OccurrenceStatus.BLACKOUT, OccurrenceStatus.STARTED]
    assert "freeze" in ((await history_of(app))[0].reason or "")


async def test_a_schedule_whose_list_is_gone_is_set_aside_alone_and_goes_on_when_mended(
    app: App, clock: ManualClock
) -> None:
    await a_list(app)
    await a_list(app, name="other")
    await a_schedule(app, "bad", list_name="other")
    await a_schedule(app, "good")
    referring = await remove_list(app, "other", by=Actor("tests", "tests"), force=True)

    night(clock)
    await fire_schedules(app)
    set_aside = await describe_schedule(app, "bad")
    with pytest.raises(UnknownList):
        await resume_schedule(app, "bad", by=Actor("tests", "tests"))
    await a_list(app, name="other")
    mended = await resume_schedule(app, "bad", by=Actor("tests", "tests"))
    night(clock)
    await fire_schedules(app)

    assert referring == ["bad"]
    assert set_aside.schedule.status is ScheduleStatus.SET_ASIDE
    assert "'other'" in (set_aside.schedule.reason or "")
    assert (mended.schedule.status, mended.schedule.reason) == (ScheduleStatus.ACTIVE, None)
    assert await statuses_of(app, "bad") == [OccurrenceStatus.FAILED, OccurrenceStatus.STARTED]
    assert (await statuses_of(app, "good"))[0] is OccurrenceStatus.STARTED


async def test_a_list_is_not_removed_from_under_a_schedule_unless_somebody_insists(app: App) -> None:
    by = Actor("tests", "tests")
    await a_list(app)
    await a_schedule(app, "nightly")
    await a_schedule(app, "weekly")

    with pytest.raises(ListNeeded, match=r"nightly, weekly need .*--force"):
        await remove_list(app, "fleet", by=by)
    assert [each.name for each in await list_lists(app)] == ["fleet"]

    assert await remove_list(app, "fleet", by=by, force=True) == ["nightly", "weekly"]
    assert await list_lists(app) == []


async def test_a_schedule_without_its_list_is_marked_wherever_it_is_shown(app: App) -> None:
    await a_list(app)
    await a_schedule(app, "nightly")
    await remove_list(app, "fleet", by=Actor("tests", "tests"), force=True)

    listed = (await list_schedules(app))[0]
    occurrences = await preview_schedule(app, "nightly", after=None, count=2)
    checks = {check.name: check for check in await check_schedules(app)}

    assert "no list 'fleet'" in (listed.problem or "")
    assert "no list 'fleet'" in schedule_row(listed)["reason"]
    assert all("no list: there is no list 'fleet'" in instant.marks for instant in (*occurrences, *listed.upcoming))
    assert not checks["lists of schedules"].ok
    assert "nightly" in checks["lists of schedules"].detail

    await a_list(app)
    assert (await list_schedules(app))[0].problem is None
    assert "lists of schedules" not in {check.name for check in await check_schedules(app)}


async def test_a_schedule_that_has_ended_needs_no_list(app: App, clock: ManualClock) -> None:
    await a_list(app)
    await a_schedule(app, "once", recurrence=Once(datetime(2026, 3, 3, 2, 0), "Europe/Berlin"))  # noqa: DTZ001 - local
    night(clock)
    await fire_schedules(app)

    assert (await describe_schedule(app, "once")).schedule.status is ScheduleStatus.ENDED
    assert await remove_list(app, "fleet", by=Actor("tests", "tests")) == []


async def test_a_list_that_is_imported_between_the_question_and_the_job_is_not_called(app: App) -> None:
    await a_list(app, 3)
    await a_schedule(app, "nightly")
    schedule = (await describe_schedule(app, "nightly")).schedule
    by_hand = ByHand(Actor("tests", "tests"), version=1)
    await a_list(app, 20)

    with pytest.raises(WrongStatus, match="imported anew"):
        await start_occurrence(app, Making(schedule, TWO_O_CLOCK, None, None, app.worker, by_hand))

    assert await list_jobs(app, limit=5) == []


@pytest.mark.parametrize(
    "damage",
    [
        "replace(definition, 'Europe/Berlin', 'Europe/Atlantis')",
        "replace(definition, '0 2 * * *', '0 99 * * *')",
        """replace(definition, '"default"', '"gone"')""",
        "'no JSON'",
    ],
    ids=["unknown zone", "broken expression", "unknown tenant", "unreadable"],
)
async def test_a_schedule_that_an_update_has_broken_is_set_aside_and_the_others_go_on(
    app: App, clock: ManualClock, damage: str
) -> None:
    await a_list(app)
    for name in ("bad", "good"):
        await a_schedule(app, name)
    async with app.store.transaction() as tx:
        await tx.connection.execute(text(f"UPDATE schedules SET definition = {damage} WHERE name = 'bad'"))  # noqa: S608 - our own

    listed_before = await listed(app)
    night(clock)
    for _ in range(3):
        await fire_schedules(app)

    assert listed_before == await listed(app) == {"bad", "good"}
    async with app.store.reading() as tx:
        rows = await tx.connection.execute(text("SELECT status, reason FROM schedules WHERE name = 'bad'"))
        status, reason = rows.one()
        failed = await tx.connection.execute(text("SELECT count(*) FROM moments WHERE status = 'failed'"))
    assert (status, bool(reason)) == ("set aside", True)
    assert failed.scalar_one() == 1
    assert (await statuses_of(app, "good")) == [OccurrenceStatus.STARTED]


async def listed(app: App) -> set[str]:
    """Every schedule that a list shows or names as one that it cannot show."""
    views, unreadable = await list_schedules(app), await unreadable_schedules(app)
    return {view.schedule.name for view in views} | {name for name in ("bad", "good") if f"{name!r}" in str(unreadable)}


async def test_a_schedule_whose_next_time_cannot_be_read_goes_on_by_its_rule_and_holds_up_no_other(
    app: App, clock: ManualClock
) -> None:
    await a_list(app)
    for name in ("bad", "good"):
        await a_schedule(app, name)
    async with app.store.transaction() as tx:
        await tx.connection.execute(
            text("UPDATE schedules SET next_at = '2026-03-03 01:00:00', due_at = '2026-03-02' WHERE name = 'bad'")
        )

    night(clock)
    made = await fire_schedules(app)

    assert made == 2
    assert sorted(await statuses_of(app, "bad")) == [OccurrenceStatus.MISSED, OccurrenceStatus.STARTED]
    assert await statuses_of(app, "good") == [OccurrenceStatus.STARTED]


@pytest.mark.parametrize("garbage", ["never", "1970-01-01T00:00:00.000000Z", "2001-02-03T04:05:06.000000Z", "9999"])
async def test_a_next_time_that_cannot_be_right_costs_one_row_that_says_so(
    app: App, clock: ManualClock, garbage: str
) -> None:
    await a_list(app)
    await a_schedule(app, recurrence=Every(timedelta(minutes=1), clock.now()))
    garble = text("UPDATE schedules SET next_at = :garbage, due_at = '1999-01-01T00:00:00.000000Z'")
    async with app.store.transaction() as tx:
        await tx.connection.execute(garble, {"garbage": garbage})

    clock.advance(hours=100)
    await fire_schedules(app)

    history = await history_of(app)
    assert sorted(each.status for each in history) == [OccurrenceStatus.MISSED, OccurrenceStatus.STARTED]
    assert sum("could not be read" in (each.reason or "") for each in history) == 1
    assert (await describe_schedule(app, "nightly")).schedule.next_at == clock.now() + timedelta(minutes=1)


async def test_a_paused_schedule_whose_next_time_cannot_be_right_goes_on_with_one_row_that_says_so(
    app: App, clock: ManualClock
) -> None:
    await a_list(app)
    await a_schedule(app, recurrence=Every(timedelta(minutes=1), clock.now()))
    await pause_schedule(app, "nightly", by=SOMEBODY)
    async with app.store.transaction() as tx:
        await tx.connection.execute(text("UPDATE schedules SET next_at = 'never'"))

    clock.advance(hours=100)
    resumed = await resume_schedule(app, "nightly", by=SOMEBODY)

    [lost] = await history_of(app)
    assert (lost.status, "could not be read" in (lost.reason or "")) == (OccurrenceStatus.SKIPPED, True)
    assert resumed.schedule.next_at == clock.now() + timedelta(minutes=1)


async def test_a_paused_schedule_makes_no_job_and_its_history_says_so_when_it_goes_on(
    app: App, clock: ManualClock
) -> None:
    await a_list(app)
    await a_schedule(app)
    await pause_schedule(app, "nightly", by=Actor("tests", "tests"), reason="audit")

    for _ in range(2):
        night(clock)
        await fire_schedules(app)
    resumed = await resume_schedule(app, "nightly", by=Actor("tests", "tests"))
    night(clock)
    await fire_schedules(app)

    assert resumed.schedule.next_at == TWO_O_CLOCK + timedelta(days=2)
    assert await statuses_of(app) == [OccurrenceStatus.SKIPPED, OccurrenceStatus.SKIPPED, OccurrenceStatus.STARTED]


async def test_a_schedule_for_once_ends_with_its_moment(app: App, clock: ManualClock) -> None:
    await a_list(app)
    await a_schedule(app, recurrence=Once(datetime(2026, 3, 3, 2, 0), "Europe/Berlin"))  # noqa: DTZ001 - a wall time

    night(clock)
    await fire_schedules(app)
    night(clock)
    await fire_schedules(app)

    view = await describe_schedule(app, "nightly")
    assert (view.schedule.status, view.upcoming) == (ScheduleStatus.ENDED, ())
    assert await statuses_of(app) == [OccurrenceStatus.STARTED]
    with pytest.raises(RequestRejected, match="has ended"):
        await pause_schedule(app, "nightly", by=Actor("tests", "tests"))


async def test_jitter_makes_a_moment_start_later_and_not_another_moment(app: App, clock: ManualClock) -> None:
    await a_list(app)
    view = await a_schedule(app, rules=Rules(jitter=timedelta(hours=2)))
    jitter = view.schedule.jitter_at(TWO_O_CLOCK)

    night(clock)
    clock.advance(seconds=jitter.total_seconds() - 1)
    early = await fire_schedules(app)
    clock.advance(seconds=2)
    late = await fire_schedules(app)

    assert jitter > timedelta(minutes=1)
    assert (early, late) == (0, 1)
    assert (await history_of(app))[0].at == TWO_O_CLOCK


async def test_a_moment_whose_clock_was_killed_is_taken_up_by_another_and_becomes_one_job(
    app: App, sqlite_url: str, clock: ManualClock
) -> None:
    await a_list(app)
    view = await a_schedule(app)
    night(clock)
    # What a clock has done when it is killed with the job half received.
    async with app.store.transaction() as tx:
        await tx.schedules.advance(view.schedule, TWO_O_CLOCK + timedelta(days=1))
    await held_by_another(app, TWO_O_CLOCK, until=TWO_O_CLOCK + MAKING)

    async with an_app(sqlite_url, NOBODY, clock=clock, kind="clock") as another:
        # Job ids come from chance, which two apps of the tests share.
        other = replace(another, chance=Random(8))
        at_once = await fire_schedules(other)
        clock.advance(seconds=MAKING.total_seconds() + 1)
        later = await fire_schedules(other)
    killed = Making(view.schedule, TWO_O_CLOCK, None, None, app.worker)
    with pytest.raises(OccurrenceLost):
        await start_occurrence(app, killed)

    assert (at_once, later) == (0, 1)
    assert await statuses_of(app) == [OccurrenceStatus.STARTED]
    assert len(await list_jobs(app, limit=10)) == 1
    async with app.store.reading() as tx:
        assert (await tx.connection.execute(text("SELECT count(*) FROM jobs"))).scalar_one() == 1


async def test_a_clock_that_slept_makes_no_job_of_a_moment_that_another_holds(app: App, clock: ManualClock) -> None:
    await a_list(app)
    view = await a_schedule(app)
    night(clock)
    await held_by_another(app, TWO_O_CLOCK, until=TWO_O_CLOCK + timedelta(hours=1))

    with pytest.raises(OccurrenceLost):
        await start_occurrence(app, Making(view.schedule, TWO_O_CLOCK, None, None, app.worker))

    assert await list_jobs(app, limit=10) == []
    async with app.store.reading() as tx:
        rows = [
            (await tx.connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one()  # noqa: S608 - our own names
            for table in ("jobs", "batches", "targets", "input_pages")
        ]
    assert rows == [0, 0, 0, 0]


async def test_a_moment_comes_to_be_decided_once_the_one_before_it_has_its_job(app: App, clock: ManualClock) -> None:
    await a_list(app)
    view = await a_schedule(app, recurrence=Every(timedelta(minutes=1), START))
    clock.advance(minutes=2)
    async with app.store.transaction() as tx:
        await tx.schedules.advance(view.schedule, START + timedelta(minutes=2))
    await held_by_another(app, START + timedelta(minutes=1), until=START + timedelta(minutes=3))

    meanwhile = await fire_schedules(app)
    statuses = await statuses_of(app)
    clock.advance(minutes=1, seconds=1)
    afterwards = await fire_schedules(app)

    assert (meanwhile, statuses) == (0, [OccurrenceStatus.STARTING])
    assert afterwards == 1
    assert await statuses_of(app) == [OccurrenceStatus.STARTED, OccurrenceStatus.MISSED, OccurrenceStatus.SKIPPED]


async def test_a_moment_whose_clock_was_killed_in_the_evening_is_not_made_up_for_in_the_morning(
    app: App, clock: ManualClock
) -> None:
    await a_list(app)
    view = await a_schedule(app)
    night(clock)
    async with app.store.transaction() as tx:
        await tx.schedules.advance(view.schedule, TWO_O_CLOCK + timedelta(days=1))
    await held_by_another(app, TWO_O_CLOCK, until=TWO_O_CLOCK)

    clock.advance(hours=6)
    await fire_schedules(app)

    assert await statuses_of(app) == [OccurrenceStatus.MISSED]


async def test_at_the_end_of_its_window_a_job_stops_and_what_is_left_comes_first_next_time(
    app: App, clock: ManualClock
) -> None:
    await a_list(app, 10)
    await a_schedule(app, rules=Rules(until=time(6), carry_over=True))
    night(clock)
    await fire_schedules(app)
    (first,) = await history_of(app)
    job = await job_of(app, first.job)
    devices = device_ids(10)
    async with app.store.transaction() as tx:
        # The first four were called; the fifth waits for another attempt, as the rest.
        await tx.connection.execute(
            text("UPDATE targets SET status = 'accepted' WHERE line <= 5"),
        )
        await tx.connection.execute(text("UPDATE batches SET waiting = 6, accepted = 4"))

    clock.advance(hours=3, minutes=59)
    await close_windows(app)
    before = (await job_of(app, job.id)).status
    clock.advance(minutes=1)
    await close_windows(app)
    stopped = await job_of(app, job.id)
    told = await write_end_notices(app)
    night(clock)
    await fire_schedules(app)
    second = await job_of(app, (await history_of(app))[1].job)
    targets = await targets_of(app, second)

    assert before is JobStatus.QUEUED
    assert told == 1
    assert stopped.status is JobStatus.STOPPED
    assert "06:00 (Europe/Berlin)" in (stopped.reason or "")
    assert [target.device for target in targets] == [*devices[4:], *devices[:4]]
    assert [target.line for target in targets] == list(range(2, 12))
    assert {target.status for target in await targets_of(app, job)} == {TargetStatus.ACCEPTED, TargetStatus.WAITING}


async def stopped_at_the_end_of_its_window(app: App, clock: ManualClock) -> Job:
    """The job of a first night, of which everything is left for the next."""
    await a_list(app, 10)
    await a_schedule(app, rules=Rules(until=time(6), carry_over=True))
    night(clock)
    await fire_schedules(app)
    clock.advance(hours=5)
    await close_windows(app)
    return await job_of(app, (await history_of(app))[0].job)


async def test_what_is_carried_over_is_not_called_by_the_stopped_job_as_well(app: App, clock: ManualClock) -> None:
    await stopped_at_the_end_of_its_window(app, clock)
    night(clock)
    await fire_schedules(app)

    stopped, second = [await job_of(app, instant.job) for instant in await history_of(app)]
    with pytest.raises(WrongStatus, match=second.id):
        await resume_job(app, stopped.id, by=Actor("tests", "tests"))

    assert (stopped.status, second.status) == (JobStatus.STOPPED, JobStatus.QUEUED)
    assert f"What it left is first in job {second.id}." in (stopped.reason or "")
    assert stopped.finished_at == clock.now()


async def test_a_job_that_goes_on_again_keeps_what_it_left(app: App, clock: ManualClock) -> None:
    first = await stopped_at_the_end_of_its_window(app, clock)

    await resume_job(app, first.id, by=Actor("tests", "tests"))
    async with app.store.transaction() as tx:
        carried = await tx.job_ends.carry_over(first.id, to=JobId("another"), reason="carried over", now=await tx.now())

    assert not carried
    assert (await job_of(app, first.id)).status is JobStatus.RUNNING


async def test_a_job_whose_rest_is_in_another_one_does_not_go_on_however_late_that_was_seen(
    app: App, clock: ManualClock
) -> None:
    first = await stopped_at_the_end_of_its_window(app, clock)

    async with app.store.transaction() as tx:
        now = await tx.now()
        assert await tx.job_ends.carry_over(first.id, to=JobId("another"), reason="carried over", now=now)
        # As whoever resumes it does, who looked before that.
        goes_on = await tx.jobs.move(first.number, JobStatus.RUNNING, if_in=(JobStatus.STOPPED,), reason=None, now=now)

    assert not goes_on


async def test_a_person_may_let_a_job_go_on_beyond_its_window(app: App, clock: ManualClock) -> None:
    await a_list(app, 5)
    await a_schedule(app, rules=Rules(until=time(6)))
    night(clock)
    await fire_schedules(app)
    job = (await history_of(app))[0].job
    assert job is not None
    clock.advance(hours=5)
    await close_windows(app)

    await resume_job(app, job, by=Actor("tests", "tests"))
    await close_windows(app)

    assert (await job_of(app, job)).status is JobStatus.RUNNING


async def test_a_schedule_run_by_hand_is_a_moment_of_its_own_and_refused_while_the_last_job_runs(
    app: App, clock: ManualClock
) -> None:
    await a_list(app)
    await a_schedule(app, rules=Rules(until=time(6)))

    job = await run_schedule(app, "nightly", by=Actor("ada", "tests"))
    with pytest.raises(StillRunning, match=job.id):
        await run_schedule(app, "nightly", by=Actor("ada", "tests"))
    await let_end(app, job.id)
    night(clock)
    await fire_schedules(app)

    by_hand, by_clock = await history_of(app)
    assert (by_hand.by, by_hand.job, by_clock.by) == ("ada", job.id, None)
    assert job.submitted_by == "ada"


async def test_what_is_wrong_with_a_schedule_is_said_when_it_is_made(app: App) -> None:
    await a_list(app, b"managedDeviceId\n" + device_ids(1)[0].encode(), via=Via.COMANAGED_DEVICES, name="co")
    await a_list(app)
    await a_schedule(app)

    with pytest.raises(UnknownList):
        await a_schedule(app, "a", list_name="nowhere")
    with pytest.raises(ScheduleInvalid, match="comanagedDevices"):
        await a_schedule(app, "b", list_name="co")
    with pytest.raises(NameTaken):
        await a_schedule(app)
    with pytest.raises(RequestRejected, match="no name"):
        await a_schedule(app, "no name")
    with pytest.raises(ScheduleInvalid, match="--until"):
        await a_schedule(app, "c", rules=Rules(carry_over=True))
    with pytest.raises(ScheduleInvalid, match="--start-within"):
        await a_schedule(app, "d", rules=Rules(start_within=timedelta(seconds=1)))
    with pytest.raises(ScheduleInvalid, match="--jitter"):
        await a_schedule(app, "e", rules=Rules(until=time(6), jitter=timedelta(hours=4)))
    assert [view.schedule.name for view in await list_schedules(app)] == ["nightly"]


async def test_a_removed_schedule_leaves_its_jobs(app: App, clock: ManualClock) -> None:
    await a_list(app)
    await a_schedule(app)
    night(clock)
    await fire_schedules(app)

    await remove_schedule(app, "nightly", by=Actor("tests", "tests"))

    assert [view.job.schedule for view in await list_jobs(app, limit=10)] == ["nightly"]
    with pytest.raises(UnknownSchedule):
        await describe_schedule(app, "nightly")


async def test_two_schedules_at_one_moment_make_two_jobs(app: App, clock: ManualClock) -> None:
    await a_list(app)
    for name in ("one", "two"):
        await a_schedule(app, name, recurrence=Cron("0 2 * * *", "Europe/Berlin"))

    night(clock)
    await fire_schedules(app)

    assert {view.job.schedule for view in await list_jobs(app, limit=10)} == {"one", "two"}


async def held_by_another(app: App, at: datetime, *, until: datetime) -> None:
    """As if another clock made a job of this moment, and had given no sign of life since."""
    async with app.store.transaction() as tx:
        await tx.connection.execute(
            text(
                "INSERT INTO moments (schedule_number, at, status, decided_at, holder, lease_until) "
                "VALUES (1, :at, 'starting', :at, 'another', :until)"
            ),
            {"at": _text(at), "until": _text(until)},
        )


def _text(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
