"""Jobs that are written as they ended, without a call: the month that the demonstration begins with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, insert, select, update

from orchestrator.domain.course import EventKind
from orchestrator.domain.error_groups import ErrorCount, ErrorGroup
from orchestrator.domain.ids import JobNumber
from orchestrator.domain.job import JobStatus
from orchestrator.domain.schedule import OccurrenceStatus
from orchestrator.domain.target import TargetStatus
from orchestrator.store.engine.errors_text import pack_errors
from orchestrator.store.engine.repository import Repository
from orchestrator.store.rows.charts import JobEventRow
from orchestrator.store.rows.jobs import BatchRow, JobRow
from orchestrator.store.rows.samples import SampleRow
from orchestrator.store.rows.schedules import OccurrenceRow
from orchestrator.store.rows.targets import TargetRow

_COUNTED = ("waiting", "accepted", "failed", "uncertain", "cancelled")


@dataclass(frozen=True, slots=True)
class PastTarget:
    """One line of a past job and how it ended."""

    line: int
    status: TargetStatus
    at: datetime | None
    attempts: int = 1
    http_status: int | None = None
    code: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class PastEnd:
    """How a past job ended: its status, its targets, the settled and accepted counts over time, and its events."""

    status: JobStatus
    reason: str | None
    started_at: datetime | None
    ended_at: datetime
    targets: Sequence[PastTarget]
    samples: Sequence[tuple[datetime, int, int]]
    events: Sequence[tuple[datetime, EventKind]] = ()


class PastJobs(Repository):
    """Writes the ends of past jobs; nothing here commits."""

    async def lines(self, number: JobNumber) -> list[int]:
        """The lines of a job's targets, in order."""
        query = select(TargetRow.line).where(TargetRow.job_number == number).order_by(TargetRow.line)
        return [int(line) for line in (await self._connection.execute(query)).scalars()]

    async def end(self, number: JobNumber, end: PastEnd, *, per_second: float) -> None:
        """Record that the job ended so; `per_second` is the limit that its chart shows."""
        values = {
            "status": end.status,
            "reason": end.reason,
            "started_at": end.started_at,
            "finished_at": end.ended_at if end.status.is_final else None,
            "touched_at": end.ended_at,
            "answered": True,
            "notice_pending": False,
        }
        await self._connection.execute(update(JobRow).where(JobRow.number == number).values(values))
        await self._targets(number, end.targets)
        await self._batches(number, end.targets)
        await self._insert(
            SampleRow,
            [
                {"job_number": number, "at": at, "accepted": accepted, "settled": settled, "per_second": per_second}
                for at, accepted, settled in end.samples
            ],
        )
        await self._insert(JobEventRow, [{"job_number": number, "at": at, "kind": kind} for at, kind in end.events])

    async def occurrence(
        self, schedule: int, at: datetime, status: OccurrenceStatus, *, job: str | None, reason: str | None
    ) -> None:
        """Records the status of one occurrence of a schedule."""
        row = {"schedule_number": schedule, "at": at, "status": status, "reason": reason, "job": job, "decided_at": at}
        await self._insert(OccurrenceRow, [row])

    async def _targets(self, number: JobNumber, targets: Sequence[PastTarget]) -> None:
        statement = (
            update(TargetRow)
            .where(TargetRow.job_number == number, TargetRow.line == bindparam("at_line"))
            .values(
                status=bindparam("became"),
                attempts=bindparam("tries"),
                http_status=bindparam("http"),
                error_code=bindparam("code"),
                error_message=bindparam("message"),
                first_attempt_at=bindparam("first"),
                finished_at=bindparam("last"),
            )
        )
        rows = [
            {
                "at_line": each.line,
                "became": each.status,
                "tries": each.attempts,
                "http": each.http_status,
                "code": each.code,
                "message": each.message,
                "first": each.at,
                "last": each.at,
            }
            for each in targets
            if each.status is not TargetStatus.WAITING
        ]
        if rows:
            await self._connection.execute(statement, rows)

    async def _batches(self, number: JobNumber, targets: Sequence[PastTarget]) -> None:
        query = select(BatchRow.batch, BatchRow.first_line, BatchRow.last_line).where(BatchRow.job_number == number)
        for batch, first, last in (await self._connection.execute(query)).all():
            here = [each for each in targets if first <= each.line <= last]
            counts = {status: sum(each.status == status for each in here) for status in _COUNTED}
            await self._connection.execute(
                update(BatchRow)
                .where(BatchRow.job_number == number, BatchRow.batch == batch)
                .values(errors=pack_errors(_errors(here)), **counts)
            )

    async def _insert(self, table: type, rows: Sequence[Mapping[str, object]]) -> None:
        if rows:
            await self._connection.execute(insert(table), rows)


def _errors(targets: Sequence[PastTarget]) -> dict[ErrorGroup, ErrorCount]:
    found: dict[ErrorGroup, ErrorCount] = {}
    for each in targets:
        if each.code is not None:
            group = ErrorGroup(each.status, each.http_status, each.code)
            found[group] = ErrorCount(found[group].count + 1 if group in found else 1, None)
    return found
