"""Jobs that brake, on both databases: what is called, what is not, what is said, and how they go on."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import pytest
from sqlalchemy import update

from orchestrator.app import App
from orchestrator.cli.progress import open_progress
from orchestrator.domain.access import Actor
from orchestrator.domain.brake_options import BrakeOptions
from orchestrator.domain.error_groups import ErrorCount, ErrorGroup
from orchestrator.domain.job import JobStatus
from orchestrator.domain.lane import WriteLimit
from orchestrator.domain.retry_policy import RetryPolicy
from orchestrator.domain.target import TargetStatus
from orchestrator.engine.circuit_breaker import judge_canaries, that_go_on
from orchestrator.engine.driver import open_driver
from orchestrator.engine.stop import StopSignal
from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.serving import serve
from orchestrator.store.engine.errors_text import pack_errors
from orchestrator.store.rows.jobs import BatchRow
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.jobs.describe_standing import describe_standing
from orchestrator.usecases.jobs.pause_job import pause_job
from orchestrator.usecases.jobs.resume_job import resume_job
from orchestrator.usecases.jobs.retry_job import retry_job
from tests.support.apps import an_app, device_ids, driven, report_of, submitted, targets_of, until_at_rest
from tests.support.stalls import Stalls
from tests.support.truth import assert_the_report_is_true
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.enable_socket

DEVICES = 1200
BRAKE = BrakeOptions(share=25, sample=50)
PACED = WriteLimit(600, timedelta(seconds=2))


@asynccontextmanager
async def two_apps(
    database_url: str, graph: SimulatedGraph, *, base: float = 0.05, limit: WriteLimit | None = None
) -> AsyncIterator[tuple[App, App]]:
    async with AsyncExitStack() as opened:
        url = await opened.enter_async_context(serve(graph))
        policy = RetryPolicy(attempts=3, base=base)
        one, other = [
            await opened.enter_async_context(an_app(database_url, url, policy=policy, kind="worker", limit=limit))
            for _ in range(2)
        ]
        yield one, other


@pytest.mark.parametrize(("database_url", "limit"), [("postgresql", None)], indirect=["database_url"])
async def test_errors_above_the_share_stop_the_job_for_all_workers_and_resumed_it_is_judged_anew(
    database_url: str, limit: WriteLimit | None
) -> None:
    graph = SimulatedGraph(None)
    graph.answer_within(0.005, 0.02)
    graph.refuse(None, 409, share=0.6)
    stop = StopSignal()
    async with two_apps(database_url, graph, limit=limit) as apps:
        job = await submitted(apps[0], DEVICES, brake=BRAKE)
        async with open_driver(apps[0], stop), open_driver(apps[1], stop):
            stopped = await until_at_rest(apps[0], job.id)
            called = graph.tenant.total
            graph.behave()
            await resume_job(apps[0], job.id, by=Actor("somebody", "tests"))
            finished = await until_at_rest(apps[0], job.id)
        report = await report_of(apps[0], job)

    assert stopped.status is JobStatus.STOPPED
    assert "The brake" in (stopped.job.reason or "")
    assert "job resume" in (stopped.job.reason or "")
    assert BRAKE.sample <= called < DEVICES / 2
    assert (finished.status, finished.job.reason) == (JobStatus.FINISHED, None)
    assert finished.tally.failed == stopped.tally.failed
    assert_the_report_is_true(report, graph, to_the_call=True)


async def test_devices_that_are_gone_never_stop_a_job(sqlite_url: str) -> None:
    graph = SimulatedGraph(None)
    graph.refuse(None, 404)
    async with two_apps(sqlite_url, graph) as (app, _):
        job = await submitted(app, 100, brake=BrakeOptions(1, 1), canary=10)
        view = await driven(app, job)

    assert view.status is JobStatus.FINISHED
    assert view.tally.failed == 100


async def test_canaries_go_first_spread_over_the_list_and_then_the_rest(postgresql_url: str) -> None:
    graph = SimulatedGraph(None)
    graph.answer_within(0.005, 0.02)
    devices = device_ids(600)
    graph.refuse(devices[::3], 404)
    stop = StopSignal()
    async with two_apps(postgresql_url, graph) as apps:
        job = await submitted(apps[0], 600, brake=BRAKE, canary=12)
        async with open_driver(apps[0], stop), open_driver(apps[1], stop):
            view = await until_at_rest(apps[0], job.id)
        report = await report_of(apps[0], job)
        passed = (await describe_standing(apps[0], job.id)).course.canaries

    assert passed is not None
    assert (passed.accepted, passed.settled) == (8, 12)
    first = [devices.index(call.device) for call in graph.tenant.calls[:12]]
    assert sorted(first) == [25 + 50 * each for each in range(12)]
    assert view.status is JobStatus.FINISHED
    assert (view.tally.accepted, view.tally.failed) == (400, 200)
    assert_the_report_is_true(report, graph, to_the_call=True)


async def test_canaries_that_fare_badly_stop_the_job_and_nobody_else_is_called(sqlite_url: str) -> None:
    graph = SimulatedGraph(None)
    graph.refuse(None, 409, share=0.5)
    async with two_apps(sqlite_url, graph) as (app, _):
        job = await submitted(app, 200, brake=BRAKE, canary=20)
        stopped = await driven(app, job)
        called = graph.tenant.total
        graph.behave()
        await resume_job(app, job.id, by=Actor("somebody", "tests"))
        finished = await driven(app, job)
        passed = (await describe_standing(app, job.id)).course.canaries

    assert passed is None
    assert stopped.status is JobStatus.STOPPED
    assert "The canaries" in (stopped.job.reason or "")
    assert called == 20
    assert stopped.tally.waiting == 200 - 20
    assert finished.status is JobStatus.FINISHED
    assert graph.tenant.total == 200


async def test_a_canary_that_must_be_asked_again_is_waited_for(sqlite_url: str) -> None:
    graph = SimulatedGraph(None)
    canaries = [device_ids(100)[10 * each + 5] for each in range(10)]
    graph.refuse(canaries[:3], 503, times=2)
    async with two_apps(sqlite_url, graph) as (app, _):
        job = await submitted(app, 100, canary=10)
        view = await driven(app, job)

    assert view.tally.accepted == 100
    assert {call.device for call in graph.tenant.calls[:16]} == set(canaries)


async def test_a_paused_job_with_canaries_goes_on_with_them(sqlite_url: str) -> None:
    graph = SimulatedGraph(None)
    async with two_apps(sqlite_url, graph) as (app, _):
        job = await submitted(app, 100, canary=10)
        await pause_job(app, job.id, by=Actor("somebody", "tests"))
        await resume_job(app, job.id, by=Actor("somebody", "tests"))
        view = await driven(app, job)

    assert view.tally.accepted == 100
    assert len({(device_ids(100).index(call.device) - 5) % 10 for call in graph.tenant.calls[:10]}) == 1


async def test_canaries_whose_judge_died_are_judged_by_whoever_sweeps(database_url: str) -> None:
    graph = SimulatedGraph(None)
    async with two_apps(database_url, graph) as (app, _):
        job = await submitted(app, 100, canary=5)
        async with app.store.transaction() as tx:
            brake = await tx.brakes.of_active(job.number)
            assert brake is not None
            for line in brake.canaries:
                await tx.connection.exec_driver_sql(
                    f"UPDATE targets SET status = 'failed', http_status = 409, error_code = 'Conflict' "  # noqa: S608 - numbers
                    f"WHERE job_number = {job.number} AND line = {line}"
                )
        await judge_canaries(app)
        view = await describe_job(app, job.id)

    assert view.status is JobStatus.STOPPED
    assert "The canaries: 5 of 5" in (view.job.reason or "")


async def test_one_look_finds_the_jobs_of_which_nothing_is_to_be_done(database_url: str) -> None:
    async with two_apps(database_url, SimulatedGraph(None)) as (app, _):
        good, bad, trying, paused = [await submitted(app, 60, brake=BRAKE, canary=canary) for canary in (0, 0, 5, 0)]
        await pause_job(app, paused.id, by=Actor("somebody", "tests"))
        errors = pack_errors({ErrorGroup(TargetStatus.FAILED, 409, "Conflict"): ErrorCount(30)})
        async with app.store.transaction() as tx:
            for job, failed, said in ((good, 0, None), (bad, 30, errors)):
                stands = {"waiting": 0, "accepted": 60 - failed, "failed": failed, "errors": said}
                await tx.connection.execute(update(BatchRow).where(BatchRow.job_number == job.number).values(stands))

        jobs = [job.number for job in (good, bad, trying, paused)]
        going_on = await that_go_on(app, jobs)

    assert going_on.keys() == {good.number}
    assert going_on[good.number].options == BRAKE


async def test_a_retry_is_judged_as_the_job_was(sqlite_url: str) -> None:
    graph = SimulatedGraph(None)
    graph.refuse(device_ids(60)[:30], 404)
    async with two_apps(sqlite_url, graph) as (app, _):
        job = await submitted(app, 60, brake=BrakeOptions(33, 7))
        await driven(app, job)
        again = await retry_job(app, job.id, statuses=[TargetStatus.FAILED], by=Actor("somebody", "tests"))
        async with app.store.reading() as tx:
            options = await tx.brakes.options(again.number)

    assert options == BrakeOptions(33, 7)


@pytest.mark.parametrize(
    ("database_url", "status", "seconds", "limit"),
    [
        ("sqlite", 0, 1.5, None),
        ("postgresql", 503, 2.5, PACED),
    ],
    indirect=["database_url"],
)
async def test_an_outage_is_waited_out_with_one_device_at_a_time_and_uses_up_no_attempt(
    database_url: str, status: int, seconds: float, limit: WriteLimit | None, stalls: Stalls
) -> None:
    graph = SimulatedGraph(None)
    graph.answer_within(0.005, 0.02)
    stop = StopSignal()
    async with two_apps(database_url, graph, base=1.0, limit=limit) as apps:
        job = await submitted(apps[0], 600)
        async with open_driver(apps[0], stop), open_driver(apps[1], stop):
            async with asyncio.timeout(PATIENCE):
                while graph.tenant.total < 200:  # noqa: ASYNC110 - the simulator tells nobody
                    await asyncio.sleep(0.01)
            over_at = time.monotonic() + seconds
            graph.outage(seconds=PATIENCE, status=status)
            async with asyncio.timeout(PATIENCE):
                while (during := await describe_job(apps[0], job.id)).job.reason is None:  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0.02)
            noticed_at = time.monotonic() + stalls.allowance(0.5)
            # How long it lasts is a part of the damage; on a busy machine it lasts until it was noticed.
            await asyncio.sleep(max(0.0, over_at - time.monotonic()))
            graph.behave()
            over_at = time.monotonic()
            view = await until_at_rest(apps[0], job.id)
        targets = await targets_of(apps[0], job)
        report = await report_of(apps[0], job)
        async with apps[0].store.reading() as tx:
            rows = await tx.connection.exec_driver_sql("SELECT attempts - uncharged FROM targets")
            charged = [count for (count,) in rows]

    assert during.status is JobStatus.RUNNING
    assert "until it is back" in (during.job.reason or "")
    # One device asks, a second later the next, both workers together; what was on its way has half a second to arrive.
    probes = [call for call in graph.tenant.calls if noticed_at + 0.5 < call.arrived < over_at]
    assert len(probes) <= seconds / 2
    assert (view.status, view.job.reason) == (JobStatus.FINISHED, None)
    assert view.tally.accepted == 600
    assert max(target.attempts for target in targets) <= 4
    # Whoever had paid was given it back, also by the worker that saw less than an outage by itself.
    assert set(charged) == {1}
    assert_the_report_is_true(report, graph, to_the_call=True)


async def test_devices_that_are_unwell_for_ever_are_no_outage(sqlite_url: str) -> None:
    graph = SimulatedGraph(None)
    graph.refuse(device_ids(200)[::4], 503)
    async with two_apps(sqlite_url, graph) as (app, _):
        job = await submitted(app, 200, brake=BrakeOptions(100, 1))
        view = await driven(app, job)

    assert view.status is JobStatus.FINISHED
    assert (view.tally.accepted, view.tally.failed) == (150, 50)


async def test_while_graph_is_out_the_job_says_why_when_it_tries_again_and_a_person_can_end_it(
    sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    graph = SimulatedGraph(None)
    graph.refuse(None, 500)
    stop = StopSignal()
    async with two_apps(sqlite_url, graph) as (app, _):
        job = await submitted(app, 200)
        async with open_driver(app, stop):
            async with asyncio.timeout(PATIENCE):
                while (during := await describe_job(app, job.id)).job.reason is None:  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0.05)
            await pause_job(app, job.id, by=Actor("somebody", "tests"))
            paused = await until_at_rest(app, job.id)
            called = graph.tenant.total
            graph.behave()
            await resume_job(app, job.id, by=Actor("somebody", "tests"))
            finished = await until_at_rest(app, job.id)

    said = r"since [\d:]{8} UTC; the last was HTTP 500 .*0 so far, the next at [\d:]{8}.*the job stops.*cancel"
    assert re.search(said, during.job.reason or "")
    with open_progress() as progress:
        progress.show(during)
        progress.show(paused)
    assert re.search(said, capsys.readouterr().err)
    assert paused.status is JobStatus.PAUSED
    assert called < 200
    assert (finished.status, finished.tally.accepted) == (JobStatus.FINISHED, 200)
