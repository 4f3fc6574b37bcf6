"""When a job will be done, as the database has the job and its lane."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import update

from orchestrator.app import App
from orchestrator.domain.circuit_breaker import Outage
from orchestrator.domain.job import Job
from orchestrator.domain.lane import GRAPH_WRITE_LIMIT
from orchestrator.store.rows.jobs import JobRow
from orchestrator.throttle.gcra import interval
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.operations.describe_lanes import describe_lane
from tests.support.apps import an_app, submitted
from tests.support.clock import ManualClock

pytestmark = pytest.mark.enable_socket

CALLS = 1000
NEEDED = timedelta(seconds=CALLS * interval(GRAPH_WRITE_LIMIT))
SOON = timedelta(seconds=20)
"""What a busy machine takes between two looks."""


async def test_the_end_of_a_job_counts_its_outage_and_its_window(database_url: str) -> None:
    async with an_app(database_url, "http://127.0.0.1:1", limit=GRAPH_WRITE_LIMIT, clock=ManualClock()) as app:
        job = await submitted(app, CALLS)
        async with app.store.reading() as tx:
            now = await tx.now()

        free = await estimated(app, job)
        await set_window(app, job, now + NEEDED + timedelta(minutes=1))
        within = await estimated(app, job)
        await set_window(app, job, now + NEEDED - timedelta(seconds=30))
        beyond = await estimated(app, job)
        await set_window(app, job, now + 2 * NEEDED)
        async with app.store.transaction() as tx:
            outage = Outage(now, 3, now + timedelta(seconds=30))
            await tx.brakes.set_outage(job.number, outage, reason="Graph is out")
        out = await estimated(app, job)

    assert free is not None
    assert within is not None
    assert now + NEEDED <= free <= now + NEEDED + SOON
    assert free <= within <= free + SOON
    assert beyond is None
    # Nobody knows when Graph will be back.
    assert out is None


async def estimated(app: App, job: Job) -> datetime | None:
    """What the job and its lane say alike."""
    of_job = (await describe_job(app, job.id)).estimated_finish_at
    of_lane = (await describe_lane(app, job.tenant)).waiting[0].estimated_finish_at
    assert (of_job is None) == (of_lane is None)
    return of_lane


async def set_window(app: App, job: Job, not_after: datetime) -> None:
    async with app.store.transaction() as tx:
        await tx.connection.execute(update(JobRow).where(JobRow.number == job.number).values(not_after=not_after))
