"""Jobs that fit a filter, newest first, in pages that stay the same while jobs are added and change."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, exists, func, or_, select

from orchestrator.domain.ids import JobNumber
from orchestrator.domain.job import JobStatus
from orchestrator.domain.job_filter import JobFilter, Standing
from orchestrator.store.engine.repository import Repository
from orchestrator.store.rows.jobs import BatchRow, JobRow
from orchestrator.store.work.claimable import is_callable


class JobSearch(Repository):
    """One question, with many conditions; it does not commit."""

    async def newest(self, wanted: JobFilter, *, limit: int, before: int | None = None) -> list[JobNumber]:
        """The numbers of the jobs that fit and can be read; `before` is the number to go on from.

        Numbers only grow, so a job that comes in meanwhile moves nothing on a page that was asked for with `before`.
        """
        query = select(JobRow.number).where(JobRow.status != JobStatus.RECEIVING, is_callable(), *_conditions(wanted))
        if before is not None:
            query = query.where(JobRow.number < before)
        query = query.order_by(JobRow.number.desc()).limit(limit)
        return [JobNumber(number) for number in (await self._connection.execute(query)).scalars()]


def _conditions(wanted: JobFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.statuses:
        found.append(or_(*map(_is_shown_as, wanted.statuses)))
    if wanted.action is not None:
        found.append(JobRow.action == wanted.action)
    if wanted.tenants:
        found.append(JobRow.tenant.in_(wanted.tenants))
    if wanted.submitted_by is not None:
        found.append(JobRow.submitted_by == wanted.submitted_by)
    if wanted.schedule is not None:
        found.append(JobRow.schedule == wanted.schedule)
    if wanted.since is not None:
        found.append(JobRow.submitted_at >= wanted.since)
    if wanted.until is not None:
        found.append(JobRow.submitted_at < wanted.until)
    if wanted.text:
        columns = (JobRow.id, JobRow.name, JobRow.file_name, JobRow.submit_reason, JobRow.reason, JobRow.submitted_by)
        text = wanted.text.lower()
        found.append(or_(*(func.lower(column).contains(text, autoescape=True) for column in columns)))
    return found


def _is_shown_as(status: Standing) -> ColumnElement[bool]:
    """As `shown_status` has it: paused and cancelled jobs are still letting go while anything of them moves."""
    moves = exists().where(BatchRow.job_number == JobRow.number, BatchRow.sending > 0)
    waits = exists().where(BatchRow.job_number == JobRow.number, BatchRow.waiting > 0)
    went_wrong = exists().where(BatchRow.job_number == JobRow.number, or_(BatchRow.failed > 0, BatchRow.uncertain > 0))
    match status:
        case "finished-with-failures":
            return and_(JobRow.status == JobStatus.FINISHED, went_wrong)
        case JobStatus.PAUSED:
            return and_(JobRow.status == JobStatus.PAUSED, ~moves)
        case JobStatus.PAUSING:
            return and_(JobRow.status == JobStatus.PAUSED, moves)
        case JobStatus.CANCELLED:
            return and_(JobRow.status == JobStatus.CANCELLED, ~or_(moves, waits))
        case JobStatus.CANCELLING:
            return and_(JobRow.status == JobStatus.CANCELLED, or_(moves, waits))
    return JobRow.status == status
