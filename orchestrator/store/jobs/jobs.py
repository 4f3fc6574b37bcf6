"""Questions about jobs, asked inside one transaction."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import chain
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Float,
    Select,
    Text,
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
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import ReturningUpdate

from orchestrator.domain.action import Action
from orchestrator.domain.batch import ErrorCount, ErrorGroup
from orchestrator.domain.course import EventKind
from orchestrator.domain.device import Via
from orchestrator.domain.errors import AmbiguousJob, RowUnreadable, UnknownJob
from orchestrator.domain.fair_queue import QueuePlace
from orchestrator.domain.ids import JobId, JobNumber, LaneKey, WorkerId
from orchestrator.domain.job import Intake, Job, JobStatus, Priority, Tally
from orchestrator.domain.target import TargetStatus
from orchestrator.store.engine import json_rows
from orchestrator.store.engine.kept_json import kept_canaries, kept_list, kept_member, readable
from orchestrator.store.engine.plain_text import storable
from orchestrator.store.engine.rows import AnyRow, BatchRow, JobRow
from orchestrator.store.engine.times import UtcDateTime
from orchestrator.store.jobs.job_events import add_event
from orchestrator.store.jobs.job_locks import lock_jobs
from orchestrator.store.work.batches import asked, is_callable, may_ask, takable, within_window
from orchestrator.store.work.emergency_stops import not_stopped
from orchestrator.telemetry.logger import get_logger

log = get_logger(__name__)

_VISIBLE = JobRow.status != JobStatus.RECEIVING
_TALLY = (
    BatchRow.waiting,
    BatchRow.sending,
    BatchRow.accepted,
    BatchRow.failed,
    BatchRow.uncertain,
    BatchRow.cancelled,
)


NO_STARTS: Mapping[JobNumber, float] = MappingProxyType({})


class Jobs:
    """Questions about jobs; none of them commits."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def find(self, wanted: str) -> Job:
        """The job of this id, unambiguous prefix, or `latest`.

        Raises UnknownJob, AmbiguousJob, or RowUnreadable where what the database holds of it cannot be read.
        """
        prefix = wanted.lower()
        if wanted == "latest":
            rows = (await self._connection.execute(_LATEST)).all()
        elif prefix.isascii() and prefix.isalnum():
            # By the whole id first: pages that are watched ask so every second, and the unique index answers.
            rows = (await self._connection.execute(_BY_ID, {"id": prefix})).all()
            rows = (
                rows
                or (await self._connection.execute(_by_prefix(self._connection.dialect.name), _range(prefix))).all()
            )
        else:
            rows = []
        if not rows:
            raise UnknownJob(wanted)
        if len(rows) > 1:
            raise AmbiguousJob(wanted, tuple(row.id for row in rows))
        return _job(rows[0])

    async def by_number(self, number: JobNumber) -> Job:
        """The job of this number."""
        row = (await self._connection.execute(select(JobRow.__table__).where(JobRow.number == number))).one()
        return _job(row)

    async def by_idempotency_key(self, key: str) -> tuple[Job, str] | None:
        """The job that was submitted with this key, and the hash of that request; None where there is none."""
        query = select(JobRow.__table__).where(JobRow.idempotency_key == key, _VISIBLE)
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else (_job(row), row.request_hash)

    async def by_numbers(self, numbers: Sequence[JobNumber]) -> list[Job]:
        """The jobs of these numbers, the newest first."""
        query = select(JobRow.__table__).where(JobRow.number.in_(numbers)).order_by(JobRow.number.desc())
        return readable(await self._connection.execute(query), _job)

    async def by_ids(self, ids: Collection[JobId]) -> list[Job]:
        """Returns those of these jobs that exist."""
        query = select(JobRow.__table__).where(JobRow.id.in_(ids), _VISIBLE)
        return readable(await self._connection.execute(query), _job)

    async def newest(self, limit: int, *, before: int | None = None, statuses: Sequence[JobStatus] = ()) -> list[Job]:
        """The newest jobs first; `before` is the number to go on from."""
        query = select(JobRow.__table__).where(_VISIBLE).order_by(JobRow.number.desc()).limit(limit)
        if before is not None:
            query = query.where(JobRow.number < before)
        if statuses:
            query = query.where(JobRow.status.in_(statuses))
        return readable(await self._connection.execute(query), _job)

    async def tallies(self, numbers: Sequence[JobNumber]) -> dict[JobNumber, Tally]:
        """How the targets of these jobs stand: the sums of what their batches carry."""
        rows = await self._connection.execute(_TALLIES, {"numbers": list(numbers)})
        counted = {JobNumber(number): Tally(*map(int, counts)) for number, *counts in rows}
        return {number: counted.get(number, Tally()) for number in numbers}

    async def errors(self, number: JobNumber) -> dict[ErrorGroup, ErrorCount]:
        """The error groups of a job, summed over its batches."""
        return (await self.errors_of([number]))[number]

    async def errors_of(self, numbers: Sequence[JobNumber]) -> dict[JobNumber, dict[ErrorGroup, ErrorCount]]:
        """The error groups of each of these jobs."""
        rows = await self._connection.execute(_ERRORS, {"numbers": list(numbers)})
        texts = {JobNumber(number): text for number, text in rows}
        return {number: _summed(texts.get(number, "")) for number in numbers}

    async def move(
        self,
        number: JobNumber,
        wanted: JobStatus,
        *,
        frm: Sequence[JobStatus],
        reason: str | None,
        now: datetime,
        event: EventKind | None = None,
    ) -> bool:
        """Give the job another status if it has one of `frm`; False means that it had none of them.

        `event` is the mark in its chart where the status alone does not say what happened.
        """
        notice_pending = wanted in {JobStatus.FINISHED, JobStatus.STOPPED}
        values: dict[str, Any] = {
            "status": wanted,
            "reason": storable(reason),
            "touched_at": now,
            "notice_pending": notice_pending,
        }
        if wanted.is_final:
            values["finished_at"] = now
        if wanted is JobStatus.CANCELLED:
            values["cancelling"] = True
        # Another job may have taken over the targets of a stopped one: to go on would call them twice.
        is_complete = [JobRow.carried_to.is_(None)] if wanted is JobStatus.RUNNING else []
        moved = await self._connection.execute(
            update(JobRow).where(JobRow.number == number, JobRow.status.in_(frm), *is_complete).values(values)
        )
        if moved.rowcount and (kind := event or _EVENTS.get(wanted)) is not None:
            await add_event(self._connection, number, kind, now=now)
        return moved.rowcount == 1

    async def rejoin(self, number: JobNumber, lane: LaneKey, *, now: datetime) -> None:
        """Let a job (back) into the fair order of its lane, where it neither leads nor owes; it must prove itself."""
        asked_now = {"lane": lane, "number": number, "now": now}
        place = (await self._connection.execute(_place_to_join(), asked_now)).scalar_one()
        await self._connection.execute(
            update(JobRow).where(JobRow.number == number).values(virtual_time=place, answered=False)
        )

    async def rebind(self, number: JobNumber, lane: LaneKey) -> None:
        """Lets the job's waiting targets be called in another lane."""
        await self._connection.execute(update(JobRow).where(JobRow.number == number).values(lane=lane))

    async def mark_answered(self, number: JobNumber) -> None:
        """Graph gave this job a first answer that is no refusal of the caller: it may go at full pace."""
        await self._connection.execute(
            update(JobRow).where(JobRow.number == number, ~JobRow.answered).values(answered=True)
        )

    async def set_priority(self, number: JobNumber, priority: Priority, *, now: datetime) -> None:
        """Weigh the job otherwise from its next claim on."""
        await self._connection.execute(
            update(JobRow).where(JobRow.number == number).values(priority=priority, touched_at=now)
        )

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
        """Whether there is an end of which nobody was told yet."""
        return (
            await self._connection.execute(select(JobRow.number).where(JobRow.notice_pending, is_callable()).limit(1))
        ).first() is not None

    async def notice_pending(self, *, limit: int) -> list[Job]:
        """Jobs that came to an end of which nobody was told yet, nobody else's to tell of until the commit."""
        query = (
            select(JobRow.__table__).where(JobRow.notice_pending, is_callable()).order_by(JobRow.number).limit(limit)
        )
        return readable(await self._connection.execute(query.with_for_update(skip_locked=True)), _job)

    async def clear_notice_pending(self, numbers: Sequence[JobNumber]) -> None:
        """The notices of these ends are written."""
        await self._connection.execute(update(JobRow).where(JobRow.number.in_(numbers)).values(notice_pending=False))

    async def settle(self, number: JobNumber, *, now: datetime) -> bool:
        """Close the job if nothing of it waits or moves; True if that happened now."""
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
        """Jobs that are running although nothing of them waits or moves: whoever should settle them died."""
        found = await self._connection.execute(_UNSETTLED, {"most": limit})
        return [JobNumber(number) for number in found.scalars()]

    async def is_held(self, number: JobNumber) -> bool:
        """Whether a worker holds a part of the job: it may have targets in memory, or calls on their way."""
        query = select(BatchRow.batch).where(BatchRow.job_number == number, BatchRow.holder.is_not(None)).limit(1)
        return (await self._connection.execute(query)).first() is not None

    async def retried_by(self, ids: Collection[JobId]) -> dict[JobId, tuple[JobId, ...]]:
        """The retries of these jobs, oldest first; a job without any is left out."""
        query = select(JobRow.retry_of, JobRow.id).where(JobRow.retry_of.in_(ids), _VISIBLE).order_by(JobRow.number)
        found: dict[JobId, tuple[JobId, ...]] = {}
        for old, new in await self._connection.execute(query):
            retried = JobId(str(old))
            found[retried] = (*found.get(retried, ()), JobId(new))
        return found

    async def being_cancelled(self, *, limit: int) -> list[JobNumber]:
        """Cancelled jobs of which something may still wait: it was held while the job was cancelled."""
        found = await self._connection.execute(_BEING_CANCELLED, {"most": limit})
        return [JobNumber(number) for number in found.scalars()]

    async def finish_cancelling(self, number: JobNumber) -> None:
        """Look at a cancelled job no more once nothing of it waits, moves or is held."""
        open_batch = exists().where(
            BatchRow.job_number == JobRow.number, or_(BatchRow.waiting > 0, BatchRow.holder.is_not(None))
        )
        await self._connection.execute(
            update(JobRow).where(JobRow.number == number, ~open_batch).values(cancelling=False)
        )

    async def active_in(self, lane: LaneKey, *, only: JobNumber | None = None) -> list[JobNumber]:
        """The jobs of a lane that are queued or running."""
        active = (JobStatus.QUEUED, JobStatus.RUNNING)
        query = select(JobRow.number).where(JobRow.lane == lane, JobRow.status.in_(active))
        if only is not None:
            query = query.where(JobRow.number == only)
        return [JobNumber(number) for number in (await self._connection.execute(query)).scalars()]

    async def lock(self, numbers: Collection[JobNumber]) -> None:
        """Lock the rows of these jobs in key order, before several of them are changed (job_locks.py)."""
        # An update of one row locks it by itself.
        if len(numbers) > 1:
            await lock_jobs(self._connection, numbers)

    async def any_of_tenant(self, tenant: str) -> bool:
        """Whether a job of a tenant of this name has not ended."""
        query = select(JobRow.number).where(JobRow.tenant == tenant, JobRow.status.in_(_NOT_ENDED)).limit(1)
        return (await self._connection.execute(query)).first() is not None

    async def statuses(self, numbers: Sequence[JobNumber]) -> dict[JobNumber, JobStatus]:
        """The stored statuses of these jobs."""
        found = await self._connection.execute(_STATUSES, {"numbers": list(numbers)})
        return {JobNumber(number): JobStatus(status) for number, status in found}

    async def due(self, *, worker: WorkerId, now: datetime, only: JobNumber | None = None) -> list[DueJob]:
        """The jobs of which the worker could hold something right now."""
        given = asked(worker, now) if only is None else {"only": only, **asked(worker, now)}
        return [
            DueJob(
                JobId(row.id),
                LaneKey(row.lane),
                row.tenant,
                priority_of(row.priority),
                _turn(row),
                proves_itself=bool(row.proves_itself),
            )
            for row in await self._connection.execute(_due(any_job=only is None), given)
        ]

    async def waiting_in(self, lanes: Collection[LaneKey]) -> list[Waiting]:
        """The jobs of these lanes that still have calls to make, in the order of their submission."""
        return [
            Waiting(
                number=JobNumber(row.number),
                id=JobId(row.id),
                name=row.name,
                lane=LaneKey(row.lane),
                priority=row.priority,
                calls=int(row.calls),
                not_after=row.not_after,
                probe_at=row.probe_at,
                outage_since=row.outage_since,
                canaries=len(kept_canaries(row.canaries) or ()),
                touched_at=row.touched_at,
                next_due_at=None if row.held else row.due_at,
            )
            for row in await self._connection.execute(_waiting_in(), {"lanes": list(lanes)})
        ]

    async def serve(
        self, calls: Mapping[JobNumber, int], starts: Mapping[JobNumber, float] = NO_STARTS
    ) -> list[QueuePlace]:
        """Count the calls that jobs are given now; answers with their places, for which others may have been served.

        A job that stood before its start counts from there (domain/fair_queue.py). To be called after `lock`.
        """
        rows = ({"number": job, "calls": count, "start": starts.get(job, 0.0)} for job, count in sorted(calls.items()))
        served = await self._connection.execute(_serve(self._connection.dialect.name), json_rows.payload(rows))
        return [_turn(row) for row in served]


