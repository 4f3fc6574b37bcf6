"""SQL of jobs, executed in the transaction that was given."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from functools import cache
from itertools import chain
from typing import Any

from sqlalchemy import Select, Text, bindparam, func, select, update

from orchestrator.domain.action import Action
from orchestrator.domain.course import EventKind
from orchestrator.domain.device import Via
from orchestrator.domain.error_groups import ErrorCount, ErrorGroup
from orchestrator.domain.errors import AmbiguousJob, RowUnreadable, UnknownJob
from orchestrator.domain.ids import JobId, JobNumber, LaneKey
from orchestrator.domain.job import ACTIVE, RESTING, Intake, Job, JobStatus, Priority, Tally
from orchestrator.domain.target import TargetStatus
from orchestrator.store.engine.plain_text import storable
from orchestrator.store.engine.repository import Repository
from orchestrator.store.engine.stored_json import readable, stored_list, stored_member
from orchestrator.store.jobs.job_locks import lock_jobs
from orchestrator.store.rows.jobs import TALLY, BatchRow, JobRow
from orchestrator.telemetry.logger import get_logger

log = get_logger(__name__)

_VISIBLE = JobRow.status != JobStatus.RECEIVING


class Jobs(Repository):
    """SQL of jobs; no method commits."""

    async def find(self, wanted: str) -> Job:
        """The job of this id, unambiguous prefix, or `latest`.

        Raises UnknownJob, AmbiguousJob, or RowUnreadable where what the database holds of it cannot be read.
        """
        prefix = wanted.lower()
        if wanted == "latest":
            rows = await self._rows(_LATEST)
        elif prefix.isascii() and prefix.isalnum():
            # By the whole id first: pages that are watched ask so every second, and the unique index answers.
            rows = await self._rows(_BY_ID, {"id": prefix})
            rows = rows or await self._rows(_by_prefix(self._connection.dialect.name), _range(prefix))
        else:
            rows = []
        if not rows:
            raise UnknownJob(wanted)
        if len(rows) > 1:
            raise AmbiguousJob(wanted, tuple(row.id for row in rows))
        return job_from(rows[0])

    async def by_number(self, number: JobNumber) -> Job:
        """The job of this number."""
        [row] = await self._rows(select(JobRow).where(JobRow.number == number))
        return job_from(row)

    async def by_idempotency_key(self, key: str) -> tuple[Job, str] | None:
        """The job that was submitted with this key, and the hash of that request; None where there is none."""
        query = select(JobRow).where(JobRow.idempotency_key == key, _VISIBLE)
        row = await self._row(query)
        return None if row is None else (job_from(row), row.request_hash or "")

    async def by_numbers(self, numbers: Sequence[JobNumber]) -> list[Job]:
        """The jobs of these numbers, the newest first."""
        if not numbers:
            return []
        query = select(JobRow).where(JobRow.number.in_(numbers)).order_by(JobRow.number.desc())
        return readable(await self._rows(query), job_from)

    async def by_ids(self, ids: Collection[JobId]) -> list[Job]:
        """Returns those of these jobs that exist."""
        query = select(JobRow).where(JobRow.id.in_(ids), _VISIBLE)
        return readable(await self._rows(query), job_from)

    async def newest(self, limit: int, *, before: int | None = None, statuses: Sequence[JobStatus] = ()) -> list[Job]:
        """The newest jobs first; `before` is the number to go on from."""
        query = select(JobRow).where(_VISIBLE).order_by(JobRow.number.desc()).limit(limit)
        if before is not None:
            query = query.where(JobRow.number < before)
        if statuses:
            query = query.where(JobRow.status.in_(statuses))
        return readable(await self._rows(query), job_from)

    async def tallies(self, numbers: Sequence[JobNumber]) -> dict[JobNumber, Tally]:
        """How the targets of these jobs stand: the sums of what their batches carry."""
        if not numbers:
            return {}
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
        if_in: Sequence[JobStatus],
        reason: str | None,
        now: datetime,
        event: EventKind | None = None,
    ) -> bool:
        """Gives the job another status if its status is one of `if_in`; returns False where it is not.

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
            update(JobRow).where(JobRow.number == number, JobRow.status.in_(if_in), *is_complete).values(values)
        )
        if moved.rowcount and (kind := event or _EVENTS.get(wanted)) is not None:
            from orchestrator.store.jobs.job_events import add_event  # noqa: PLC0415 - a look maps no marks

            await add_event(self._connection, number, kind, now=now)
        return moved.rowcount == 1

    async def rebind(self, number: JobNumber, lane: LaneKey) -> None:
        """Lets the job's waiting targets be called in another lane."""
        await self._connection.execute(update(JobRow).where(JobRow.number == number).values(lane=lane))

    async def set_priority(self, number: JobNumber, priority: Priority, *, now: datetime) -> None:
        """Weigh the job otherwise from its next claim on."""
        await self._connection.execute(
            update(JobRow).where(JobRow.number == number).values(priority=priority, touched_at=now)
        )

    async def is_held(self, number: JobNumber) -> bool:
        """Whether a worker holds a part of the job: it may have targets in memory, or calls on their way."""
        query = select(BatchRow.batch).where(BatchRow.job_number == number, BatchRow.holder.is_not(None)).limit(1)
        return (await self._connection.execute(query)).first() is not None

    async def retried_by(self, ids: Collection[JobId]) -> dict[JobId, tuple[JobId, ...]]:
        """The retries of these jobs, oldest first; a job without any is left out."""
        if not ids:
            return {}
        query = select(JobRow.retry_of, JobRow.id).where(JobRow.retry_of.in_(ids), _VISIBLE).order_by(JobRow.number)
        found: dict[JobId, tuple[JobId, ...]] = {}
        for old, new in await self._connection.execute(query):
            retried = JobId(str(old))
            found[retried] = (*found.get(retried, ()), JobId(new))
        return found

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


