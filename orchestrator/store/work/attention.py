"""Which jobs may need attention, and which items were acknowledged: queries that stay cheap with ten thousand jobs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, false, func, literal, or_, select, text
from sqlalchemy.orm import aliased

from orchestrator.domain.course import EventKind
from orchestrator.domain.ids import JobNumber, ScheduleNumber
from orchestrator.domain.job import JobStatus
from orchestrator.domain.schedule import OccurrenceStatus
from orchestrator.store.engine.repository import Repository
from orchestrator.store.engine.upserts import insert_into
from orchestrator.store.rows.acknowledgements import AcknowledgementRow
from orchestrator.store.rows.charts import JobEventRow
from orchestrator.store.rows.jobs import MANY_FAILURES, JobRow
from orchestrator.store.rows.lists import ListVersionRow, SavedListRow
from orchestrator.store.rows.schedules import OccurrenceRow, ScheduleRow
from orchestrator.store.work.claimable import is_callable

MOST_JOBS = 100
"""Jobs of one kind that are looked at, the newest: more of them change nothing for the reader."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One due time of a schedule, with its status and the reason for that."""

    at: datetime
    status: OccurrenceStatus
    reason: str | None


class Attention(Repository):
    """Repository of what needs attention; none of the methods commits."""

    async def jobs(self) -> list[JobNumber]:
        """Jobs that stopped or are paused, the last finished job of each schedule, and others with many failures."""
        found: list[JobNumber] = []
        for query in (_AT_REST, _LAST_OF_SCHEDULES, _FAILED):
            numbers = (await self._connection.execute(query)).scalars()
            found += [JobNumber(number) for number in numbers if number is not None]
        return found

    async def at_rest_since(self, numbers: Collection[JobNumber]) -> dict[JobNumber, datetime]:
        """When each of these jobs stopped or was paused last; jobs without such a mark are left out."""
        query = (
            select(JobEventRow.job_number, func.max(JobEventRow.at))
            .where(JobEventRow.job_number.in_(numbers), JobEventRow.kind.in_((EventKind.STOPPED, EventKind.PAUSED)))
            .group_by(JobEventRow.job_number)
        )
        return {JobNumber(number): at for number, at in await self._connection.execute(query)}

    async def ends_of_windows(self, numbers: Collection[JobNumber]) -> dict[JobNumber, datetime]:
        """The end of the window of each of these jobs that has one."""
        query = select(JobRow.number, JobRow.not_after).where(JobRow.number.in_(numbers), JobRow.not_after.is_not(None))
        rows = await self._connection.execute(query)
        return {JobNumber(number): at for number, at in rows if at is not None}

    async def last_occurrences(self) -> dict[ScheduleNumber, Occurrence]:
        """The last occurrence of each schedule that became a job or should have; one that was passed over is not."""
        last = (
            select(func.max(OccurrenceRow.at))
            .where(OccurrenceRow.schedule_number == ScheduleRow.number, OccurrenceRow.status.not_in(_PASSED_OVER))
            .correlate(ScheduleRow)
            .scalar_subquery()
        )
        query = (
            select(OccurrenceRow.schedule_number, OccurrenceRow.at, OccurrenceRow.status, OccurrenceRow.reason)
            .select_from(ScheduleRow)
            .join(OccurrenceRow, and_(OccurrenceRow.schedule_number == ScheduleRow.number, OccurrenceRow.at == last))
        )
        rows = await self._connection.execute(query)
        return {
            ScheduleNumber(number): Occurrence(at, OccurrenceStatus(status), reason)
            for number, at, status, reason in rows
        }

    async def lacking_lists(self) -> set[ScheduleNumber]:
        """The schedules whose saved list was removed."""
        kept = (
            select(ListVersionRow.list_number)
            .join(SavedListRow, SavedListRow.number == ListVersionRow.list_number)
            .where(SavedListRow.name == ScheduleRow.list_name, ListVersionRow.is_complete)
        )
        rows = await self._connection.execute(select(ScheduleRow.number).where(~kept.exists()))
        return {ScheduleNumber(number) for number in rows.scalars()}

    async def acknowledged(self) -> dict[str, datetime]:
        """When each item was acknowledged last, by the item's id."""
        query = select(AcknowledgementRow.item, AcknowledgementRow.at)
        return dict((await self._connection.execute(query)).all())

    async def acknowledge(self, item: str, *, by: str, reason: str, now: datetime) -> None:
        """Records that a person knows of the item; an earlier acknowledgement of it is replaced."""
        values = {"at": now, "by": by, "reason": reason}
        added = insert_into(self._connection, AcknowledgementRow).values(item=item, **values)
        await self._connection.execute(added.on_conflict_do_update(index_elements=["item"], set_=values))

    async def forget(self, *, before: datetime) -> None:
        """Removes acknowledgements from before then: what still lasts is shown again."""
        await self._connection.execute(delete(AcknowledgementRow).where(AcknowledgementRow.at < before))


def _is_acknowledged() -> ColumnElement[bool]:
    # The ids of the two items that a finished job can be; domain/attention.py makes them.
    ids = [literal(f"{kind}:") + JobRow.id for kind in ("jobFailed", "jobFailures")]
    return (
        select(AcknowledgementRow.item)
        .where(AcknowledgementRow.item.in_(ids), AcknowledgementRow.at >= JobRow.finished_at)
        .exists()
    )


_PASSED_OVER = (OccurrenceStatus.SKIPPED, OccurrenceStatus.BLACKOUT)
_RETRY = aliased(JobRow)
_OTHER = aliased(JobRow)
_AT_REST = (
    select(JobRow.number)
    .where(JobRow.status.in_((JobStatus.STOPPED, JobStatus.PAUSED)), JobRow.carried_to.is_(None), is_callable())
    .order_by(JobRow.number.desc())
    .limit(MOST_JOBS)
)
_LAST_OF_SCHEDULES = select(
    select(_OTHER.number)
    .where(_OTHER.schedule == ScheduleRow.name, _OTHER.status == JobStatus.FINISHED)
    .order_by(_OTHER.number.desc())
    .limit(1)
    .correlate(ScheduleRow)
    .scalar_subquery()
).select_from(ScheduleRow)
_FAILED = (
    select(JobRow.number)
    .where(
        text(MANY_FAILURES),
        # True of each finished job: with two columns to compare, SQLite prefers this index to that of the status alone,
        # which would lead it through every finished job.
        JobRow.cancelling == false(),
        is_callable(),
        or_(
            JobRow.schedule.is_(None),
            ~select(ScheduleRow.number).where(ScheduleRow.name == JobRow.schedule).exists(),
        ),
        ~select(_RETRY.number).where(_RETRY.retry_of == JobRow.id).exists(),
        ~_is_acknowledged(),
    )
    .order_by(JobRow.number.desc())
    .limit(MOST_JOBS)
)
