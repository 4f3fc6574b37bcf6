"""What needs attention is found in the database, however many jobs there are, and goes when somebody knows of it."""

from __future__ import annotations

import pytest

from orchestrator.domain.access import Actor, Grant, Role
from orchestrator.domain.attention import AttentionKind, RemedyKind
from orchestrator.domain.errors import NotPermitted, RequestRejected, UnknownAttentionItem
from orchestrator.domain.lane import parse_write_limit
from orchestrator.domain.schedule import Rules
from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.serving import serve
from orchestrator.usecases.access.read_audit import read_audit
from orchestrator.usecases.jobs.pause_job import pause_job
from orchestrator.usecases.jobs.resume_job import resume_job
from orchestrator.usecases.jobs.retry_job import retry_job
from orchestrator.usecases.lists.describe_lists import remove_list
from orchestrator.usecases.operations.describe_status import describe_status
from orchestrator.usecases.operations.list_attention import acknowledge, list_attention
from orchestrator.usecases.operations.measure import measure
from orchestrator.usecases.schedules.fire_schedules import fire_schedules
from orchestrator.usecases.schedules.run_schedule import run_schedule
from tests.support.actors import SOMEBODY
from tests.support.apps import an_app, device_ids, driven, submitted
from tests.support.clock import ManualClock
from tests.support.schedules import a_list, a_schedule
from tests.support.web import a_service, some_settings

pytestmark = pytest.mark.enable_socket

LIMIT = parse_write_limit("none")
NOBODY = "http://127.0.0.1:1"


async def test_a_paused_job_is_acknowledged_and_shown_again_when_it_is_paused_anew(database_url: str) -> None:
    clock = ManualClock()
    async with an_app(database_url, NOBODY, clock=clock) as app:
        job = await submitted(app, 3)
        await pause_job(app, job.id, by=SOMEBODY)
        (item,) = await list_attention(app)

        with pytest.raises(RequestRejected, match="needs a reason"):
            await acknowledge(app, item.id, reason=" ", by=SOMEBODY)
        with pytest.raises(UnknownAttentionItem, match=item.id):
            await acknowledge(app, "jobWaits:other", reason="Known.", by=SOMEBODY)
        await acknowledge(app, job.id, reason="Known.", by=SOMEBODY)

        assert await list_attention(app) == []
        (audit_entry, *_) = await read_audit(app, by=SOMEBODY, limit=10)
        assert (audit_entry.what, audit_entry.subject, audit_entry.reason) == (
            "attention.acknowledged",
            job.id,
            "Known.",
        )
        await resume_job(app, job.id, by=SOMEBODY)
        clock.advance(minutes=5)
        await pause_job(app, job.id, by=SOMEBODY)
        assert [each.id for each in await list_attention(app)] == [item.id]


async def test_failures_above_the_tolerated_share_are_found_and_go_when_they_are_retried(database_url: str) -> None:
    graph = SimulatedGraph(None)
    graph.refuse(device_ids(20)[:2], 423, times=1)
    graph.refuse(device_ids(5, seed=2)[:5], 404)
    async with serve(graph) as url, an_app(database_url, url, limit=LIMIT, attempts=1) as app:
        view = await driven(app, await submitted(app, 20))
        other = await driven(app, await submitted(app, "\n".join(["Device ID", *device_ids(5, seed=2)]).encode()))

        gone, failures = await list_attention(app)
        await retry_job(app, view.job.id, by=SOMEBODY)
        await acknowledge(app, gone.id, reason="They are gone.", by=SOMEBODY)

        assert (failures.id, failures.remedy.kind) == (f"jobFailures:{view.job.id}", RemedyKind.RETRY_JOB)
        assert (gone.id, gone.remedy.kind) == (f"jobFailed:{other.job.id}", RemedyKind.SHOW_ERRORS)
        assert [item.kind for item in await list_attention(app)] == []


