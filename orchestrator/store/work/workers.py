"""The processes that work on this database, and the time of each one's last report."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update

from orchestrator.domain.ids import JobNumber, WorkerId
from orchestrator.store.engine.repository import Repository
from orchestrator.store.engine.upserts import insert_into
from orchestrator.store.rows.operations import WorkerRow

CLOCKS = frozenset({"clock", "serve"})
"""The kinds of processes that fire schedules, send notices and refresh inventories."""

CALLERS = frozenset({"worker", "serve"})
"""The kinds of standing processes that take any job."""


@dataclass(frozen=True, slots=True)
class WorkerSeen:
    """A process that works; `job_number` where it drives one job only (a foreground `run`)."""

    id: WorkerId
    kind: str
    job_number: JobNumber | None
    version: str
    started_at: datetime
    seen_at: datetime


class Workers(Repository):
    """SQL of workers; no method commits."""

    async def beat(self, worker: WorkerSeen) -> None:
        """Records that the process is alive."""
        updated = await self._connection.execute(
            update(WorkerRow).where(WorkerRow.id == worker.id).values(seen_at=worker.seen_at)
        )
        if updated.rowcount:
            return
        await self._connection.execute(
            insert_into(self._connection, WorkerRow)
            .values(
                id=worker.id,
                kind=worker.kind,
                job_number=worker.job_number,
                version=worker.version,
                started_at=worker.started_at,
                seen_at=worker.seen_at,
            )
            .on_conflict_do_nothing()
        )

    async def leave(self, worker: WorkerId) -> None:
        """The process ends knowingly."""
        await self._connection.execute(delete(WorkerRow).where(WorkerRow.id == worker))

    async def active_since(self, instant: datetime) -> list[WorkerSeen]:
        """The processes that reported since then."""
        query = select(WorkerRow).where(WorkerRow.seen_at >= instant).order_by(WorkerRow.started_at)
        return [
            WorkerSeen(
                WorkerId(row.id),
                row.kind,
                None if row.job_number is None else JobNumber(row.job_number),
                row.version,
                row.started_at,
                row.seen_at,
            )
            for row in await self._rows(query)
        ]

    async def forget_silent(self, *, before: datetime) -> None:
        """Drops the processes whose last report is older."""
        await self._connection.execute(delete(WorkerRow).where(WorkerRow.seen_at < before))
