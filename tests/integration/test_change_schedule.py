"""A schedule changed in place: what is named becomes otherwise, from the next decision on, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta

import pytest
from sqlalchemy import text

from orchestrator.app import App
from orchestrator.domain.access import Actor, Grant, Role
from orchestrator.domain.action import Action
from orchestrator.domain.blackout import parse_blackout
from orchestrator.domain.errors import NotPermitted, RequestRejected, ScheduleInvalid, UnknownList, UnknownSchedule
from orchestrator.domain.recurrence import Every, Once
from orchestrator.domain.schedule import OccurrenceStatus, Overlap, Rules, ScheduleStatus
from orchestrator.domain.schedule_change import ScheduleChange
from orchestrator.usecases.access.read_audit import read_audit
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.schedules.change_schedule import change_schedule
from orchestrator.usecases.schedules.describe_schedules import describe_schedule
from orchestrator.usecases.schedules.fire_schedules import fire_schedules
from orchestrator.usecases.schedules.pause_schedule import pause_schedule
from orchestrator.usecases.schedules.resume_schedule import resume_schedule
from tests.support.apps import an_app
from tests.support.clock import START, ManualClock
from tests.support.schedules import a_list, a_schedule, history_of, statuses_of
from tests.support.web import a_service, some_settings

pytestmark = pytest.mark.enable_socket

ANNA = Actor("anna", "tests")


@pytest.fixture
async def app(sqlite_url: str, clock: ManualClock) -> AsyncIterator[App]:
    async with an_app(sqlite_url, "http://127.0.0.1:1", clock=clock, kind="clock") as opened:
        yield opened


async def test_what_is_named_becomes_otherwise_and_all_else_stays(app: App) -> None:
    await a_list(app)
    before = (await a_schedule(app, rules=Rules(until=time(6), carry_over=True))).schedule

    changed = await change_schedule(
        app, "nightly", {"overlap": Overlap.QUEUE, "until": "05:00", "action": Action.QUICK_SCAN}, by=ANNA
    )

    after = changed.view.schedule
    assert changed.differences == {
        "action": "refreshUserPolicy → quickScan",
        "overlap": "skip → queue",
        "until": "06:00 → 05:00",
    }
    assert after.rules == Rules(overlap=Overlap.QUEUE, until=time(5), carry_over=True)
    assert after.order.action is Action.QUICK_SCAN
    assert (after.recurrence, after.next_at, after.channels) == (before.recurrence, before.next_at, before.channels)
    audit_entry = (await read_audit(app, by=ANNA, limit=1))[0]
    assert (audit_entry.who, audit_entry.what, audit_entry.subject, dict(audit_entry.facts)) == (
        "anna",
        "schedule.changed",
        "nightly",
        changed.differences,
    )


async def test_another_recurrence_keeps_the_zone_and_another_zone_the_recurrence(app: App) -> None:
    await a_list(app)
    await a_schedule(app)

    later = await change_schedule(app, "nightly", {"cron": "30 3 * * *"}, by=ANNA)
    elsewhere = await change_schedule(app, "nightly", {"timezone": "Asia/Tokyo"}, by=ANNA)

    assert later.view.upcoming[0].local.isoformat() == "2026-03-03T03:30:00+01:00"
    assert elsewhere.view.upcoming[0].local.isoformat() == "2026-03-03T03:30:00+09:00"


async def test_a_moment_that_has_come_is_run_by_the_changed_rules_but_not_by_another_recurrence(
    app: App, clock: ManualClock
) -> None:
    await a_list(app)
    await a_list(app, 5, name="few")
    await a_schedule(app)
    await a_schedule(app, "other")
    clock.advance(seconds=(datetime(2026, 3, 3, 1, 0, 5, tzinfo=UTC) - START).total_seconds())

    await change_schedule(app, "nightly", {"list_name": "few"}, by=ANNA)
    await change_schedule(app, "other", {"every": "6h"}, by=ANNA)
    made = await fire_schedules(app)

    (instant,) = await history_of(app)
    assert made == 1
    assert instant.job is not None
    assert (await describe_job(app, instant.job)).tally.total == 5
    (passed,) = await history_of(app, "other")
    assert (passed.status, passed.reason) == (OccurrenceStatus.SKIPPED, "the schedule was given another recurrence")
    assert (await describe_schedule(app, "other")).schedule.next_at == clock.now().replace(microsecond=0) + timedelta(
        hours=6
    )


async def test_a_schedule_that_has_ended_goes_on_with_a_new_time(app: App, clock: ManualClock) -> None:
    await a_list(app)
    await a_schedule(app, "once", recurrence=Once(datetime.fromisoformat("2026-03-03T02:00"), "Europe/Berlin"))
    clock.advance(days=2)
    await fire_schedules(app)

    changed = await change_schedule(app, "once", {"at": "2026-03-10T02:00"}, by=ANNA)
    clock.advance(seconds=(datetime(2026, 3, 10, 1, tzinfo=UTC) - clock.now()).total_seconds())
    made = await fire_schedules(app)

    assert changed.view.schedule.status is ScheduleStatus.ACTIVE
    assert made == 1
    assert await statuses_of(app, "once") == [OccurrenceStatus.MISSED, OccurrenceStatus.STARTED]


async def test_a_paused_schedule_stays_paused_and_one_set_aside_is_mended_and_resumed(
    app: App, clock: ManualClock
) -> None:
    await a_list(app)
    await a_schedule(app)
    await a_schedule(app, "bad")
    await pause_schedule(app, "nightly", by=ANNA)
    async with app.store.transaction() as tx:
        # As if an update had taken the zone away.
        await tx.connection.execute(
            text("UPDATE schedules SET definition = replace(definition, 'Europe/Berlin', 'Europe/Atlantis')")
        )
        await tx.connection.execute(text("UPDATE schedules SET status = 'set aside' WHERE name = 'bad'"))
    clock.advance(days=3)

    paused = await change_schedule(app, "nightly", {"cron": "0 4 * * *", "timezone": "Europe/Paris"}, by=ANNA)
    mended = await change_schedule(app, "bad", {"timezone": "Europe/Berlin"}, by=ANNA)
    made = await fire_schedules(app)
    resumed = await resume_schedule(app, "bad", by=ANNA)

    assert (paused.view.schedule.status, mended.view.schedule.status) == (
        ScheduleStatus.PAUSED,
        ScheduleStatus.SET_ASIDE,
    )
    assert made == 0
    assert resumed.schedule.status is ScheduleStatus.ACTIVE
    assert resumed.upcoming[0].local.isoformat() == "2026-03-06T02:00:00+01:00"


async def test_a_change_that_cannot_be_is_refused_and_leaves_everything_as_it_was(app: App) -> None:
    await a_list(app)
    before = await a_schedule(app, rules=Rules(until=time(6), carry_over=True))
    bad: tuple[tuple[ScheduleChange, type[RequestRejected]], ...] = (
        ({}, RequestRejected),
        ({"list_name": "nothing"}, UnknownList),
        ({"until": None}, ScheduleInvalid),
        ({"cron": "0 2 * *"}, ScheduleInvalid),
        ({"cron": "0 2 * * *", "every": "6h"}, ScheduleInvalid),
        ({"start_within": "1s"}, ScheduleInvalid),
        ({"jitter": "4h"}, ScheduleInvalid),
        ({"timezone": "Europe/Atlantis"}, RequestRejected),
        ({"notify": ("nobody",)}, RequestRejected),
    )

    for change, error in bad:
        with pytest.raises(error):
            await change_schedule(app, "nightly", change, by=ANNA)
    with pytest.raises(UnknownSchedule):
        await change_schedule(app, "nothing", {"until": "05:00"}, by=ANNA)
    scans_only = Actor("otto", "tests", Grant(Role.OPERATOR, actions=frozenset({Action.QUICK_SCAN})))
    with pytest.raises(NotPermitted):
        await change_schedule(app, "nightly", {"action": Action.QUICK_SCAN}, by=scans_only)

    assert await describe_schedule(app, "nightly") == before


async def test_carrying_over_needs_something_that_ends_the_window(app: App) -> None:
    await a_list(app)
    await a_schedule(app, rules=Rules(until=time(6), carry_over=True), blackouts=(parse_blackout("2026-12-24"),))

    changed = await change_schedule(app, "nightly", {"until": None}, by=ANNA)

    assert changed.view.schedule.rules == Rules(carry_over=True)


async def test_years_of_moments_that_another_recurrence_passes_over_are_counted(app: App, clock: ManualClock) -> None:
    await a_list(app)
    await a_schedule(app, recurrence=Every(timedelta(minutes=1), START))
    await pause_schedule(app, "nightly", by=ANNA)
    clock.advance(days=300)

    await resume_schedule(app, "nightly", by=ANNA)

    history = await history_of(app)
    assert sum(1 + instant.more for instant in history) == 300 * 24 * 60
    assert {instant.status for instant in history} == {OccurrenceStatus.SKIPPED}


async def test_over_http_null_takes_away_and_what_is_left_out_stays(sqlite_url: str) -> None:
    async with a_service(some_settings(sqlite_url)) as service, service.client(Role.OPERATOR) as client:
        await a_list(service.served.app)
        await a_schedule(service.served.app, rules=Rules(until=time(6)))

        changed = await client.patch("/api/schedules/nightly", json={"until": None, "priority": "high", "notify": None})
        nothing = await client.patch("/api/schedules/nightly", json={})
        unknown = await client.patch("/api/schedules/nothing", json={"priority": "high"})

    facts = changed.json()
    assert changed.status_code == 200
    assert (facts["rules"]["until"], facts["priority"], facts["cron"]) == (None, "high", "0 2 * * *")
    assert (nothing.status_code, unknown.status_code) == (422, 404)


async def test_lists_go_without_a_schedule_that_cannot_be_read_and_say_so(sqlite_url: str) -> None:
    async with a_service(some_settings(sqlite_url)) as service, service.client(Role.VIEWER) as client:
        await a_list(service.served.app)
        for name in ("bad", "good"):
            await a_schedule(service.served.app, name)
        async with service.served.app.store.transaction() as tx:
            await tx.connection.execute(text("UPDATE schedules SET definition = '{}' WHERE name = 'bad'"))

        listed = await client.get("/api/schedules")
        asked = await client.get("/api/schedules/bad")
        await client.post("/sign-in", data={"key": await service.key(Role.VIEWER)})
        page = await client.get("/schedules")

    assert [schedule["name"] for schedule in listed.json()["items"]] == ["good"]
    assert (asked.status_code, "`muster schedule remove bad`" in asked.json()["detail"]) == (422, True)
    assert page.status_code == 200
    assert "schedule &#39;bad&#39; was made of cannot be read" in page.text
    # A page names no command.
    assert "muster schedule remove" not in page.text
