"""The outcomes of past jobs, summed for each job; and the runs that were missed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select

from orchestrator.domain.job import Tally
from orchestrator.domain.schedule import OccurrenceStatus
from orchestrator.store.engine.repository import Repository
from orchestrator.store.rows.jobs import TALLY, BatchRow, JobRow
from orchestrator.store.rows.schedules import OccurrenceRow, ScheduleRow


class PastOutcomes(Repository):
    """Queries over jobs by the time at which they started; none of them commits."""

    async def since(self, begin: datetime) -> list[tuple[datetime, Tally]]:
        """When each job started that started at `begin` or later, and its tally."""
        query = (
            select(JobRow.started_at, *(func.sum(part) for part in TALLY))
            .join(BatchRow, BatchRow.job_number == JobRow.number)
            .where(JobRow.started_at >= begin)
            .group_by(JobRow.number, JobRow.started_at)
        )
        rows = await self._connection.execute(query)
        return [(at, Tally(*map(int, counts))) for at, *counts in rows if at is not None]

    async def missed_since(self, begin: datetime) -> list[tuple[datetime, str]]:
        """When a run was due that was missed, and the name of its schedule."""
        query = (
            select(OccurrenceRow.at, ScheduleRow.name)
            .join(ScheduleRow, ScheduleRow.number == OccurrenceRow.schedule_number)
            .where(OccurrenceRow.at >= begin, OccurrenceRow.status == OccurrenceStatus.MISSED)
            .order_by(OccurrenceRow.at)
        )
        return [(at, str(name)) for at, name in await self._connection.execute(query)]
