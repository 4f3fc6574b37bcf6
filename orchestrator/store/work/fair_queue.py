"""The fair queue of each lane: the jobs that are due or waiting, in order of their virtual time."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from types import MappingProxyType

from sqlalchemy import (
    BigInteger,
    Float,
    Select,
    and_,
    bindparam,
    case,
    cast,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from orchestrator.domain.fair_queue import QueuePlace
from orchestrator.domain.ids import JobId, JobNumber, LaneKey, WorkerId
from orchestrator.domain.job import ACTIVE, Priority
from orchestrator.store.engine import json_rows
from orchestrator.store.engine.repository import Repository
from orchestrator.store.engine.stored_json import stored_canaries
from orchestrator.store.engine.times import UtcDateTime
from orchestrator.store.jobs.jobs import priority_of
from orchestrator.store.rows.jobs import BatchRow, JobRow
from orchestrator.store.work.claimable import asked, is_callable, is_stopped, may_be_called, takable

NO_STARTS: Mapping[JobNumber, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class DueJob:
    """A job of which something is due, its lane, and a tenant's name that leads there.

    One that `proves_itself` has its first calls out, or its one probe, before it may have more.
    """

    id: JobId
    lane: LaneKey
    tenant: str
    priority: Priority
    place: QueuePlace
    proves_itself: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job that still has calls to make, by its own count of targets.

    None of them leaves after `not_after`; where Graph is out for it, since `outage_since`, it is asked again at
    `probe_at`. `canaries` go first and are not judged yet. The job was moved or re-weighed last at `touched_at`. While
    no worker holds anything of it, its next target is due at `next_due_at`.
    """

    number: JobNumber
    id: JobId
    name: str | None
    lane: LaneKey
    priority: Priority
    calls: int
    not_after: datetime | None
    probe_at: datetime | None
    outage_since: datetime | None = None
    canaries: int = 0
    touched_at: datetime | None = None
    next_due_at: datetime | None = None

    @property
    def weight(self) -> int:
        """Its weight beside the other jobs of the lane."""
        return self.priority.weight


class FairQueue(Repository):
    """Who is served next in a lane; none of these commits. The order is explained in domain/fair_queue.py."""

    async def rejoin(self, number: JobNumber, lane: LaneKey, *, now: datetime) -> None:
        """Let a job (back) into the fair order of its lane, where it neither leads nor owes; it must prove itself."""
        asked_now = {"lane": lane, "number": number, "now": now}
        place = (await self._connection.execute(_place_to_join(), asked_now)).scalar_one()
        await self._connection.execute(
            update(JobRow).where(JobRow.number == number).values(virtual_time=place, answered=False)
        )

    async def mark_answered(self, number: JobNumber) -> None:
        """Graph gave this job a first answer that is no refusal of the caller: it may go at full pace."""
        await self._connection.execute(
            update(JobRow).where(JobRow.number == number, ~JobRow.answered).values(answered=True)
        )

    async def active_in(self, lane: LaneKey, *, only: JobNumber | None = None) -> list[JobNumber]:
        """The jobs of a lane that are queued or running."""
        query = select(JobRow.number).where(JobRow.lane == lane, JobRow.status.in_(ACTIVE))
        if only is not None:
            query = query.where(JobRow.number == only)
        return [JobNumber(number) for number in (await self._connection.execute(query)).scalars()]

    async def due(self, *, worker: WorkerId, now: datetime, only: JobNumber | None = None) -> list[DueJob]:
        """The jobs of which the worker could hold something right now."""
        given = asked(worker, now) if only is None else {"only": only, **asked(worker, now)}
        return [
            DueJob(
                JobId(job),
                LaneKey(lane),
                tenant,
                priority_of(priority),
                _place(number, virtual_time, priority),
                proves_itself=proves_itself,
            )
            for job, lane, tenant, proves_itself, number, virtual_time, priority in await self._connection.execute(
                _due(any_job=only is None), given
            )
        ]

    async def waiting_in(self, lanes: Collection[LaneKey]) -> list[Waiting]:
        """The jobs of these lanes that still have calls to make, in the order of their submission."""
        return [
            Waiting(
                number=JobNumber(row.number),
                id=JobId(row.id),
                name=row.name,
                lane=LaneKey(row.lane),
                priority=priority_of(row.priority),
                calls=int(calls),
                not_after=row.not_after,
                probe_at=row.probe_at,
                outage_since=row.outage_since,
                canaries=len(stored_canaries(row.canaries) or ()),
                touched_at=row.touched_at,
                next_due_at=None if held else due_at,
            )
            for row, calls, due_at, held in await self._rows_with(_waiting_in(), {"lanes": list(lanes)})
        ]

    async def stopped_among(self, jobs: Collection[JobNumber]) -> set[JobNumber]:
        """The jobs among the given ones of which no call may leave."""
        rows = await self._connection.execute(_stopped_among(), {"numbers": list(jobs)})
        return {JobNumber(number) for (number,) in rows}

    async def serve(
        self, calls: Mapping[JobNumber, int], starts: Mapping[JobNumber, float] = NO_STARTS
    ) -> list[QueuePlace]:
        """Count the calls that jobs are given now; answers with their places, for which others may have been served.

        A job that stood before its start counts from there (domain/fair_queue.py). To be called after `lock`.
        """
        rows = ({"number": job, "calls": count, "start": starts.get(job, 0.0)} for job, count in sorted(calls.items()))
        served = await self._connection.execute(_serve(self._connection.dialect.name), json_rows.payload(rows))
        return [_place(*row) for row in served]


