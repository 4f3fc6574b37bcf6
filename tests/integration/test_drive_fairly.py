"""Jobs share their lane from their first call on, whatever one of them could not use before."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import update

from orchestrator.app import App
from orchestrator.domain.batch import BATCH_SIZE
from orchestrator.domain.circuit_breaker import Outage
from orchestrator.domain.job import Job
from orchestrator.domain.lane import parse_write_limit
from orchestrator.engine.driver import open_driver
from orchestrator.engine.stop import StopSignal
from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.serving import serve
from orchestrator.store.engine.database import Transaction
from orchestrator.store.rows.jobs import BatchRow
from tests.support.apps import an_app, device_ids, devices_csv, submitted
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.enable_socket

LIMIT = parse_write_limit("200/1s")

Rest = Callable[[Transaction, Job, datetime], Awaitable[None]]
ComeBack = Callable[[Transaction, Job], Awaitable[None]]


async def in_backoff(tx: Transaction, job: Job, until: datetime) -> None:
    await tx.connection.execute(update(BatchRow).where(BatchRow.job_number == job.number).values(due_at=until))


async def out_of_backoff(tx: Transaction, job: Job) -> None:
    await in_backoff(tx, job, await tx.now())


async def in_an_outage(tx: Transaction, job: Job, until: datetime) -> None:
    await tx.brakes.set_outage(job.number, Outage(await tx.now(), 0, until), reason="Graph is out")


async def out_of_an_outage(tx: Transaction, job: Job) -> None:
    await tx.brakes.set_outage(job.number, None, reason=None)


@pytest.mark.parametrize(
    ("database_url", "restarted", "rest", "come_back"),
    [("sqlite", False, in_backoff, out_of_backoff), ("postgresql", True, in_an_outage, out_of_an_outage)],
    indirect=["database_url"],
    ids=["backoff", "outage, then a restart"],
)
async def test_a_job_that_comes_back_shares_the_lane_with_the_one_that_went_on(
    database_url: str, *, rest: Rest, come_back: ComeBack, restarted: bool
) -> None:
    graph = SimulatedGraph(None)
    async with serve(graph) as url, an_app(database_url, url, limit=LIMIT) as app:
        back, going_on = (
            await submitted(app, devices_csv(1000, seed=1)),
            await submitted(app, devices_csv(3000, seed=2)),
        )
        async with app.store.transaction() as tx:
            for job in (back, going_on):
                await tx.fair_queue.mark_answered(job.number)
            await rest(tx, back, await tx.now() + timedelta(days=1))
            # It was served for hours meanwhile.
            await tx.fair_queue.serve({going_on.number: 50_000})
        # Whoever has just started lets it make up for one batch, by which the other may have led.
        calls = BATCH_SIZE + 200 if restarted else 200
        async with open_driver(app, StopSignal()):
            await until_accepted(app, going_on, 100)
            if not restarted:
                await bring_back(app, back, come_back)
                await until_accepted(app, back, calls)
        if restarted:
            await bring_back(app, back, come_back)
            async with open_driver(app, StopSignal()):
                await until_accepted(app, back, calls)

    assert calls_beside(graph, set(device_ids(1000, seed=1)), calls) >= 100


async def bring_back(app: App, job: Job, come_back: ComeBack) -> None:
    async with app.store.transaction() as tx:
        await come_back(tx, job)


def calls_beside(graph: SimulatedGraph, devices: set[str], calls: int) -> int:
    """Calls of others while so many are made of these devices, from the first of them on."""
    order = [call.device in devices for call in graph.tenant.calls]
    places = [place for place, is_ours in enumerate(order) if is_ours]
    return order[places[0] : places[calls - 1]].count(False)


async def accepted(app: App, job: Job) -> int:
    async with app.store.reading() as tx:
        return (await tx.jobs.tallies([job.number]))[job.number].accepted


async def until_accepted(app: App, job: Job, calls: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while await accepted(app, job) < calls:  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(0.05)
