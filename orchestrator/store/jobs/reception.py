"""Receiving a job in pages, hidden until the last commit publishes it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Text,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from orchestrator.domain.brake_options import BrakeOptions
from orchestrator.domain.ids import JobId, JobNumber, LaneKey
from orchestrator.domain.job import Intake, JobStatus
from orchestrator.store.engine import json_rows, new_rows
from orchestrator.store.engine.repository import Repository
from orchestrator.store.engine.times import UtcDateTime
from orchestrator.store.rows.inputs import InputPageRow
from orchestrator.store.rows.jobs import BatchRow, JobRow
from orchestrator.store.rows.targets import TargetRow
from orchestrator.store.rows.unlisted_jobs import UnlistedJobRow


@dataclass(frozen=True, slots=True)
class NewJob:
    """The facts of a job before its first row is read."""

    id: JobId
    name: str | None
    action: str
    via: str
    tenant: str
    lane: LaneKey
    priority: str
    input_columns: tuple[str, ...]
    submitted_by: str
    submit_reason: str | None
    file_name: str | None
    retry_of: JobId | None = None
    schedule: str | None = None
    not_after: datetime | None = None
    not_after_reason: str | None = None
    submitter: str | None = None


@dataclass(frozen=True, slots=True)
class OldJob:
    """A job that ended long ago."""

    id: JobId
    name: str | None
    devices: int
    ended_at: datetime


class Reception(Repository):
    """SQL of jobs that are received; no method commits, and a job is hidden before `publish`."""

    async def begin(self, job: NewJob, *, now: datetime) -> JobNumber:
        """A hidden job without targets."""
        values: dict[str, Any] = {
            "id": job.id,
            "name": job.name,
            "action": job.action,
            "via": job.via,
            "tenant": job.tenant,
            "lane": job.lane,
            "priority": job.priority,
            "status": JobStatus.RECEIVING,
            "virtual_time": 0.0,
            "total": 0,
            "intake_rows": 0,
            "duplicates": 0,
            "rejected": 0,
            "file_name": job.file_name,
            "input_columns": json.dumps(job.input_columns),
            "submitted_by": job.submitted_by,
            "submitter": job.submitter,
            "submit_reason": job.submit_reason,
            "submitted_at": now,
            "touched_at": now,
            "retry_of": job.retry_of,
            "schedule": job.schedule,
            "not_after": job.not_after,
            "not_after_reason": job.not_after_reason,
        }
        number = await self._connection.execute(insert(JobRow).values(values).returning(JobRow.number))
        return JobNumber(number.scalar_one())

    async def add_page(
        self, number: JobNumber, page: int, lines: tuple[int, int], payload: bytes, *, now: datetime
    ) -> None:
        """Keep some rows of the input as they came; the reception is alive, even if it fills no batch."""
        await self._connection.execute(
            insert(InputPageRow).values(
                job_number=number, page=page, first_line=lines[0], last_line=lines[1], payload=payload
            )
        )
        await self._connection.execute(update(JobRow).where(JobRow.number == number).values(touched_at=now))

    async def add_batches(
        self, number: JobNumber, first: int, batches: Sequence[Sequence[tuple[int, str, str | None]]], *, now: datetime
    ) -> None:
        """Batches of (line, device, name), numbered from `first`: two statements, however many devices."""
        slices = (
            {
                "job_number": number,
                "batch": place,
                "first_line": batch[0][0],
                "last_line": batch[-1][0],
                "waiting": len(batch),
                "due_at": now,
            }
            for place, batch in enumerate(batches, first)
        )
        given = json_rows.table_of(self._connection.dialect.name, _BATCH_COLUMNS)
        chosen = select(*(given.c[name] for name in _BATCH_COLUMNS))
        await self._connection.execute(
            insert(BatchRow).from_select(list(_BATCH_COLUMNS), chosen, include_defaults=False),
            json_rows.payload(slices),
        )
        targets = [(number, line, device, name, "waiting") for batch in batches for line, device, name in batch]
        await new_rows.add(self._connection, TargetRow, _TARGET_COLUMNS, targets)
        await self._connection.execute(update(JobRow).where(JobRow.number == number).values(touched_at=now))

    async def publish(
        self,
        number: JobNumber,
        intake: Intake,
        *,
        total: int,
        brake: BrakeOptions,
        idempotency: tuple[str, str] | None,
        now: datetime,
    ) -> bool:
        """Let the job be seen and run; False where the idempotency key was taken by another job."""
        publish = (
            update(JobRow)
            .where(JobRow.number == number, JobRow.status == JobStatus.RECEIVING)
            .values(
                status=JobStatus.QUEUED,
                total=total,
                intake_rows=intake.rows,
                duplicates=intake.duplicates,
                rejected=intake.rejected,
                sha256=intake.sha256,
                brake_share=brake.share,
                brake_sample=brake.sample,
                submitted_at=now,
                touched_at=now,
                idempotency_key=idempotency[0] if idempotency else None,
                request_hash=idempotency[1] if idempotency else None,
            )
        )
        if idempotency is None:
            await self._connection.execute(publish)
            return True
        try:
            # Only the constraint can tell: two submissions with one key may publish at the same moment.
            async with self._connection.begin_nested():
                await self._connection.execute(publish)
        except IntegrityError:
            return False
        return True

    async def is_open(self, number: JobNumber) -> bool:
        """Whether the reception is still there, locked until the commit; one left alone too long is forgotten."""
        query = select(JobRow.number).where(JobRow.number == number, JobRow.status == JobStatus.RECEIVING)
        return (await self._connection.execute(query.with_for_update())).one_or_none() is not None

    async def enqueue_for_lookup(self, number: JobNumber) -> None:
        """Let the targets of a job be listed by the next calls of `TargetLookup.extend`."""
        await self._connection.execute(insert(UnlistedJobRow).values(job_number=number))

    async def forget(self, number: JobNumber) -> bool:
        """Remove a piece of a hidden job; True once nothing of it is left.

        To be asked again in a new transaction: a million targets in one statement outlast every time limit.
        """
        query = select(JobRow.number).where(JobRow.number == number, JobRow.status == JobStatus.RECEIVING)
        if (await self._connection.execute(query.with_for_update())).one_or_none() is None:
            return True
        for row, place, piece in ((TargetRow, TargetRow.line, _LINES), (InputPageRow, InputPageRow.page, _PAGES)):
            is_ours = row.job_number == number
            first = select(func.min(place)).where(is_ours).scalar_subquery()
            await self._connection.execute(delete(row).where(is_ours, place < first + piece))
            if (await self._connection.execute(select(exists().where(is_ours)))).scalar_one():
                return False
        await self._connection.execute(delete(JobRow).where(JobRow.number == number))
        return True

    async def abandoned(self, *, untouched_since: datetime, limit: int) -> list[JobNumber]:
        """Receptions that no process continues."""
        found = await self._connection.execute(_ABANDONED, {"untouched_since": untouched_since, "most": limit})
        return [JobNumber(number) for number in found.scalars()]

    async def hide(self, number: JobNumber, *, seen: JobStatus, now: datetime) -> bool:
        """Hides a job, for `forget` or the next sweep to remove; False where its status is not as it was `seen`."""
        hidden = update(JobRow).where(JobRow.number == number, JobRow.status == seen).values(_hidden(now))
        return (await self._connection.execute(hidden)).rowcount == 1

    async def over_since(self, *, before: datetime, limit: int) -> list[OldJob]:
        """The jobs that ended before then, the oldest first: those that `hide_oldest` would hide."""
        query = (
            select(JobRow.id, JobRow.name, JobRow.total, _ENDED_AT)
            .where(_is_over(), before > _ENDED_AT)
            .order_by(JobRow.number)
            .limit(limit)
        )
        return [
            OldJob(JobId(id_), name, total, ended) for id_, name, total, ended in await self._connection.execute(query)
        ]

    async def hide_oldest(self, *, before: datetime) -> tuple[JobNumber, JobId] | None:
        """Hide one job that ended before then, to be removed by `forget`; None if there is none left.

        Where no process continues it, it is an abandoned reception like any other.
        """
        old = (
            select(JobRow.number)
            .where(_is_over(), before > _ENDED_AT)
            .order_by(JobRow.number)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        hidden = (
            update(JobRow).where(JobRow.number.in_(old)).values(_hidden(before)).returning(JobRow.number, JobRow.id)
        )
        job = (await self._connection.execute(hidden)).one_or_none()
        return None if job is None else (JobNumber(job[0]), JobId(job[1]))


def _hidden(touched_at: datetime) -> dict[str, Any]:
    return {
        "status": JobStatus.RECEIVING,
        "idempotency_key": None,
        "notice_pending": False,
        "touched_at": touched_at,
    }


def _is_over() -> ColumnElement[bool]:
    is_carried_over = and_(JobRow.status == JobStatus.STOPPED, JobRow.carried_to.is_not(None))
    return or_(JobRow.status.in_((JobStatus.FINISHED, JobStatus.CANCELLED)), is_carried_over)


# Older releases did not record when a job ended whose waiting targets were carried over.
_ENDED_AT = func.coalesce(JobRow.finished_at, JobRow.touched_at)

_LINES = 20_000
"""Lines of the list whose targets are removed in one transaction: some tenths of a second."""

_PAGES = 100
"""The same of pages, which hold some hundred rows of the list each."""

_ABANDONED = (
    select(JobRow.number)
    .where(JobRow.status == JobStatus.RECEIVING, JobRow.touched_at < bindparam("untouched_since"))
    .limit(bindparam("most"))
)
_TARGET_COLUMNS: json_rows.Columns = {
    "job_number": BigInteger(),
    "line": BigInteger(),
    "device": Text(),
    "name": Text(),
    "status": Text(),
}
_BATCH_COLUMNS: json_rows.Columns = {
    "job_number": BigInteger(),
    "batch": Integer(),
    "first_line": BigInteger(),
    "last_line": BigInteger(),
    "waiting": Integer(),
    "due_at": UtcDateTime(),
}
