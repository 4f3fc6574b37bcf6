"""Text in a row that cannot be read breaks no view, and keeps nothing else from being done."""

from __future__ import annotations

from datetime import timedelta
from itertools import cycle

import pytest
from sqlalchemy import text

from orchestrator.domain.access import Actor
from orchestrator.domain.ids import WorkerId
from orchestrator.domain.notice import Notice
from orchestrator.domain.notice_kinds import Event
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.jobs.describe_jobs import list_jobs
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
    of_job = {"jobs": "number", "batches": "job_number", "deeds": "number", "notices": "number"}[table]
    # Each of the rows has its own garbage: whatever reads them reads all of it, one after the other.
    poison = text(f"UPDATE {table} SET {name} = :garbage WHERE {of_job} = :row")  # noqa: S608 - from the lists above
    async with an_app(sqlite_url, "http://127.0.0.1:1") as app:
        jobs = []
        for _ in GARBAGE:
            jobs.append(job := await a_job(app.store, 10))
            assert await StoreWorker(app.store).claim(5) is not None
            async with app.store.transaction() as tx:
                await tx.notices.add("channel", Notice(job.id, Event.FINISHED, "s", "t", (), {}), now=NOW)
                await tx.audit.write(Actor("tests", "tests"), "job.submitted", job.id, now=NOW, facts={"a": 1})
        async with app.store.transaction() as tx:
            rows = list((await tx.connection.execute(text(f"SELECT {of_job} FROM {table}"))).scalars())  # noqa: S608
            assert len(rows) >= len(GARBAGE)
            for row, garbage in zip(rows, cycle(GARBAGE), strict=False):
                await tx.connection.execute(poison, {"garbage": garbage, "row": row})

        assert {job.id for job in jobs} <= {view.job.id for view in await list_jobs(app, limit=100)}
        for job in jobs:
            assert (await describe_job(app, job.id)).job.id == job.id
            assert len(await targets_of(app, job)) == 10
        await measure(app)
        async with app.store.transaction() as tx:
            for job in jobs:
                assert await tx.audit.newest(10, subject=job.id)
            await tx.recovery.hand_back(now=NOW + timedelta(hours=1), limit=50)
            told = [await tx.notices.claim(WorkerId("w"), until=NOW + timedelta(hours=9), now=NOW) for _ in jobs]
            tallies = await tx.jobs.tallies([job.number for job in jobs])
        assert None not in told
        assert {(tally.waiting, tally.sending, tally.total) for tally in tallies.values()} == {(10, 0, 10)}
