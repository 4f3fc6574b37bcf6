"""A worker that lives for months keeps nothing of the jobs that it is done with."""

from __future__ import annotations

import asyncio

import pytest

from orchestrator.app import App
from orchestrator.domain.brake_options import BrakeOptions
from orchestrator.domain.job import Job, JobStatus
from orchestrator.engine.driver import open_driver
from orchestrator.engine.stop import StopSignal
from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.serving import serve
from orchestrator.usecases.jobs.cancel_job import cancel_job
from orchestrator.usecases.jobs.describe_job import describe_job
from tests.support.actors import SOMEBODY
from tests.support.apps import an_app, device_ids, submitted, until_at_rest
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.enable_socket


async def test_nothing_is_kept_of_jobs_that_have_ended(sqlite_url: str) -> None:
    graph = SimulatedGraph(None)
    async with (
        serve(graph) as url,
        an_app(sqlite_url, url) as app,
        open_driver(app, StopSignal()) as driver,
    ):
        finished = [await until_at_rest(app, (await submitted(app, 60)).id) for _ in range(4)]
        graph.refuse(device_ids(60)[::2], 409)
        braked = await until_at_rest(app, (await submitted(app, 60, brake=BrakeOptions(share=25, sample=5))).id)
        graph.behave()
        graph.outage(seconds=60, status=503)
        out = await submitted(app, 60)
        await until_out(app, out)
        await cancel_job(app, out.id, by=SOMEBODY)

        async with asyncio.timeout(PATIENCE):
            # What failed while Graph was out is remembered for two minutes.
            while any(job.leased or not job.outage.has_failures for job in driver.jobs):  # noqa: ASYNC110 - the driver's loops set no event
                await asyncio.sleep(0.05)

    assert {view.status for view in finished} == {JobStatus.FINISHED}
    assert braked.status is JobStatus.STOPPED


async def until_out(app: App, job: Job) -> None:
    async with asyncio.timeout(PATIENCE):
        while (await describe_job(app, job.id)).job.reason is None:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.05)