_NOT_ENDED = (JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.PAUSED, JobStatus.STOPPED)


# Built once, as what is asked several times a second by every worker.
@cache
def _due(*, any_job: bool) -> Select[*tuple[Any, ...]]:
    due = exists().where(BatchRow.job_number == JobRow.number, takable())
    proves_itself = or_(~JobRow.answered, JobRow.probe_at.is_not(None)).label("proves_itself")
    query = select(
        *(JobRow.id, JobRow.lane, JobRow.tenant, JobRow.number, JobRow.virtual_time, JobRow.priority, proves_itself)
    ).where(
        JobRow.status.in_((JobStatus.QUEUED, JobStatus.RUNNING)),
        due,
        is_callable(),
        may_ask(),
        within_window(),
        not_stopped(),
    )
    return query if any_job else query.where(JobRow.number == bindparam("only"))


def _groups(texts: str) -> Iterator[list[Any]]:
    return chain.from_iterable(json.loads(f"[{texts}]"))


def _summed(texts: str) -> dict[ErrorGroup, ErrorCount]:
    # Plain counts first, and words for the few sums.
    counts: dict[tuple[str, int | None, str], int] = {}
    examples: dict[tuple[str, int | None, str], str] = {}
    try:
        groups = [(status, http, code, int(count), example) for status, http, code, count, example in _groups(texts)]
    except (ValueError, TypeError, RecursionError):
        log.warning("row.unreadable", column="batches.errors")
        groups = []
    for status, http_status, code, count, example in groups:
        key = (status, http_status, code)
        counts[key] = counts.get(key, 0) + count
        if example is not None:
            examples.setdefault(key, example)
    return {
        ErrorGroup(TargetStatus(status), http_status, code): ErrorCount(
            count, examples.get((status, http_status, code))
        )
        for (status, http_status, code), count in counts.items()
        if status in _TARGET_STATUSES
    }


