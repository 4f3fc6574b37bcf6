"""Why a job waits, as a process sees it that does none of the work: from what is stored."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator.app import App
from orchestrator.domain.ids import LaneKey
from orchestrator.domain.job import Job
from orchestrator.domain.lane import GRAPH_WRITE_LIMIT
from orchestrator.domain.waiting import LaneWait, WaitingFor, WaitKind
from orchestrator.engine.driver import open_driver
from orchestrator.engine.stop import StopSignal
from orchestrator.store.work.workers import WorkerSeen
from orchestrator.throttle.gcra import Refusal
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.jobs.forecast_job import forecast_new
from orchestrator.usecases.operations.live_processes import SILENT_AFTER
from tests.support.apps import an_app, submitted
from tests.support.builders import ALICE, BOB
from tests.support.clock import ManualClock
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.enable_socket

HERE = "http://127.0.0.1:1"
UNREACHABLE = LaneWait(WaitKind.GRAPH_UNREACHABLE, "Graph cannot be reached.")


async def waits_for(app: App, job: Job) -> WaitingFor | None:
    return (await describe_job(app, job.id)).waiting_for


async def kind_of(app: App, job: Job) -> WaitKind | None:
    cause = await waits_for(app, job)
    return None if cause is None else cause.kind


async def a_worker_beats(app: App, *, only: Job | None = None, kind: str = "worker", ago: timedelta) -> None:
    async with app.store.transaction() as tx:
        now = await tx.now()
        seen = WorkerSeen(ALICE, kind, only.number if only else None, "0", now, now - ago)
        await tx.workers.leave(ALICE)
        await tx.workers.beat(seen)


async def test_a_job_that_nobody_works_on_says_so_and_one_that_somebody_does_says_what_keeps_him(
    database_url: str,
) -> None:
    async with an_app(database_url, HERE, limit=GRAPH_WRITE_LIMIT, kind="ask", clock=ManualClock()) as app:
        job, other = await submitted(app, 3), await submitted(app, 3)
        async with app.store.transaction() as tx:
            # Longer ago than whoever submits and works needs to report itself.
            await tx.jobs.set_priority(job.number, job.priority, now=await tx.now() - timedelta(minutes=1))

        alone = await describe_job(app, job.id)
        await a_worker_beats(app, only=other, kind="run", ago=timedelta(0))
        beside = await kind_of(app, job)
        await a_worker_beats(app, ago=timedelta(0))
        worked_on = await describe_job(app, job.id)
        async with app.store.transaction() as tx:
            await tx.lane_waits.report(ALICE, {job.lane: UNREACHABLE}, now=await tx.now())
            await tx.lane_waits.report(BOB, {job.lane: replace(UNREACHABLE, message="gone")}, now=await tx.now())
        kept = await waits_for(app, job)
        async with app.store.transaction() as tx:
            await tx.lane_waits.report(ALICE, {}, now=await tx.now())
        free = await kind_of(app, job)
        await a_worker_beats(app, ago=SILENT_AFTER + timedelta(seconds=5))
        silent = await kind_of(app, job)

    assert alone.waiting_for is not None
    assert alone.waiting_for.kind is WaitKind.NO_WORKER
    assert job.id in alone.waiting_for.hint
    assert alone.estimated_finish_at is None
    assert beside is WaitKind.NO_WORKER
    assert (worked_on.waiting_for, worked_on.estimated_finish_at is None) == (None, False)
    # A report of a process that is gone says nothing.
    assert kept is not None
    assert (kept.kind, kept.message) == (WaitKind.GRAPH_UNREACHABLE, UNREACHABLE.message)
    assert free is None
    assert silent is WaitKind.NO_WORKER


async def test_a_429_is_named_while_it_closes_the_lane_and_while_the_lane_goes_on_more_slowly(
    database_url: str,
) -> None:
    clock = ManualClock()
    async with an_app(database_url, HERE, limit=GRAPH_WRITE_LIMIT, kind="ask", clock=clock) as app:
        job = await submitted(app, 300)
        await a_worker_beats(app, ago=timedelta(0))
        await app.throttle.close(job.lane, Refusal(30.0), GRAPH_WRITE_LIMIT)
        closed = await waits_for(app, job)
        async with app.store.transaction() as tx:
            pace = await tx.lanes.lock(job.lane)
            assert pace is not None
            await tx.lanes.save_pace(job.lane, replace(pace, closed_until=0.0))
        adapted = await waits_for(app, job)

    assert closed is not None
    assert closed.kind is WaitKind.RATE_LIMITED
    assert closed.until is not None
    assert adapted is not None
    assert adapted.kind is WaitKind.ADAPTED
    assert "429" in closed.message
    assert "429" in adapted.message


async def test_settings_that_lead_elsewhere_are_told_with_the_job_that_they_leave_behind(database_url: str) -> None:
    async with an_app(database_url, HERE, kind="ask", clock=ManualClock()) as app:
        job = await submitted(app, 3)
        elsewhere = replace(app.tenants["default"], lane=LaneKey("global@127.0.0.1:2/contoso/app"))
        moved = await waits_for(replace(app, tenants={"default": elsewhere}), job)
        knows_nothing = await waits_for(replace(app, tenants={}), job)
        await a_worker_beats(app, ago=timedelta(0))
        others_know = await waits_for(replace(app, tenants={"default": elsewhere}), job)

    assert moved is not None
    assert moved.kind is WaitKind.TENANT_CHANGED
    assert "global@127.0.0.1:2" in moved.message
    assert job.id in moved.hint
    # A command that knows only the database, or other settings than those who work, does not judge them.
    assert knows_nothing is None
    assert others_know is None


async def test_what_one_process_cannot_reach_another_process_tells(database_url: str) -> None:
    # Nothing listens there.
    async with an_app(database_url, HERE, kind="worker") as working, an_app(database_url, HERE, kind="ask") as looking:
        job = await submitted(looking, 3)
        async with open_driver(working, StopSignal()):
            async with asyncio.timeout(PATIENCE):
                while (cause := await waits_for(looking, job)) is None:  # noqa: ASYNC110 - the database tells nobody
                    await asyncio.sleep(0.05)
        left = await kind_of(looking, job)

    assert cause.kind is WaitKind.GRAPH_UNREACHABLE
    assert left is not WaitKind.GRAPH_UNREACHABLE


async def test_a_forecast_counts_only_jobs_that_somebody_works_on(database_url: str) -> None:
    async with an_app(database_url, HERE, limit=GRAPH_WRITE_LIMIT, kind="ask", clock=ManualClock()) as app:
        await submitted(app, 300)
        tenant = app.tenants["default"]

        alone = await forecast_new(app, tenant, 10)
        await a_worker_beats(app, ago=timedelta(0))
        behind = await forecast_new(app, tenant, 10)

    assert (alone.ahead, behind.ahead) == (0, 300)
