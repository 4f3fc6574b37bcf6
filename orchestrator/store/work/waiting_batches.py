"""Batches that wait for a worker, for the publisher of their messages."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import cache

from sqlalchemy import Integer, Select, bindparam, func, select, tuple_

from orchestrator.domain.batch import NamedBatch, WaitingBatch
from orchestrator.domain.ids import JobId, JobNumber, WorkerId
from orchestrator.store.engine.repository import Repository
from orchestrator.store.jobs.jobs import priority_of
from orchestrator.store.rows.jobs import BatchRow, JobRow
from orchestrator.store.work.claimable import asked, is_free, may_be_called


class WaitingBatches(Repository):
    """SQL of batches that no process holds; no method commits."""

    async def first(
        self, most: int, *, worker: WorkerId, now: datetime, only: JobNumber | None = None
    ) -> list[WaitingBatch]:
        """Up to `most` batches that are due and free: the first of each job, then the second of each.

        Only of jobs that may be called now, or of the one job `only`.
        """
        given = {"most": most, **asked(worker, now)}
        if only is not None:
            given["only"] = only
        rows = await self._connection.execute(_first(any_job=only is None), given)
        return [WaitingBatch(JobId(job), batch, tenant, priority_of(text)) for job, batch, tenant, text in rows]

    async def among(self, batches: Collection[NamedBatch], *, now: datetime) -> set[NamedBatch]:
        """Returns the batches among these that are due and not leased."""
        rows = await self._connection.execute(_AMONG, {"batches": list(batches), "now": now})
        return {(JobId(job), batch) for job, batch in rows}


@cache
def _first(*, any_job: bool) -> Select[str, int, str, str]:
    callable_now = select(JobRow.id, JobRow.tenant, JobRow.priority, JobRow.number).where(may_be_called())
    if not any_job:
        callable_now = callable_now.where(JobRow.number == bindparam("only"))
    job = callable_now.subquery()
    place = func.row_number().over(partition_by=BatchRow.job_number, order_by=BatchRow.batch).label("place")
    each = (
        select(*job.c, BatchRow.batch, place)
        .join(BatchRow, BatchRow.job_number == job.c.number)
        .where(is_free())
        .subquery()
    )
    return (
        select(each.c.id, each.c.batch, each.c.tenant, each.c.priority)
        .order_by(each.c.place, each.c.number)
        .limit(bindparam("most", type_=Integer()))
    )


_AMONG = (
    select(JobRow.id, BatchRow.batch)
    .join(BatchRow, BatchRow.job_number == JobRow.number)
    .where(tuple_(JobRow.id, BatchRow.batch).in_(bindparam("batches", expanding=True)), is_free())
)