@cache
def _waiting_in() -> Select[*tuple[Any, ...]]:
    in_lanes = JobRow.lane.in_(bindparam("lanes", expanding=True))
    is_active = JobRow.status.in_((JobStatus.QUEUED, JobStatus.RUNNING))
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
            *(JobRow.number, JobRow.id, JobRow.name, JobRow.lane, JobRow.priority),
            *(JobRow.not_after, JobRow.outage_since, JobRow.probe_at, JobRow.canaries, JobRow.touched_at),
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
        JobRow.status.in_((JobStatus.QUEUED, JobStatus.RUNNING)),
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
    priority: str
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
        return priority_of(self.priority).weight


def _turn(row: AnyRow) -> QueuePlace:
    return QueuePlace(JobNumber(row.number), row.virtual_time, priority_of(row.priority).weight)


def priority_of(text: str) -> Priority:
    """The priority that the database names; one of a later release counts as normal."""
    # As in `_serve`, which counts calls by it.
    return Priority(text) if text in _PRIORITIES else Priority.NORMAL


_PRIORITIES = frozenset(Priority)
_TARGET_STATUSES = frozenset(TargetStatus)


def _window_over(now: datetime | BindParameter[datetime]) -> Select[int]:
    waits = exists().where(BatchRow.job_number == JobRow.number, BatchRow.waiting > 0)
    active = (JobStatus.QUEUED, JobStatus.RUNNING)
    return select(JobRow.number).where(JobRow.status.in_(active), JobRow.not_after <= now, waits)


