"""Text in a row that cannot be read breaks no view, and keeps nothing else from being done."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from orchestrator.domain.access import Actor
from orchestrator.domain.ids import WorkerId
from orchestrator.domain.notice import Event, Notice
from orchestrator.usecases.jobs.describe_jobs import describe_job, list_jobs
from orchestrator.usecases.operations.measure import measure
from tests.support.apps import an_app, targets_of
from tests.support.builders import NOW, StoreWorker, a_job

pytestmark = pytest.mark.enable_socket

GARBAGE = [
    "",
    "no JSON",
    "7",
    "null",
    '"text"',
    "[7]",
    '{"a": 1}',
    '[["x"]]',
    '[["failed", 1, [], "x", {}]]',
    "[" * 2000,
]


@pytest.mark.parametrize(
    "column",
    ["jobs.input_columns", "jobs.priority", "batches.errors", "batches.in_flight", "deeds.facts", "notices.payload"],
)
async def test_what_a_row_holds_breaks_no_view_and_no_recovery(sqlite_url: str, column: str) -> None:
    table, name = column.split(".")
    poison = text(f"UPDATE {table} SET {name} = :garbage")  # noqa: S608 - from the list above
    async with an_app(sqlite_url, "http://127.0.0.1:1") as app:
        for garbage in GARBAGE:
            job = await a_job(app.store, 10)
            assert await StoreWorker(app.store).claim(5) is not None
            async with app.store.transaction() as tx:
                await tx.notices.add("channel", Notice(job.id, Event.FINISHED, "s", "t", (), {}), now=NOW)
                await tx.audit.write(Actor("tests", "tests"), "job.submitted", job.id, now=NOW, facts={"a": 1})
                await tx.connection.execute(poison, {"garbage": garbage})

            assert (await describe_job(app, job.id)).job.id == job.id
            assert job.id in {view.job.id for view in await list_jobs(app, limit=100)}
            assert len(await targets_of(app, job)) == 10
            await measure(app)
            async with app.store.transaction() as tx:
                assert await tx.audit.newest(10, subject=job.id)
                await tx.recovery.hand_back(now=NOW + timedelta(hours=1), limit=50)
                told = await tx.notices.claim(WorkerId("w"), until=NOW + timedelta(hours=9), now=NOW)
                tally = (await tx.jobs.tallies([job.number]))[job.number]
            assert told is not None
            assert (tally.waiting, tally.sending, tally.total) == (10, 0, 10)
