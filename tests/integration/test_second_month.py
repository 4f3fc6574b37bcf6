"""Jobs of many nights are found by filters, and removed for good."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from orchestrator.domain.access import Actor, Grant, Role
from orchestrator.domain.errors import IllegalMove, NotPermitted, UnknownJob
from orchestrator.domain.job_filter import JobFilter
from orchestrator.usecases.access.read_audit import read_audit
from orchestrator.usecases.jobs.cancel_job import cancel_job
from orchestrator.usecases.jobs.delete_job import delete_job
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.jobs.describe_jobs import list_jobs
from orchestrator.usecases.operations.prune import jobs_to_prune
from tests.support.actors import SOMEBODY
from tests.support.apps import an_app, submitted
from tests.support.clock import ManualClock
from tests.support.waiting import PATIENCE
from tests.support.web import a_service, some_settings

pytestmark = pytest.mark.enable_socket

NOBODY = "http://127.0.0.1:1"


async def test_jobs_are_found_by_when_they_were_submitted(sqlite_url: str) -> None:
    clock = ManualClock()
    async with an_app(sqlite_url, NOBODY, clock=clock) as app:
        old = await submitted(app, 2)
        clock.advance(days=2)
        new = await submitted(app, 2)
        edge = new.submitted_at - timedelta(hours=1)

        since = await list_jobs(app, limit=10, wanted=JobFilter(since=edge))
        until = await list_jobs(app, limit=10, wanted=JobFilter(until=edge))

    assert [view.job.id for view in since] == [new.id]
    assert [view.job.id for view in until] == [old.id]


async def test_a_job_at_rest_is_deleted_with_its_targets_and_its_audit_entries_stay(database_url: str) -> None:
    async with an_app(database_url, NOBODY) as app:
        running, job = await submitted(app, 3), await submitted(app, 3)
        await cancel_job(app, job.id, by=SOMEBODY)

        with pytest.raises(IllegalMove, match="`muster job cancel"):
            await delete_job(app, running.id, by=SOMEBODY)
        with pytest.raises(NotPermitted):
            await delete_job(app, job.id, by=Actor("op", "tests", Grant(Role.OPERATOR)))
        await delete_job(app, job.id, by=SOMEBODY, reason="A trial.")

        with pytest.raises(UnknownJob):
            await describe_job(app, job.id)
        async with app.store.reading() as tx:
            assert await tx.targets.page(job.number, job.id, limit=10) == []
        entries = await read_audit(app, by=SOMEBODY, limit=10, subject=job.id)
        assert [entry.what for entry in entries] == ["job.deleted", "job.cancelled", "job.submitted"]
        assert entries[0].reason == "A trial."


async def test_a_dry_run_names_the_jobs_that_pruning_would_remove(sqlite_url: str) -> None:
    clock = ManualClock()
    async with an_app(sqlite_url, NOBODY, clock=clock) as app:
        old = await submitted(app, 2)
        await cancel_job(app, old.id, by=SOMEBODY)
        clock.advance(days=100)
        await submitted(app, 2)

        found = await jobs_to_prune(app, keep_days=90, limit=10)

        assert [(job.id, job.devices) for job in found] == [(old.id, 2)]
        assert len(await list_jobs(app, limit=10)) == 2


async def test_over_http_the_list_takes_times_and_an_admin_deletes_a_job(sqlite_url: str) -> None:
    async with a_service(some_settings(sqlite_url)) as service, service.client() as admin:
        job = await submitted(service.served.app, 3)
        whole = await admin.delete(f"/api/jobs/{job.id}")
        await cancel_job(service.served.app, job.id, by=SOMEBODY)
        none = (await admin.get("/api/jobs", params={"since": "2999-01-01"})).json()["items"]
        some = (await admin.get("/api/jobs", params={"since": "24h", "limit": 1})).json()["items"]
        bad = await admin.get("/api/jobs", params={"since": "yesterday"})
        async with service.client(Role.OPERATOR) as operator:
            refused = await operator.delete(f"/api/jobs/{job.id}")
        short = await admin.delete(f"/api/jobs/{job.id[:6]}")
        async with asyncio.timeout(PATIENCE):
            # The service's own worker may hold a batch of it until it has seen that the job was cancelled.
            while (gone := await admin.delete(f"/api/jobs/{job.id}")).status_code == 409:  # noqa: ASYNC110 - the service tells nobody
                await asyncio.sleep(0.05)
        again = await admin.delete(f"/api/jobs/{job.id}")

    assert (none, [each["id"] for each in some], bad.status_code) == ([], [job.id], 422)
    statuses = [each.status_code for each in (whole, refused, short, gone, again)]
    assert statuses == [409, 403, 404, 204, 404]
