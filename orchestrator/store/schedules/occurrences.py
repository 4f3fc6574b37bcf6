"""The occurrences of schedules: one row each, whose key makes each one job at most."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Update, and_, delete, func, or_, select, update

from orchestrator.domain.ids import JobId, ScheduleNumber, WorkerId
from orchestrator.domain.schedule import OccurrenceStatus
from orchestrator.domain.selection import SelectionChange, own_list
from orchestrator.store.engine.repository import Repository
from orchestrator.store.engine.upserts import insert_into
from orchestrator.store.rows.lists import ListVersionRow, SavedListRow
from orchestrator.store.rows.schedules import OccurrenceRow, ScheduleRow


@dataclass(frozen=True, slots=True)
class OccurrenceFacts:
    """The status of one occurrence, and of `more` after it that share it; `by` is who started it by hand."""

    schedule: ScheduleNumber
    at: datetime
    status: OccurrenceStatus
    reason: str | None
    decided_at: datetime
    by: str | None = None
    more: int = 0
    job: JobId | None = None
    list_version: int | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """An occurrence, and the process that makes a job of it."""

    schedule: ScheduleNumber
    at: datetime
    holder: WorkerId


class Occurrences(Repository):
    """SQL of occurrences; no method commits."""

    async def add(
        self,
        occurrences: Sequence[OccurrenceFacts],
        *,
        holder: WorkerId | None = None,
        lease_until: datetime | None = None,
    ) -> int:
        """Records the status of occurrences; those with a row keep it. Returns how many were new."""
        new = 0
        for each in occurrences:
            noted = await self._connection.execute(
                insert_into(self._connection, OccurrenceRow)
                .values(
                    schedule_number=each.schedule,
                    at=each.at,
                    status=each.status,
                    reason=each.reason,
                    by=each.by,
                    more=each.more,
                    decided_at=each.decided_at,
                    holder=holder,
                    lease_until=lease_until,
                )
                .on_conflict_do_nothing()
            )
            new += noted.rowcount
        return new

    async def lease(
        self, schedule: ScheduleNumber, at: datetime, holder: WorkerId, *, lease_until: datetime, now: datetime
    ) -> bool:
        """Hold an occurrence that waits, or whose holder went silent; False means that another process was quicker."""
        taken = await self._connection.execute(
            update(OccurrenceRow)
            .where(OccurrenceRow.schedule_number == schedule, OccurrenceRow.at == at, _takable(now))
            .values(status=OccurrenceStatus.STARTING, holder=holder, lease_until=lease_until)
        )
        return taken.rowcount == 1

    async def extend(self, held: Held, *, until: datetime, reason: str | None = None) -> bool:
        """Extends the lease of the holder until then; False where another process holds the occurrence by now."""
        values: dict[str, Any] = {"lease_until": until}
        if reason is not None:
            values["reason"] = reason
        extended = await self._connection.execute(_held(held).values(values))
        return extended.rowcount == 1

    async def start(self, held: Held, job: JobId, *, list_version: int, reason: str | None, now: datetime) -> bool:
        """The occurrence has become this job; False where another process holds it by now, and then it must not."""
        started = await self._connection.execute(
            _held(held).values(
                status=OccurrenceStatus.STARTED,
                reason=reason,
                job=job,
                list_version=list_version,
                decided_at=now,
                holder=None,
                lease_until=None,
            )
        )
        return started.rowcount == 1

    async def settle(
        self, schedule: ScheduleNumber, at: datetime, status: OccurrenceStatus, reason: str | None, *, now: datetime
    ) -> bool:
        """An open occurrence becomes no job, or waits on, for this reason; False where it is settled by now."""
        open_statuses = (OccurrenceStatus.STARTING, OccurrenceStatus.QUEUED)
        settled = await self._connection.execute(
            update(OccurrenceRow)
            .where(
                OccurrenceRow.schedule_number == schedule,
                OccurrenceRow.at == at,
                OccurrenceRow.status.in_(open_statuses),
            )
            .values(status=status, reason=reason, decided_at=now, holder=None, lease_until=None)
        )
        return settled.rowcount == 1

    async def open_of(self, schedule: ScheduleNumber) -> list[OccurrenceFacts]:
        """The occurrences of a schedule that may still become jobs."""
        query = select(OccurrenceRow).where(OccurrenceRow.schedule_number == schedule, _OPEN).order_by(OccurrenceRow.at)
        return [_facts(row) for row in await self._rows(query)]

    async def takable(self, now: datetime, *, limit: int) -> list[tuple[ScheduleNumber, datetime]]:
        """Occurrences that wait, and those whose holder went silent."""
        query = (
            select(OccurrenceRow.schedule_number, OccurrenceRow.at)
            .where(_takable(now))
            .order_by(OccurrenceRow.at)
            .limit(limit)
        )
        rows = await self._connection.execute(query)
        return [(ScheduleNumber(number), at) for number, at in rows]

    async def last_job(self, schedule: ScheduleNumber) -> JobId | None:
        """The newest job of a schedule."""
        query = (
            select(OccurrenceRow.job)
            .where(OccurrenceRow.schedule_number == schedule, OccurrenceRow.job.is_not(None))
            .order_by(OccurrenceRow.decided_at.desc(), OccurrenceRow.at.desc())
            .limit(1)
        )
        job = (await self._connection.execute(query)).scalar_one_or_none()
        return None if job is None else JobId(job)

    async def selection_of(self, job: JobId, schedule: str, *, submitted_at: datetime) -> SelectionChange | None:
        """Returns the selection of the schedule for this job; None for a saved list, or where the version is gone."""
        version, near = ListVersionRow, timedelta(hours=1)
        query = (
            select(version.version, version.devices, version.added, version.removed, OccurrenceRow.reason)
            .join(ScheduleRow, ScheduleRow.number == OccurrenceRow.schedule_number)
            .join(SavedListRow, SavedListRow.name == own_list(schedule))
            .join(
                version, and_(version.list_number == SavedListRow.number, version.version == OccurrenceRow.list_version)
            )
            .where(
                ScheduleRow.name == schedule,
                OccurrenceRow.job == job,
                # A bound for the key, which begins with schedule and time.
                OccurrenceRow.at >= submitted_at - _LATEST_START,
                # A selection is expanded when its job is made; a list that a schedule had earlier has versions too.
                version.imported_at.between(submitted_at - near, submitted_at + near),
            )
            .limit(1)
        )
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else SelectionChange(*row[:4], row[4] or "")

    async def history(
        self, schedule: ScheduleNumber, *, limit: int, before: datetime | None = None
    ) -> list[OccurrenceFacts]:
        """Returns the occurrences of a schedule, newest first."""
        query = select(OccurrenceRow).where(OccurrenceRow.schedule_number == schedule)
        if before is not None:
            query = query.where(OccurrenceRow.at < before)
        rows = await self._rows(query.order_by(OccurrenceRow.at.desc()).limit(limit))
        return [_facts(row) for row in rows]

    async def between(
        self, begin: datetime, end: datetime, *, schedule: ScheduleNumber | None, limit: int
    ) -> list[OccurrenceFacts]:
        """The occurrences of all schedules, or of one, from `begin` until before `end`, newest first."""
        query = select(OccurrenceRow).where(OccurrenceRow.at >= begin, OccurrenceRow.at < end)
        if schedule is not None:
            query = query.where(OccurrenceRow.schedule_number == schedule)
        rows = await self._rows(query.order_by(OccurrenceRow.at.desc()).limit(limit))
        return [_facts(row) for row in rows]

    async def latest_of(self, schedules: Collection[ScheduleNumber]) -> dict[ScheduleNumber, OccurrenceFacts]:
        """The latest occurrence of each of these schedules that has any."""
        latest = (
            select(OccurrenceRow.schedule_number, func.max(OccurrenceRow.at).label("at"))
            .where(OccurrenceRow.schedule_number.in_(schedules))
            .group_by(OccurrenceRow.schedule_number)
            .subquery()
        )
        is_latest = and_(OccurrenceRow.schedule_number == latest.c.schedule_number, OccurrenceRow.at == latest.c.at)
        query = select(OccurrenceRow).join(latest, is_latest)
        return {ScheduleNumber(row.schedule_number): _facts(row) for row in await self._rows(query)}

    async def forget(self, *, before: datetime) -> None:
        """Drop what was decided before then."""
        await self._connection.execute(delete(OccurrenceRow).where(OccurrenceRow.decided_at < before, ~_OPEN))


_OPEN = OccurrenceRow.status.in_((OccurrenceStatus.STARTING, OccurrenceStatus.QUEUED))


def _takable(now: datetime) -> ColumnElement[bool]:
    silent = and_(OccurrenceRow.status == OccurrenceStatus.STARTING, OccurrenceRow.lease_until < now)
    return or_(OccurrenceRow.status == OccurrenceStatus.QUEUED, silent)


def _held(held: Held) -> Update:
    return update(OccurrenceRow).where(
        OccurrenceRow.schedule_number == held.schedule,
        OccurrenceRow.at == held.at,
        OccurrenceRow.status == OccurrenceStatus.STARTING,
        OccurrenceRow.holder == held.holder,
    )


def _facts(row: OccurrenceRow) -> OccurrenceFacts:
    return OccurrenceFacts(
        schedule=ScheduleNumber(row.schedule_number),
        at=row.at,
        status=OccurrenceStatus(row.status),
        reason=row.reason,
        decided_at=row.decided_at,
        by=row.by,
        more=row.more,
        job=JobId(row.job) if row.job else None,
        list_version=row.list_version,
    )


_LATEST_START = timedelta(days=31)