_SERVED: json_rows.Columns = {"number": BigInteger(), "calls": BigInteger(), "start": Float(53)}


def _place(number: int, virtual_time: float, priority: str) -> QueuePlace:
    return QueuePlace(JobNumber(number), virtual_time, priority_of(priority).weight)


@cache
def _due(*, any_job: bool) -> Select[str, str, str, bool, int, float, str]:
    due = exists().where(BatchRow.job_number == JobRow.number, takable())
    proves_itself = or_(~JobRow.answered, JobRow.probe_at.is_not(None)).label("proves_itself")
    query = select(
        *(JobRow.id, JobRow.lane, JobRow.tenant, proves_itself, JobRow.number, JobRow.virtual_time, JobRow.priority)
    ).where(
        due,
        may_be_called(),
    )
    return query if any_job else query.where(JobRow.number == bindparam("only"))


@cache
def _stopped_among() -> Select[int]:
    return select(JobRow.number).where(JobRow.number.in_(bindparam("numbers", expanding=True)), is_stopped())


@cache
def _waiting_in() -> Select[JobRow, int, datetime, int]:
    in_lanes = JobRow.lane.in_(bindparam("lanes", expanding=True))
    is_active = JobRow.status.in_(ACTIVE)
    left = (
        select(
            BatchRow.job_number,
            func.sum(BatchRow.waiting + BatchRow.sending).label("calls"),
            func.min(BatchRow.due_at).label("due_at"),
            func.count(BatchRow.holder).label("held"),
        )
        .where(
            or_(BatchRow.waiting > 0, BatchRow.holder.is_not(None)),
            BatchRow.job_number.in_(select(JobRow.number).where(in_lanes, is_active)),
        )
        .group_by(BatchRow.job_number)
        .subquery()
    )
    return (
        select(
            JobRow,
            *(left.c.calls, left.c.due_at, left.c.held),
        )
        .join(left, left.c.job_number == JobRow.number)
        .where(in_lanes, is_active, is_callable(), left.c.calls > 0)
        .order_by(JobRow.number)
    )


@cache
def _place_to_join() -> Select[float]:
    # Where the least served job stands that has something to call. One that waits for a late retry, for its canaries or
    # for Graph stands where it stood when it was last called, which may be hours ago.
    now = bindparam("now", type_=UtcDateTime())
    works = exists().where(
        BatchRow.job_number == JobRow.number,
        or_(and_(BatchRow.waiting > 0, BatchRow.due_at <= now), BatchRow.holder.is_not(None)),
    )
    return select(func.coalesce(func.min(JobRow.virtual_time), 0.0)).where(
        JobRow.lane == bindparam("lane"),
        JobRow.status.in_(ACTIVE),
        JobRow.number != bindparam("number"),
        JobRow.probe_at.is_(None),
        works,
    )


@cache
def _serve(dialect: str) -> ReturningUpdate[int, float, str]:
    given = json_rows.table_of(dialect, _SERVED)
    weight = case({each: each.weight for each in Priority}, value=JobRow.priority, else_=Priority.NORMAL.weight)
    start = case((JobRow.virtual_time < given.c.start, given.c.start), else_=JobRow.virtual_time)
    return (
        update(JobRow)
        .where(JobRow.number == given.c.number)
        .values(virtual_time=start + cast(given.c.calls, Float(53)) / weight)
        .returning(JobRow.number, JobRow.virtual_time, JobRow.priority)
    )