async def test_a_schedule_tolerates_its_own_share_and_a_good_run_settles_a_bad_one(sqlite_url: str) -> None:
    graph = SimulatedGraph(None)
    graph.refuse(device_ids(20)[:2], 423, times=1)
    graph.refuse(device_ids(20)[2:3], 404)
    async with serve(graph) as url, an_app(sqlite_url, url, limit=LIMIT, attempts=1, kind="clock") as app:
        await a_list(app, 20)
        await a_schedule(app, "strict", rules=Rules(tolerate=10))
        first = await driven(app, await run_schedule(app, "strict", by=SOMEBODY))
        after_first = await list_attention(app)
        second = await driven(app, await run_schedule(app, "strict", by=SOMEBODY))
        after_second = await list_attention(app)

    assert (first.tally.failed, second.tally.failed) == (3, 1)
    assert [item.subject for item in after_first] == [first.job.id]
    assert after_second == []


async def test_a_run_that_was_missed_needs_attention_before_and_after_a_clock_writes_it_down(sqlite_url: str) -> None:
    clock = ManualClock()
    async with an_app(sqlite_url, NOBODY, clock=clock, kind="clock") as app:
        await a_list(app)
        await a_schedule(app)
        clock.advance(days=1)

        (before,) = await list_attention(app)
        await fire_schedules(app)
        (after,) = await list_attention(app)
        figures = await measure(app)
        await run_schedule(app, "nightly", by=SOMEBODY)

        assert (before.id, before.remedy.kind) == ("runMissed:nightly", RemedyKind.START_CLOCK)
        assert (after.id, after.remedy.kind) == ("runMissed:nightly", RemedyKind.RUN_SCHEDULE)
        assert b'muster_attention_items{kind="runMissed"} 1.0' in figures
        assert [item.kind for item in await list_attention(app)] == []


async def test_a_schedule_whose_list_was_removed_needs_attention_until_it_has_one(sqlite_url: str) -> None:
    clock = ManualClock()
    async with an_app(sqlite_url, NOBODY, clock=clock, kind="clock") as app:
        await a_list(app)
        await a_schedule(app)
        clock.advance(minutes=5)
        removed_at = clock.now()
        await remove_list(app, "fleet", by=SOMEBODY, force=True, reason=None)
        clock.advance(minutes=5)

        status = await describe_status(app)
        figures = await measure(app)
        await a_list(app)

        (item,) = status.attention
        assert (item.id, item.since, item.remedy.kind) == (
            "scheduleLacksList:nightly",
            removed_at,
            RemedyKind.CHANGE_SCHEDULE,
        )
        assert item.sentence == (
            "Schedule nightly cannot run. There is no list 'fleet'. Import it again, or name another list."
        )
        assert b'muster_attention_items{kind="scheduleLacksList"} 1.0' in figures
        assert await list_attention(app) == []


async def test_who_may_not_steer_a_tenant_acknowledges_nothing_of_it(sqlite_url: str) -> None:
    async with an_app(sqlite_url, NOBODY) as app:
        job = await submitted(app, 3)
        await pause_job(app, job.id, by=SOMEBODY)

        for grant in (Grant(Role.VIEWER), Grant(Role.OPERATOR, tenants=frozenset({"fabrikam"}))):
            with pytest.raises(NotPermitted):
                await acknowledge(app, job.id, reason="Known.", by=Actor("x", "tests", grant))

        assert len(await list_attention(app)) == 1


async def test_devices_wait_and_no_process_works(sqlite_url: str) -> None:
    clock = ManualClock()
    async with an_app(sqlite_url, NOBODY, clock=clock, kind="ask") as app:
        await submitted(app, 3)
        clock.advance(minutes=1)

        status = await describe_status(app)

    assert [item.kind for item in status.attention] == [AttentionKind.NO_WORKER]
    assert not status.is_well


async def test_over_http_it_is_shown_and_acknowledged(sqlite_url: str) -> None:
    async with a_service(some_settings(sqlite_url)) as service, service.client(Role.OPERATOR) as client:
        await client.post("/api/halt", json={"reason": "Wrong list."})
        shown = (await client.get("/api/status")).json()
        item = shown["attention"][0]["id"]
        unknown = await client.post("/api/attention/jobWaits:none/acknowledge", json={"reason": "Known."})
        done = await client.post(f"/api/attention/{item}/acknowledge", json={"reason": "Known."})
        after = (await client.get("/api/status")).json()

    assert (shown["ok"], shown["running"], shown["next"]) == (False, [], [])
    assert shown["attention"][0]["action"]["kind"] == "liftStop"
    assert (unknown.status_code, done.status_code, done.json()["id"]) == (404, 200, item)
    assert (after["ok"], after["attention"]) == (True, [])
