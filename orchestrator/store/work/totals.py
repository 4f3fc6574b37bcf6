"""The totals of the whole installation, for monitoring."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from orchestrator.domain.job import ACTIVE, RESTING, JobStatus, Tally
from orchestrator.store.engine.repository import Repository
from orchestrator.store.rows.jobs import TALLY, BatchRow, JobRow

_OPEN = (*ACTIVE, *RESTING)


@dataclass(frozen=True, slots=True)
class Figures:
    """Jobs by stored status, the tally of those that are open, and since when work is due that no worker holds."""

    jobs: dict[JobStatus, int]
    open_targets: Tally
    due_since: datetime | None


class Totals(Repository):
    """SQL of totals over all jobs; no method commits."""

    async def figures(self, *, now: datetime) -> Figures:
        """Returns the figures."""
        by_status = select(JobRow.status, func.count()).where(JobRow.status != JobStatus.RECEIVING)
        counted = await self._connection.execute(by_status.group_by(JobRow.status))
        jobs = {JobStatus(status): count for status, count in counted}
        tally = (
            select(*(func.coalesce(func.sum(column), 0) for column in TALLY))
            .join(JobRow, JobRow.number == BatchRow.job_number)
            .where(JobRow.status.in_(_OPEN))
        )
        sums = (await self._connection.execute(tally)).one()
        return Figures(jobs, Tally(*map(int, sums)), await self.due_since(now=now))

    async def due_since(self, *, now: datetime) -> datetime | None:
        """Since when work is due that no worker holds; None where there is none."""
        due = (
            select(func.min(BatchRow.due_at))
            .join(JobRow, JobRow.number == BatchRow.job_number)
            .where(JobRow.status.in_(ACTIVE), BatchRow.waiting > 0, BatchRow.holder.is_(None), BatchRow.due_at <= now)
        )
        since: datetime | None = (await self._connection.execute(due)).scalar_one()
        return since