def _job(row: AnyRow) -> Job:
    action, via = kept_member(Action, row.action, "jobs.action"), kept_member(Via, row.via, "jobs.via")
    if action is None or via is None:
        raise RowUnreadable(f"job {row.id}")
    return Job(
        number=JobNumber(row.number),
        id=JobId(row.id),
        name=row.name,
        action=action,
        via=via,
        tenant=row.tenant,
        lane=LaneKey(row.lane),
        priority=priority_of(row.priority),
        status=JobStatus(row.status),
        reason=row.reason,
        intake=Intake(row.intake_rows, row.duplicates, row.rejected, row.sha256, row.file_name),
        input_columns=tuple(map(str, kept_list(row.input_columns, "jobs.input_columns") or ())),
        submitted_by=row.submitted_by,
        submit_reason=row.submit_reason,
        submitted_at=row.submitted_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        retry_of=JobId(row.retry_of) if row.retry_of else None,
        schedule=row.schedule,
    )


def _range(prefix: str) -> dict[str, str]:
    """The texts that begin with an ASCII prefix, compared byte by byte: from `first` on, and less than `beyond`."""
    return {"first": prefix, "beyond": prefix[:-1] + chr(ord(prefix[-1]) + 1)}


@cache
def _by_prefix(dialect: str) -> Select[*tuple[Any, ...]]:
    first, beyond = bindparam("first", type_=Text()), bindparam("beyond", type_=Text())
    # PostgreSQL compares text by the locale of the database, where no range is the texts of a prefix; these operators,
    # which ix_jobs_id_prefix serves, compare bytes, as SQLite does anyway.
    in_range = (
        (JobRow.id.op("~>=~")(first), JobRow.id.op("~<~")(beyond))
        if dialect == "postgresql"
        else (JobRow.id >= first, JobRow.id < beyond)
    )
    return select(JobRow.__table__).where(_VISIBLE, *in_range).order_by(JobRow.id).limit(5)


