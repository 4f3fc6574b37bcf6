"""The emergency stop: no call leaves, jobs wait and say why, schedules start nothing, and only lifting ends it."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import AsyncIterator

import httpx
import pytest

from orchestrator.app import App
from orchestrator.domain.access import Actor, Grant, Role
from orchestrator.domain.emergency_stop import EmergencyStop
from orchestrator.domain.errors import EmergencyStopped, NotPermitted, RequestRejected, UnknownTenant
from orchestrator.domain.job import JobStatus
from orchestrator.domain.lane import parse_write_limit
from orchestrator.domain.schedule import OccurrenceStatus
from orchestrator.domain.waiting import WaitKind
from orchestrator.engine.driver import open_driver
from orchestrator.engine.recovery import LEASE
from orchestrator.engine.stop import StopSignal
from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.serving import serve
from orchestrator.usecases.access.read_audit import read_audit
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.jobs.describe_jobs import JobView
from orchestrator.usecases.operations.check_health import check_stops
from orchestrator.usecases.operations.emergency_stop import lift_stop, stop_calls
from orchestrator.usecases.operations.measure import measure
from orchestrator.usecases.operations.stops_in_force import stops_in_force
from orchestrator.usecases.schedules.fire_schedules import fire_schedules
from orchestrator.usecases.schedules.run_schedule import run_schedule
from tests.support.actors import SOMEBODY
from tests.support.apps import an_app, submitted, until_at_rest
from tests.support.clock import ManualClock
from tests.support.schedules import a_list, a_schedule, history_of
from tests.support.web import a_service, a_visitor, some_settings

pytestmark = pytest.mark.enable_socket

LIMIT = parse_write_limit("200/1s")
NOBODY = "http://127.0.0.1:1"


async def until_called(graph: SimulatedGraph, calls: int) -> None:
    async with asyncio.timeout(60):
        while graph.tenant.total < calls:  # noqa: ASYNC110 - the simulator tells nobody
            await asyncio.sleep(0.01)


async def until_quiet(app: App, job: str) -> JobView:
    """The job once no call of it is on its way any more."""
    async with asyncio.timeout(60):
        while (view := await describe_job(app, job)).tally.sending:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)
    return view


async def test_calls_stop_jobs_wait_and_say_why_and_lifting_calls_the_rest_once(sqlite_url: str) -> None:
    graph = SimulatedGraph(None)
    graph.answer_within(0.01, 0.05)
    async with serve(graph) as url, an_app(sqlite_url, url, limit=LIMIT) as app:
        async with open_driver(app, StopSignal()):
            job = await submitted(app, 400)
            await until_called(graph, 40)

            await stop_calls(app, tenant=None, reason="Wrong list.", by=SOMEBODY)
            # Two looks of the driver later nothing more may leave.
            await asyncio.sleep(1.0)
            halted = await until_quiet(app, job.id)
            called = graph.tenant.total
            later = await submitted(app, 5)
            # That nothing happens is what is tried here and after the restart, so there is nothing to wait for.
            await asyncio.sleep(1.5)
            still = await describe_job(app, job.id)
            waiting = await describe_job(app, later.id)
        async with an_app(sqlite_url, url, limit=LIMIT) as again, open_driver(again, StopSignal()):
            # It holds through a restart.
            await asyncio.sleep(1.5)
            assert graph.tenant.total == called

            await lift_stop(again, tenant=None, reason="Right list.", by=SOMEBODY)
            finished = await until_at_rest(again, job.id)
            await until_at_rest(again, later.id)

    assert 0 < called < 400
    for view in (halted, still, waiting):
        assert view.status in {JobStatus.QUEUED, JobStatus.RUNNING}
        assert view.waiting_for is not None
        assert view.waiting_for.kind is WaitKind.HALTED
        assert "Emergency stop of all tenants" in view.waiting_for.message
        assert "Wrong list" in view.waiting_for.message
        assert view.estimated_finish_at is None
    assert still.tally.accepted == called
    assert waiting.tally.waiting == 5
    assert finished.tally.accepted == 400
    assert finished.waiting_for is None
    # Each device of each job once: no call was lost, and none was made twice.
    assert graph.tenant.total == 405


@pytest.fixture
async def idle(database_url: str) -> AsyncIterator[App]:
    async with an_app(database_url, NOBODY) as app:
        yield app


@pytest.mark.parametrize(
    ("tenant", "lanes", "is_stopped"),
    [
        (None, None, True),
        ("default", "global/contoso/", True),
        ("another name", "global/contoso/", True),
        ("fabrikam", "global/fabrikam/", False),
        ("fabrikam", "global/cont/", False),
    ],
)
async def test_no_batch_of_a_covered_job_can_be_claimed(
    idle: App, tenant: str | None, lanes: str | None, *, is_stopped: bool
) -> None:
    job = await submitted(idle, 3)
    async with idle.store.transaction() as tx:
        now = await tx.now()
        await tx.emergency_stops.add(EmergencyStop(tenant, "x", "somebody", now, lanes))

    async with idle.store.transaction() as tx:
        due = await tx.fair_queue.due(worker=idle.worker, now=now)
        among = await tx.fair_queue.stopped_among([job.number])
        claim = await tx.batch_claims.claim(job.number, worker=idle.worker, lease=LEASE, now=now)

    assert (due == []) is is_stopped
    assert (among == {job.number}) is is_stopped
    assert (claim is None) is is_stopped


async def test_it_is_in_the_audit_log_the_metrics_and_the_doctors_lines(idle: App) -> None:
    operator = Actor("op", "tests", Grant(Role.OPERATOR))

    await stop_calls(idle, tenant="default", reason="Wrong list.", by=operator)
    await stop_calls(idle, tenant="default", reason="Once more.", by=SOMEBODY)
    (stop,) = await stops_in_force(idle)
    check, figures = await check_stops(idle), await measure(idle)
    with pytest.raises(NotPermitted):
        await lift_stop(idle, tenant="default", reason="x", by=operator)
    with pytest.raises(RequestRejected, match="of tenant fabrikam alone"):
        await lift_stop(idle, tenant="fabrikam", reason="x", by=SOMEBODY)
    await lift_stop(idle, tenant=None, reason="Right list.", by=SOMEBODY)
    with pytest.raises(RequestRejected, match="No emergency stop is in force"):
        await lift_stop(idle, tenant=None, reason="x", by=SOMEBODY)

    audit_entries = await read_audit(idle, by=SOMEBODY, limit=10)
    assert (stop.tenant, stop.reason, stop.by) == ("default", "Wrong list.", "op")
    assert (check.ok, check.is_needed) == (False, False)
    assert b'muster_emergency_stop{tenant="default"} 1.0' in figures
    assert (await check_stops(idle)).ok
    assert [(audit_entry.what, audit_entry.who, audit_entry.reason) for audit_entry in audit_entries] == [
        ("emergency_stop.lifted", SOMEBODY.name, "Right list."),
        ("emergency_stop.set", SOMEBODY.name, "Once more."),
        ("emergency_stop.set", "op", "Wrong list."),
    ]


async def test_who_may_not_stop_it_or_gives_no_reason_is_refused(idle: App) -> None:
    limited = Actor("op", "tests", Grant(Role.OPERATOR, tenants=frozenset({"fabrikam"})))

    for tenant, reason, by, problem in (
        (None, "x", Actor("v", "tests", Grant(Role.VIEWER)), NotPermitted),
        (None, "x", limited, NotPermitted),
        ("default", "x", limited, NotPermitted),
        (None, "  ", SOMEBODY, RequestRejected),
        ("nobody", "x", SOMEBODY, UnknownTenant),
    ):
        with pytest.raises(problem):
            await stop_calls(idle, tenant=tenant, reason=reason, by=by)

    assert await stops_in_force(idle) == []


async def test_schedules_start_nothing_and_their_history_says_why(sqlite_url: str, clock: ManualClock) -> None:
    async with an_app(sqlite_url, NOBODY, clock=clock, kind="clock") as app:
        await a_list(app)
        await a_schedule(app)
        await stop_calls(app, tenant="default", reason="Wrong list.", by=SOMEBODY)

        clock.advance(days=1)
        made = await fire_schedules(app)
        with pytest.raises(EmergencyStopped, match="Schedules start nothing"):
            await run_schedule(app, "nightly", by=SOMEBODY)

        (instant,) = await history_of(app)
    assert made == 0
    assert instant.status is OccurrenceStatus.SKIPPED
    assert "Emergency stop of tenant default" in (instant.reason or "")
    assert "Wrong list" in (instant.reason or "")


async def test_the_api_sets_it_shows_it_and_lifts_it(sqlite_url: str) -> None:
    async with a_service(some_settings(sqlite_url)) as service, service.client(Role.OPERATOR) as operator:
        before = (await operator.get("/api/halt")).json()
        unreasoned = await operator.post("/api/halt", json={})
        stopped = await operator.post("/api/halt", json={"reason": "Wrong list."})
        refused = await operator.post("/api/halt", json={"reason": "x", "lift": True})
        async with service.client() as admin:
            lifted = await admin.post("/api/halt", json={"reason": "Right list.", "lift": True})

    assert before == {"isHalted": False, "items": []}
    assert unreasoned.status_code == 422
    assert stopped.status_code == 200
    (item,) = stopped.json()["items"]
    assert (item["tenant"], item["reason"], item["stoppedBy"]) == (None, "Wrong list.", "key:operator")
    assert refused.status_code == 403
    assert lifted.json() == before


async def test_the_api_and_the_page_count_the_jobs_devices_and_schedules_that_it_holds_up(sqlite_url: str) -> None:
    async with a_service(some_settings(sqlite_url)) as service, a_visitor(service, Role.VIEWER) as viewer:
        app = service.served.app
        jobs = [await submitted(app, devices) for devices in (3, 4)]
        await a_list(app)
        await a_schedule(app)
        await stop_calls(app, tenant="default", reason="Wrong list.", by=SOMEBODY)
        async with service.client(Role.VIEWER) as client:
            (item,) = (await client.get("/api/halt")).json()["items"]
        page = (await viewer.get("/halt")).text

    assert (item["jobs"], item["devices"], item["schedules"]) == (2, 7, 1)
    assert {*item["jobIds"]} == {job.id for job in jobs}
    assert item["scheduleNames"] == ["nightly"]
    assert "It holds up 2 jobs, 7 devices waiting, and 1 schedule." in page
    assert all(f'href="/jobs/{job.id}"' in page for job in jobs)
    assert 'href="/schedules/nightly"' in page


async def test_every_page_shows_it_and_plain_forms_set_and_lift_it(sqlite_url: str) -> None:
    async with (
        a_service(some_settings(sqlite_url)) as service,
        httpx.AsyncClient(base_url=service.url, timeout=30) as client,
    ):
        await client.post("/sign-in", data={"key": await service.key()})
        page = await client.get("/jobs")
        csrf = re.findall(r'name="csrf" value="([0-9a-f]{64})"', page.text)[0]
        form = {"csrf": csrf, "reason": "Wrong list.", "tenant": ""}

        unconfirmed = await client.post("/halt", data=form)
        set_ = await client.post("/halt", data={**form, "confirmed": "yes"})
        pages = {path: (await client.get(path)).text for path in ("/jobs", "/schedules", "/lists", "/health", "/halt")}
        seen = {"shown": html.unescape(re.findall(r'name="shown" value="([^"]*)"', pages["/halt"])[0])}
        unseen = await client.post("/halt/lift", data={**form, "confirmed": "yes"})
        await client.post("/halt", data={**form, "tenant": "default", "confirmed": "yes"})
        outdated = await client.post("/halt/lift", data={**form, **seen, "confirmed": "yes"})
        seen = {
            "shown": html.unescape(re.findall(r'name="shown" value="([^"]*)"', (await client.get("/halt")).text)[0])
        }
        lifted = await client.post("/halt/lift", data={**form, **seen, "confirmed": "yes"})
        after = (await client.get("/jobs")).text

    assert 'action="/halt"' in page.text
    assert "Emergency stop of" not in page.text
    assert unconfirmed.status_code == 422
    assert (set_.status_code, set_.headers["location"]) == (303, "/halt")
    assert [path for path, text in pages.items() if "Emergency stop of all tenants since" not in text] == []
    assert (unseen.status_code, outdated.status_code) == (409, 409)
    assert "Emergency stop of tenant default" in outdated.text
    assert lifted.status_code == 303
    assert "Emergency stop of" not in after
