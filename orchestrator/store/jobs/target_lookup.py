"""The targets of one device across all jobs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, delete, func, literal, or_, select, update

from orchestrator.domain.job import JobStatus
from orchestrator.store.engine.repository import Repository
from orchestrator.store.engine.upserts import insert_into
from orchestrator.store.rows.jobs import BatchRow, JobRow
from orchestrator.store.rows.lookups import TargetLookupRow
from orchestrator.store.rows.targets import TargetRow
from orchestrator.store.rows.unlisted_jobs import UnlistedJobRow

_KEY_LENGTH = 12
"""Characters of an id that are its key: 48 bits of a managed device id, which no two devices of a fleet share."""


@dataclass(frozen=True, slots=True)
class DeviceCall:
    """One job's target on a device, and how it stands; times are UTC. `job_name` is its name, else its file's."""

    job: str
    job_name: str | None
    schedule: str | None
    action: str
    tenant: str
    submitted_by: str
    status: str
    at: datetime
    attempts: int
    http_status: int | None
    error_code: str | None
    error_message: str | None
    request_id: str | None


class TargetLookup(Repository):
    """SQL of the lookup; no method commits."""

    async def extend(self, *, batches: int) -> bool:
        """List the targets of some batches of the oldest job that is not listed yet; False where none is left."""
        oldest = (
            select(UnlistedJobRow.job_number, UnlistedJobRow.line)
            .order_by(UnlistedJobRow.job_number)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        job = (await self._connection.execute(oldest)).one_or_none()
        if job is None:
            return False
        number, line = job
        some = (
            select(BatchRow.last_line)
            .where(BatchRow.job_number == number, BatchRow.first_line > line)
            .order_by(BatchRow.batch)
            .limit(batches)
            .subquery()
        )
        last = (await self._connection.execute(select(func.max(some.c.last_line)))).scalar()
        listed = UnlistedJobRow.job_number == number
        if last is None:
            await self._connection.execute(delete(UnlistedJobRow).where(listed))
            return True
        await self._list(number, line, last)
        await self._connection.execute(update(UnlistedJobRow).where(listed).values(line=last))
        return True

    async def of_device(self, device: str, *, limit: int) -> list[DeviceCall]:
        """The targets of the device with this managed device id in all jobs, newest job first.

        Jobs that are not listed yet are looked through target by target.
        """
        is_device = or_(TargetRow.device == device, TargetRow.device.endswith(f"/{device}", autoescape=True))
        listed = (
            select(TargetLookupRow.job_number, TargetLookupRow.line)
            .where(TargetLookupRow.key == device[-_KEY_LENGTH:])
            .subquery()
        )
        through_lookup = _calls().join(
            listed, and_(listed.c.job_number == TargetRow.job_number, listed.c.line == TargetRow.line)
        )
        queries = [through_lookup.where(is_device)]
        # By their numbers: joined with the table, either database would rather read all targets there are.
        unlisted = (await self._connection.execute(select(UnlistedJobRow.job_number))).scalars().all()
        if unlisted:
            queries.append(_calls().where(TargetRow.job_number.in_(unlisted), is_device))
        found: dict[tuple[int, int], DeviceCall] = {}
        for query in queries:
            newest = query.order_by(TargetRow.job_number.desc()).limit(limit)
            for row, job, job_name, schedule, action, tenant, by, submitted_at in await self._rows_with(newest):
                found[row.job_number, row.line] = DeviceCall(
                    job=job,
                    job_name=job_name,
                    schedule=schedule,
                    action=action,
                    tenant=tenant,
                    submitted_by=by,
                    status=row.status,
                    at=row.finished_at or row.first_attempt_at or submitted_at,
                    attempts=row.attempts,
                    http_status=row.http_status,
                    error_code=row.error_code,
                    error_message=row.error_message,
                    request_id=row.request_id,
                )
        return [found[place] for place in sorted(found, reverse=True)][:limit]

    async def _list(self, number: int, after: int, last: int) -> None:
        # Sorted, so that each page of the table's tree is visited once.
        rows = (
            select(self._key(), literal(number), TargetRow.line)
            .where(TargetRow.job_number == number, TargetRow.line > after, TargetRow.line <= last)
            .order_by(self._key())
        )
        columns = ["key", "job_number", "line"]
        await self._connection.execute(
            insert_into(self._connection, TargetLookupRow).from_select(columns, rows).on_conflict_do_nothing()
        )

    def _key(self) -> ColumnElement[str]:
        if self._connection.dialect.name == "postgresql":
            return func.right(TargetRow.device, _KEY_LENGTH)
        return func.substr(TargetRow.device, -_KEY_LENGTH)


def _calls() -> Select[TargetRow, str, str | None, str | None, str, str, str, datetime]:
    return (
        select(
            TargetRow,
            *(JobRow.id, func.coalesce(JobRow.name, JobRow.file_name), JobRow.schedule, JobRow.action, JobRow.tenant),
            *(JobRow.submitted_by, JobRow.submitted_at),
        )
        .join_from(TargetRow, JobRow, JobRow.number == TargetRow.job_number)
        .where(JobRow.status != JobStatus.RECEIVING)
    )
