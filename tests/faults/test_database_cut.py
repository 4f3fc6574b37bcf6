from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import pytest

from orchestrator.domain.action import Action
from orchestrator.domain.device import Via
from orchestrator.domain.job import JobStatus
from orchestrator.engine.driver import open_driver
from orchestrator.engine.stop import StopSignal
from orchestrator.intake.device_list import IntakeOptions
from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.serving import serve
from orchestrator.usecases.jobs.submit_job import JobRequest, submit_job
from tests.support.actors import SOMEBODY
from tests.support.apps import an_app, devices_csv, until_at_rest
from tests.support.waiting import PATIENCE

DEVICES = 700
CUT = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = $1"


async def _cut_again_and_again(server: str, database: str, graph: SimulatedGraph) -> int:
    async with _administrator(server) as connection:
        cut = 0
        while len(graph.tenant.effects) < DEVICES * 0.9:
            cut += await connection.fetchval(CUT, database)
            # How often connections end is a part of the damage.
            await asyncio.sleep(0.15)
        return cut


async def _refuse_for_a_while(server: str, database: str, graph: SimulatedGraph) -> int:
    async with _administrator(server) as connection:
        while len(graph.tenant.effects) < DEVICES * 0.2:  # noqa: ASYNC110 - the simulator tells nobody
            await asyncio.sleep(0.02)
        await connection.execute(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS false')
        cut: int = await connection.fetchval(CUT, database)
        # How long it lasts is a part of the damage.
        await asyncio.sleep(3)
        await connection.execute(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS true')
        return cut


@pytest.mark.parametrize("cut", [_cut_again_and_again, _refuse_for_a_while])
async def test_a_database_that_goes_away_loses_no_device(
    postgresql_url: str, postgres_url: str, cut: Callable[[str, str, SimulatedGraph], Awaitable[int]]
) -> None:
    graph = SimulatedGraph(None)
    graph.answer_within(0.01, 0.05)
    async with AsyncExitStack() as opened:
        url = await opened.enter_async_context(serve(graph))
        apps = [await opened.enter_async_context(an_app(postgresql_url, url, kind="worker")) for _ in range(2)]
        request = JobRequest(action=Action.WAKE_UP_CLIENT, via=Via.MANAGED_DEVICES, tenant="default", by=SOMEBODY)
        job = await submit_job(
            apps[0], request, io.BytesIO(devices_csv(DEVICES)), file_name=None, options=IntakeOptions()
        )
        stop = StopSignal()
        for app in apps:
            await opened.enter_async_context(open_driver(app, stop))

        cuts = await cut(postgres_url, postgresql_url.rsplit("/", 1)[1], graph)
        async with asyncio.timeout(PATIENCE), an_app(postgresql_url, url) as watching:
            view = await until_at_rest(watching, job.id)

    assert cuts > 1
    assert view.status is JobStatus.FINISHED
    assert view.tally.accepted == DEVICES
    assert len(graph.tenant.effects) == DEVICES


@asynccontextmanager
async def _administrator(server: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(server)
    try:
        yield connection
    finally:
        await connection.close()
