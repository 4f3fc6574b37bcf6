"""What a person may ask of a job in each status; everything else is refused and changes nothing."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.job import JobStatus
from orchestrator.store.rows.jobs import JobRow
from orchestrator.usecases.jobs.cancel_job import cancel_job
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.jobs.pause_job import pause_job
from orchestrator.usecases.jobs.resume_job import resume_job
from tests.support.actors import SOMEBODY
from tests.support.apps import an_app, submitted

pytestmark = pytest.mark.enable_socket

NOBODY = "http://127.0.0.1:1"
ASKED = {"pause": pause_job, "resume": resume_job, "cancel": cancel_job}
BECOMES = {
    ("pause", "queued"): "paused",
    ("pause", "running"): "paused",
    ("pause", "paused"): "paused",
    ("resume", "queued"): "queued",
    ("resume", "running"): "running",
    ("resume", "paused"): "running",
    ("resume", "stopped"): "running",
    ("cancel", "queued"): "cancelled",
    ("cancel", "running"): "cancelled",
    ("cancel", "paused"): "cancelled",
    ("cancel", "stopped"): "cancelled",
    ("cancel", "cancelled"): "cancelled",
}


async def test_a_job_moves_only_as_the_contract_says(sqlite_url: str) -> None:
    became = {}
    async with an_app(sqlite_url, NOBODY) as app:
        for asked, move in ASKED.items():
            for status in set(JobStatus) - {JobStatus.RECEIVING, JobStatus.PAUSING, JobStatus.CANCELLING}:
                job = await submitted(app, 2)
                async with app.store.transaction() as tx:
                    await tx.connection.execute(update(JobRow).where(JobRow.id == job.id).values(status=status))
                try:
                    await move(app, job.id, by=SOMEBODY)
                except RequestRejected:
                    assert (await describe_job(app, job.id)).job.status is status
                    continue
                became[asked, status.value] = (await describe_job(app, job.id)).job.status.value

    assert became == BECOMES
