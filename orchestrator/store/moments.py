"""What became of the moments of schedules: one row each, whose key makes each one job at most."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.domain.ids import JobId, ScheduleNumber, WorkerId
from orchestrator.domain.schedule import MomentStatus
from orchestrator.store.rows import AnyRow, MomentRow
from orchestrator.store.upserts import insert_into


@dataclass(frozen=True, slots=True)
class MomentFacts:
    """What became of one moment, and of `more` after it that share its fate; `by` is who started it by hand."""

    schedule: ScheduleNumber
    at: datetime
    status: MomentStatus
    reason: str | None
    decided_at: datetime
    by: str | None = None
    more: int = 0
    job: JobId | None = None
    list_version: int | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A moment that somebody makes a job of, and who."""

    schedule: ScheduleNumber
    at: datetime
    holder: WorkerId


class Moments:
    """Questions about moments; none of them commits."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def note(
        self, moments: Sequence[MomentFacts], *, holder: WorkerId | None = None, lease_until: datetime | None = None
    ) -> int:
        """Write down what became of moments; those that have a row already keep it. How many were new."""
        new = 0
        for each in moments:
            noted = await self._connection.execute(
                insert_into(self._connection, MomentRow)
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

    async def take(
        self, schedule: ScheduleNumber, at: datetime, holder: WorkerId, *, lease_until: datetime, now: datetime
    ) -> bool:
        """Hold a moment that waits, or whose holder went silent; False means that somebody else was quicker."""
        taken = await self._connection.execute(
            update(MomentRow)
            .where(MomentRow.schedule_number == schedule, MomentRow.at == at, _takable(now))
            .values(status=MomentStatus.STARTING, holder=holder, lease_until=lease_until)
        )
        return taken.rowcount == 1

    async def extend(self, held: Held, *, until: datetime) -> bool:
        """The holder lives; False where the moment is somebody else's by now."""
        extended = await self._connection.execute(_held(held).values(lease_until=until))
        return extended.rowcount == 1

    async def start(self, held: Held, job: JobId, *, list_version: int, reason: str | None, now: datetime) -> bool:
        """The moment has become this job; False where it is somebody else's by now, and then it must not."""
        started = await self._connection.execute(
            _held(held).values(
                status=MomentStatus.STARTED,
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
        self, schedule: ScheduleNumber, at: datetime, status: MomentStatus, reason: str | None, *, now: datetime
    ) -> bool:
        """An open moment becomes no job, or waits on, for this reason; False where it is settled by now."""
        open_statuses = (MomentStatus.STARTING, MomentStatus.QUEUED)
        settled = await self._connection.execute(
            update(MomentRow)
            .where(MomentRow.schedule_number == schedule, MomentRow.at == at, MomentRow.status.in_(open_statuses))
            .values(status=status, reason=reason, decided_at=now, holder=None, lease_until=None)
        )
        return settled.rowcount == 1

    async def open_of(self, schedule: ScheduleNumber) -> list[MomentFacts]:
        """The moments of a schedule that may still become jobs."""
        query = select(MomentRow.__table__).where(MomentRow.schedule_number == schedule, _OPEN).order_by(MomentRow.at)
        return [_facts(row) for row in await self._connection.execute(query)]

    async def takable(self, now: datetime, *, limit: int) -> list[tuple[ScheduleNumber, datetime]]:
        """Moments that wait, and those whose holder went silent."""
        query = select(MomentRow.schedule_number, MomentRow.at).where(_takable(now)).order_by(MomentRow.at).limit(limit)
        rows = await self._connection.execute(query)
        return [(ScheduleNumber(number), at) for number, at in rows]

    async def last_job(self, schedule: ScheduleNumber) -> JobId | None:
        """The newest job of a schedule."""
        query = (
            select(MomentRow.job)
            .where(MomentRow.schedule_number == schedule, MomentRow.job.is_not(None))
            .order_by(MomentRow.decided_at.desc(), MomentRow.at.desc())
            .limit(1)
        )
        job = (await self._connection.execute(query)).scalar_one_or_none()
        return None if job is None else JobId(job)

    async def history(
        self, schedule: ScheduleNumber, *, limit: int, before: datetime | None = None
    ) -> list[MomentFacts]:
        """What became of the moments of a schedule, newest first."""
        query = select(MomentRow.__table__).where(MomentRow.schedule_number == schedule)
        if before is not None:
            query = query.where(MomentRow.at < before)
        rows = await self._connection.execute(query.order_by(MomentRow.at.desc()).limit(limit))
        return [_facts(row) for row in rows]

    async def latest_of(self, schedules: Collection[ScheduleNumber]) -> dict[ScheduleNumber, MomentFacts]:
        """The latest moment of each of these schedules that has any."""
        latest = (
            select(MomentRow.schedule_number, func.max(MomentRow.at).label("at"))
            .where(MomentRow.schedule_number.in_(schedules))
            .group_by(MomentRow.schedule_number)
            .subquery()
        )
        is_latest = and_(MomentRow.schedule_number == latest.c.schedule_number, MomentRow.at == latest.c.at)
        query = select(MomentRow.__table__).join(latest, is_latest)
        return {ScheduleNumber(row.schedule_number): _facts(row) for row in await self._connection.execute(query)}

    async def forget(self, *, before: datetime) -> None:
        """Drop what was decided before then."""
        await self._connection.execute(delete(MomentRow).where(MomentRow.decided_at < before, ~_OPEN))


_OPEN = MomentRow.status.in_((MomentStatus.STARTING, MomentStatus.QUEUED))


def _takable(now: datetime) -> Any:
    silent = and_(MomentRow.status == MomentStatus.STARTING, MomentRow.lease_until < now)
    return or_(MomentRow.status == MomentStatus.QUEUED, silent)


def _held(held: Held) -> Any:
    return update(MomentRow).where(
        MomentRow.schedule_number == held.schedule,
        MomentRow.at == held.at,
        MomentRow.status == MomentStatus.STARTING,
        MomentRow.holder == held.holder,
    )


def _facts(row: AnyRow) -> MomentFacts:
    return MomentFacts(
        schedule=ScheduleNumber(row.schedule_number),
        at=row.at,
        status=MomentStatus(row.status),
        reason=row.reason,
        decided_at=row.decided_at,
        by=row.by,
        more=row.more,
        job=JobId(row.job) if row.job else None,
        list_version=row.list_version,
    )