_LATEST = select(JobRow.__table__).where(_VISIBLE).order_by(JobRow.number.desc()).limit(1)
_BY_ID = select(JobRow.__table__).where(_VISIBLE, JobRow.id == bindparam("id"))
_EVENTS = {
    JobStatus.PAUSED: EventKind.PAUSED,
    JobStatus.STOPPED: EventKind.STOPPED,
    JobStatus.RUNNING: EventKind.RESUMED,
}
_FAILURES = (
    select(func.coalesce(func.sum(BatchRow.failed + BatchRow.uncertain), 0))
    .where(BatchRow.job_number == JobRow.number)
    .scalar_subquery()
)
_HAS_OPEN_BATCH = exists().where(BatchRow.job_number == JobRow.number, (BatchRow.waiting > 0) | (BatchRow.sending > 0))
_UNSETTLED = (
    select(JobRow.number)
    .where(JobRow.status.in_((JobStatus.QUEUED, JobStatus.RUNNING)), ~_HAS_OPEN_BATCH)
    .limit(bindparam("most"))
)
# In any order: some whose batches are held for long must not keep the others from being looked at.
_BEING_CANCELLED = select(JobRow.number).where(JobRow.cancelling).order_by(func.random()).limit(bindparam("most"))
_EACH_ERRORS = (
    select(BatchRow.job_number, BatchRow.errors)
    .where(BatchRow.job_number.in_(bindparam("numbers", expanding=True)), BatchRow.errors.is_not(None))
    .order_by(BatchRow.job_number, BatchRow.batch)
    .subquery()
)
# Thousands of batches of a large job say nearly the same: they come as one text and are read in one go, which takes a
# fifth of the time.
_ERRORS = select(_EACH_ERRORS.c.job_number, func.aggregate_strings(_EACH_ERRORS.c.errors, ",")).group_by(
    _EACH_ERRORS.c.job_number
)
_ANY_WINDOW_OVER = _window_over(bindparam("now", type_=UtcDateTime())).limit(1)
_TALLIES = (
    select(BatchRow.job_number, *(func.sum(column) for column in _TALLY))
    .where(BatchRow.job_number.in_(bindparam("numbers", expanding=True)))
    .group_by(BatchRow.job_number)
)
_STATUSES = select(JobRow.number, JobRow.status).where(JobRow.number.in_(bindparam("numbers", expanding=True)))
_SERVED: json_rows.Columns = {"number": BigInteger(), "calls": BigInteger(), "start": Float(53)}
