from __future__ import annotations

import asyncio
import io
from datetime import datetime, timedelta

import pytest

from orchestrator.domain.action import Action
from orchestrator.domain.device import Via
from orchestrator.domain.job import JobStatus
from orchestrator.engine.driver import drive_job
from orchestrator.engine.stop import StopSignal
from orchestrator.engine.system_clock import SystemClock
from orchestrator.intake.device_list import IntakeOptions
from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.serving import serve
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.jobs.submit_job import JobRequest, submit_job
from tests.support.actors import SOMEBODY
from tests.support.apps import an_app, device_ids, devices_csv
from tests.support.waiting import PATIENCE


class WrongClock(SystemClock):
    """A machine whose clock is wrong."""

    def __init__(self, by: timedelta) -> None:
        self._by = by

    def now(self) -> datetime:
        return super().now() + self._by


@pytest.mark.parametrize("minutes", [-10, 10])
async def test_a_machine_whose_clock_is_wrong_waits_no_longer_than_others(postgresql_url: str, minutes: int) -> None:
    graph = SimulatedGraph(None)
    graph.refuse(device_ids(30)[3], 503, times=1)
    clock = WrongClock(timedelta(minutes=minutes))
    async with (
        serve(graph) as url,
        an_app(postgresql_url, url) as right,
        an_app(postgresql_url, url, clock=clock) as wrong,
    ):
        request = JobRequest(action=Action.WAKE_UP_CLIENT, via=Via.MANAGED_DEVICES, tenant="default", by=SOMEBODY)
        job = await submit_job(right, request, io.BytesIO(devices_csv(30)), file_name=None, options=IntakeOptions())
        async with asyncio.timeout(PATIENCE):
            await drive_job(wrong, StopSignal(), job)
        view = await describe_job(right, job.id)
        async with right.store.reading() as tx:
            facts = await tx.targets.between(job.number, job.id, 1, 100)
            now = await tx.now()

    assert view.status is JobStatus.FINISHED
    assert view.tally.accepted == 30
    assert all(abs(now - target.finished_at) < timedelta(minutes=1) for target in facts if target.finished_at)
