"""The canaries of jobs, which are called first; the other targets wait until the canaries were judged."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import bindparam, func, select, update

from orchestrator.domain.circuit_breaker import OutcomeWindow, window_of
from orchestrator.domain.error_groups import ErrorCount, ErrorGroup
from orchestrator.domain.ids import JobNumber
from orchestrator.domain.job import ACTIVE, Tally
from orchestrator.domain.target import TargetStatus
from orchestrator.store.engine.repository import Repository
from orchestrator.store.rows.jobs import BatchRow, JobRow
from orchestrator.store.rows.targets import TargetRow


class Canaries(Repository):
    """SQL of canaries; no method commits."""

    async def ended(self, number: JobNumber, canaries: Collection[int]) -> int:
        """How many of these canaries have ended."""
        query = select(func.count()).where(
            TargetRow.job_number == number, TargetRow.line.in_(canaries), TargetRow.status != TargetStatus.WAITING
        )
        return int((await self._connection.execute(query)).scalar_one())

    async def choose(self, number: JobNumber, ranks: Collection[int], *, until: datetime) -> None:
        """The targets in these places (from 0) go first; everything else waits, at most until then."""
        ranked = (
            select(TargetRow.line, (func.row_number().over(order_by=TargetRow.line) - 1).label("rank"))
            .where(TargetRow.job_number == number)
            .subquery()
        )
        chosen = select(ranked.c.line).where(ranked.c.rank.in_(ranks)).order_by(ranked.c.line)
        lines = list((await self._connection.execute(chosen)).scalars())
        await self._keep(number, json.dumps(lines))
        await self.postpone_others(number, lines, until=until)

    async def postpone_others(self, number: JobNumber, canaries: Collection[int], *, until: datetime) -> None:
        """Makes the free batches in which no canary waits due at that time.

        All of them at once: claims take the first batch that is due, and a thousand of these would hide the canaries.
        """
        waits = select(TargetRow.line).where(
            TargetRow.job_number == number,
            TargetRow.line.in_(canaries),
            TargetRow.line.between(BatchRow.first_line, BatchRow.last_line),
            TargetRow.status == TargetStatus.WAITING,
        )
        # Claims hold one batch while they do this: two that waited for each other's batch would never end.
        others = (
            select(BatchRow.batch)
            .where(BatchRow.job_number == number, BatchRow.holder.is_(None), ~waits.exists())
            .with_for_update(skip_locked=True)
        )
        await self._connection.execute(
            update(BatchRow).where(BatchRow.job_number == number, BatchRow.batch.in_(others)).values(due_at=until)
        )

    async def window(self, number: JobNumber, canaries: Collection[int]) -> OutcomeWindow | None:
        """How the canaries fared, as the brake counts; None while one of them is still to be called."""
        query = (
            select(TargetRow.status, TargetRow.http_status, TargetRow.error_code, func.count())
            .where(TargetRow.job_number == number, TargetRow.line.in_(canaries))
            .group_by(TargetRow.status, TargetRow.http_status, TargetRow.error_code)
        )
        ended: dict[str, int] = {}
        errors: dict[ErrorGroup, ErrorCount] = {}
        for status, http_status, code, count in await self._connection.execute(query):
            if status == TargetStatus.WAITING:
                return None
            ended[status] = ended.get(status, 0) + count
            if status != TargetStatus.ACCEPTED:
                group = ErrorGroup(TargetStatus(status), http_status, code or "")
                errors[group] = ErrorCount(count)
        return window_of(Tally(**ended), errors)

    async def release(self, number: JobNumber, *, now: datetime) -> None:
        """They were looked at: everything else is due."""
        await self._keep(number, None)
        await self._connection.execute(
            update(BatchRow)
            .where(BatchRow.job_number == number, BatchRow.waiting > 0, BatchRow.holder.is_(None))
            .values(due_at=now)
        )

    async def jobs_with_some(self, *, limit: int) -> list[JobNumber]:
        """Active jobs whose canaries were not looked at yet."""
        found = await self._connection.execute(_WITH_CANARIES, {"most": limit})
        return [JobNumber(number) for number in found.scalars()]

    async def _keep(self, number: JobNumber, lines: str | None) -> None:
        await self._connection.execute(update(JobRow).where(JobRow.number == number).values(canaries=lines))


_WITH_CANARIES = (
    select(JobRow.number).where(JobRow.status.in_(ACTIVE), JobRow.canaries.is_not(None)).limit(bindparam("most"))
)