_NOT_ENDED = (*ACTIVE, *RESTING)


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


def priority_of(text: str) -> Priority:
    """The priority that the database names; one of a later release counts as normal."""
    # As in `_serve`, which counts calls by it.
    return Priority(text) if text in _PRIORITIES else Priority.NORMAL


_PRIORITIES = frozenset(Priority)
_TARGET_STATUSES = frozenset(TargetStatus)


def job_from(row: JobRow) -> Job:
    """Returns the job of a row; RowUnreadable where this release does not know its action or its way."""
    action, via = stored_member(Action, row.action, "jobs.action"), stored_member(Via, row.via, "jobs.via")
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
        input_columns=tuple(map(str, stored_list(row.input_columns, "jobs.input_columns") or ())),
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
def _by_prefix(dialect: str) -> Select[JobRow]:
    first, beyond = bindparam("first", type_=Text()), bindparam("beyond", type_=Text())
    # PostgreSQL compares text by the locale of the database, where no range is the texts of a prefix; these operators,
    # which ix_jobs_id_prefix serves, compare bytes, as SQLite does anyway.
    in_range = (
        (JobRow.id.op("~>=~")(first), JobRow.id.op("~<~")(beyond))
        if dialect == "postgresql"
        else (JobRow.id >= first, JobRow.id < beyond)
    )
    return select(JobRow).where(_VISIBLE, *in_range).order_by(JobRow.id).limit(5)


_LATEST = select(JobRow).where(_VISIBLE).order_by(JobRow.number.desc()).limit(1)
_BY_ID = select(JobRow).where(_VISIBLE, JobRow.id == bindparam("id"))
_EVENTS = {
    JobStatus.PAUSED: EventKind.PAUSED,
    JobStatus.STOPPED: EventKind.STOPPED,
    JobStatus.RUNNING: EventKind.RESUMED,
}
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
_TALLIES = (
    select(BatchRow.job_number, *(func.sum(column) for column in TALLY))
    .where(BatchRow.job_number.in_(bindparam("numbers", expanding=True)))
    .group_by(BatchRow.job_number)
)
_STATUSES = select(JobRow.number, JobRow.status).where(JobRow.number.in_(bindparam("numbers", expanding=True)))
