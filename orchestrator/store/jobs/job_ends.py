"""The ends of jobs: settled, cancelled, closed with their window, or carried over; and the notices of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import (
    BindParameter,
    Select,
    bindparam,
    exists,
    func,
    or_,
    select,
    update,
)

from orchestrator.domain.course import EventKind
from orchestrator.domain.ids import JobId, JobNumber
from orchestrator.domain.job import ACTIVE, Job, JobStatus
from orchestrator.store.engine.repository import Repository
from orchestrator.store.engine.stored_json import readable
from orchestrator.store.engine.times import UtcDateTime
from orchestrator.store.jobs.job_events import add_event
from orchestrator.store.jobs.jobs import job_from
from orchestrator.store.rows.jobs import BatchRow, JobRow
from orchestrator.store.work.claimable import is_callable


class JobEnds(Repository):
    """How jobs end; none of these commits."""

    async def any_window_over(self, *, now: datetime) -> bool:
        """Whether there is a job to stop because its window has ended."""
        return (await self._connection.execute(_ANY_WINDOW_OVER, {"now": now})).first() is not None

    async def close_windows(self, *, now: datetime, limit: int) -> list[JobId]:
        """Stop jobs whose window has ended and of which something waits; what is on its way is still recorded."""
        over = _window_over(now).limit(limit).with_for_update(skip_locked=True)
        closed = await self._connection.execute(
            update(JobRow)
            .where(JobRow.number.in_(over))
            .values(status=JobStatus.STOPPED, reason=JobRow.not_after_reason, touched_at=now, notice_pending=True)
            .returning(JobRow.number, JobRow.id)
        )
        found = [(JobNumber(number), JobId(job)) for number, job in closed]
        for number, _ in found:
            await add_event(self._connection, number, EventKind.STOPPED, now=now)
        return [job for _, job in found]

    async def lift_window(self, number: JobNumber, *, now: datetime) -> None:
        """Let a job go on although its window has ended: a person says so."""
        await self._connection.execute(
            update(JobRow).where(JobRow.number == number, JobRow.not_after <= now).values(not_after=None)
        )

    async def carry_over(self, stopped: JobId, *, to: JobId, reason: str, now: datetime) -> bool:
        """Ends a stopped job whose waiting targets go first in another job; False where it goes on again."""
        carried = await self._connection.execute(
            update(JobRow)
            .where(JobRow.id == stopped, JobRow.status == JobStatus.STOPPED)
            .values(carried_to=to, reason=reason, finished_at=now)
        )
        return carried.rowcount == 1

    async def carried_to(self, number: JobNumber) -> JobId | None:
        """The job that has taken over what waits in this one."""
        carried = await self._connection.execute(select(JobRow.carried_to).where(JobRow.number == number))
        job = carried.scalar_one()
        return None if job is None else JobId(job)

    async def any_notice_pending(self) -> bool:
        """Whether a job has ended and its notice is not written yet."""
        return (
            await self._connection.execute(select(JobRow.number).where(JobRow.notice_pending, is_callable()).limit(1))
        ).first() is not None

    async def notice_pending(self, *, limit: int) -> list[Job]:
        """Jobs that have ended and whose notices are not written yet, locked until the commit."""
        query = select(JobRow).where(JobRow.notice_pending, is_callable()).order_by(JobRow.number).limit(limit)
        return readable(await self._rows(query.with_for_update(skip_locked=True)), job_from)

    async def clear_notice_pending(self, numbers: Sequence[JobNumber]) -> None:
        """The notices of these ends are written."""
        await self._connection.execute(update(JobRow).where(JobRow.number.in_(numbers)).values(notice_pending=False))

    async def settle(self, number: JobNumber, *, now: datetime) -> bool:
        """Finishes the job if no target waits or is on its way; True if that happened now."""
        settled = await self._connection.execute(
            update(JobRow)
            .where(
                JobRow.number == number,
                JobRow.status.in_((JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.PAUSED)),
                ~_HAS_OPEN_BATCH,
            )
            .values(
                status=JobStatus.FINISHED,
                reason=None,
                finished_at=now,
                touched_at=now,
                notice_pending=True,
                failures=_FAILURES,
            )
        )
        return settled.rowcount == 1

    async def unsettled(self, *, limit: int) -> list[JobNumber]:
        """Running jobs without a target that waits or is on its way: the process that should settle them died."""
        found = await self._connection.execute(_UNSETTLED, {"most": limit})
        return [JobNumber(number) for number in found.scalars()]

    async def being_cancelled(self, *, limit: int) -> list[JobNumber]:
        """Cancelled jobs of which something may still wait: it was held while the job was cancelled."""
        found = await self._connection.execute(_BEING_CANCELLED, {"most": limit})
        return [JobNumber(number) for number in found.scalars()]

    async def finish_cancelling(self, number: JobNumber) -> None:
        """Ends the recovery of a cancelled job once no target waits or is on its way and no batch is held."""
        open_batch = exists().where(
            BatchRow.job_number == JobRow.number, or_(BatchRow.waiting > 0, BatchRow.holder.is_not(None))
        )
        await self._connection.execute(
            update(JobRow).where(JobRow.number == number, ~open_batch).values(cancelling=False)
        )


def _window_over(now: datetime | BindParameter[datetime]) -> Select[int]:
    waits = exists().where(BatchRow.job_number == JobRow.number, BatchRow.waiting > 0)
    return select(JobRow.number).where(JobRow.status.in_(ACTIVE), JobRow.not_after <= now, waits)


_FAILURES = (
    select(func.coalesce(func.sum(BatchRow.failed + BatchRow.uncertain), 0))
    .where(BatchRow.job_number == JobRow.number)
    .scalar_subquery()
)


_HAS_OPEN_BATCH = exists().where(BatchRow.job_number == JobRow.number, (BatchRow.waiting > 0) | (BatchRow.sending > 0))


_UNSETTLED = select(JobRow.number).where(JobRow.status.in_(ACTIVE), ~_HAS_OPEN_BATCH).limit(bindparam("most"))


# In any order: some whose batches are held for long must not keep the others from being looked at.
_BEING_CANCELLED = select(JobRow.number).where(JobRow.cancelling).order_by(func.random()).limit(bindparam("most"))


_ANY_WINDOW_OVER = _window_over(bindparam("now", type_=UtcDateTime())).limit(1)
