"""Locking the rows of several jobs in one order."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.domain.ids import JobNumber
from orchestrator.store.rows.jobs import JobRow


async def lock_jobs(connection: AsyncConnection, numbers: Collection[JobNumber]) -> None:
    """Lock the rows of these jobs until the commit, in the order of their numbers.

    A transaction that changes several jobs calls this first: an UPDATE of several rows locks them in the order of its
    plan, and two such transactions would wait for each other, until PostgreSQL ends one of them as a deadlock.
    """
    # SQLite has one writer at a time, and no locks on rows.
    if numbers and connection.dialect.name == "postgresql":
        await connection.execute(_LOCK, {"numbers": list(numbers)})


# NO KEY UPDATE, as the updates themselves take: batches and samples that are added refer to the job and need not wait.
_LOCK = (
    select(JobRow.number)
    .where(JobRow.number.in_(bindparam("numbers", expanding=True)))
    .order_by(JobRow.number)
    .with_for_update(key_share=True)
)
