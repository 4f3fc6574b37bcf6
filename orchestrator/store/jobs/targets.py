"""Recording outcomes in bulk, and finding targets."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Boolean, Integer, Text, Update, case, func, or_, select, update

from orchestrator.domain.claim import TargetChange
from orchestrator.domain.error_groups import ErrorCount, ErrorGroup
from orchestrator.domain.ids import JobId, JobNumber, client_request_id
from orchestrator.domain.target import EVERY_TARGET, LOST_CALL, TargetFacts, TargetFilter, TargetOrder, TargetStatus
from orchestrator.store.engine import array_rows, json_rows
from orchestrator.store.engine.errors_text import pack_errors, unpack_errors
from orchestrator.store.engine.plain_text import storable
from orchestrator.store.engine.repository import Repository
from orchestrator.store.engine.stored_json import stored_lines
from orchestrator.store.engine.times import UtcDateTime
from orchestrator.store.jobs.target_filters import IS_PERMANENT, fitting, known_as
from orchestrator.store.rows.jobs import BatchRow
from orchestrator.store.rows.targets import TargetRow


class _Slice(NamedTuple):
    """The lines of a batch, and those on their way among them."""

    batch: int
    first_line: int
    last_line: int
    in_flight: str | None


class Targets(Repository):
    """SQL of targets; no method commits."""

    async def change(self, changes: Sequence[TargetChange]) -> None:
        """Record what attempts made of targets: one statement, however many."""
        dialect = self._connection.dialect.name
        rows = ((change.key.job, *_storable(change)[1:]) for change in changes)
        await self._connection.execute(_change(dialect), array_rows.payload(dialect, _COLUMNS, rows))

    async def page(
        self,
        number: JobNumber,
        job: JobId,
        wanted: TargetFilter = EVERY_TARGET,
        *,
        after_line: int = 0,
        limit: int,
    ) -> list[TargetFacts]:
        """The targets that fit in the input's order, those after `after_line`."""
        found: list[TargetFacts] = []
        statuses = wanted.statuses
        batches = await self._batches(number, after_line, statuses)
        position, together = 0, max(1, limit // 250)
        while position < len(batches) and len(found) < limit:
            # Neighbouring batches are read together; the more of them, the less is found in each: what is rare in a
            # million targets takes dozens of questions, and not thousands.
            some = _neighbours(batches[position : position + together])
            position += len(some)
            together = min(2 * together, _MOST_TOGETHER)
            flying = {line for batch in some for line in stored_lines(batch.in_flight)}
            query = (
                select(TargetRow)
                .where(
                    TargetRow.job_number == number,
                    TargetRow.line.between(max(some[0].first_line, after_line + 1), some[-1].last_line),
                )
                .order_by(TargetRow.line)
            )
            if TargetStatus.SENDING not in statuses:
                # Targets in flight are stored as waiting, and may be left out below.
                query = query.limit(limit - len(found) + len(flying))
            for row in await self._rows(query.where(*fitting(wanted))):
                facts = _facts(row, job, sending=row.line in flying)
                if not statuses or facts.status in statuses:
                    found.append(facts)
        return found[:limit]

    async def sorted_page(
        self,
        number: JobNumber,
        job: JobId,
        order: TargetOrder,
        wanted: TargetFilter,
        *,
        offset: int,
        limit: int,
    ) -> list[TargetFacts]:
        """Targets in this order, after the first `offset`; it reads every target of the job, so the job is small.

        Targets on their way are looked for as waiting.
        """
        inflight = select(BatchRow.in_flight).where(BatchRow.job_number == number, BatchRow.in_flight.is_not(None))
        flying = {line for text in (await self._connection.execute(inflight)).scalars() for line in stored_lines(text)}
        query = (
            select(TargetRow)
            .where(TargetRow.job_number == number, *fitting(wanted))
            .order_by(*_ORDERS[order], TargetRow.line)
            .offset(offset)
            .limit(limit)
        )
        return [_facts(row, job, sending=row.line in flying) for row in await self._rows(query)]

    async def failure_times(self, number: JobNumber, *, most: int) -> list[tuple[ErrorGroup, datetime]]:
        """When the targets that failed or are uncertain ended, the first `most` of them by line, with their group."""
        bad = (TargetStatus.FAILED, TargetStatus.UNCERTAIN)
        query = (
            select(TargetRow.status, TargetRow.http_status, TargetRow.error_code, TargetRow.finished_at)
            .where(TargetRow.job_number == number, TargetRow.status.in_(bad), TargetRow.finished_at.is_not(None))
            .order_by(TargetRow.line)
            .limit(most)
        )
        return [
            (ErrorGroup(TargetStatus(status), http_status, code or ""), at)
            for status, http_status, code, at in await self._connection.execute(query)
            if at is not None
        ]

    async def count_fitting(self, number: JobNumber, wanted: TargetFilter, *, permanent: bool = False) -> int:
        """How many targets fit; a target on its way counts as waiting. It looks at every target of the job.

        `permanent` keeps only failures that no further attempt mends.
        """
        query = select(func.count()).where(TargetRow.job_number == number, *fitting(wanted))
        if permanent:
            query = query.where(IS_PERMANENT)
        return int((await self._connection.execute(query)).scalar_one())

    async def known_as(self, number: JobNumber, wanted: TargetFilter) -> frozenset[str]:
        """The devices of the job whose name or user in the inventory contains the text that is searched."""
        if wanted.inventory is None:
            return frozenset()
        query = select(TargetRow.device).where(TargetRow.job_number == number, TargetRow.device.in_(known_as(wanted)))
        return frozenset((await self._connection.execute(query)).scalars())

    async def between(self, number: JobNumber, job: JobId, first: int, last: int) -> list[TargetFacts]:
        """The targets of these lines."""
        inflight = select(BatchRow.in_flight).where(
            BatchRow.job_number == number,
            BatchRow.in_flight.is_not(None),
            BatchRow.first_line <= last,
            BatchRow.last_line >= first,
        )
        flying = {line for text in (await self._connection.execute(inflight)).scalars() for line in stored_lines(text)}
        query = (
            select(TargetRow)
            .where(TargetRow.job_number == number, TargetRow.line.between(first, last))
            .order_by(TargetRow.line)
        )
        return [_facts(row, job, sending=row.line in flying) for row in await self._rows(query)]

    async def cancel_waiting(self, number: JobNumber, *, batches: int, now: datetime) -> int:
        """Settle what waits in some free batches of a cancelled job; answers how many targets that were.

        Cancelled means never done: a target whose earlier call may have reached the device is uncertain instead.
        """
        free = (
            select(BatchRow.batch, BatchRow.first_line, BatchRow.last_line, BatchRow.errors)
            .where(BatchRow.job_number == number, BatchRow.waiting > 0, BatchRow.holder.is_(None))
            .order_by(BatchRow.batch)
            .limit(batches)
            .with_for_update(skip_locked=True)
        )
        taken = (await self._connection.execute(free)).all()
        if not taken:
            return 0
        waiting = (
            TargetRow.job_number == number,
            or_(*(TargetRow.line.between(first, last) for _, first, last, _ in taken)),
            TargetRow.status == TargetStatus.WAITING,
        )
        code = func.coalesce(TargetRow.error_code, LOST_CALL)
        doubtful = select(TargetRow.line, TargetRow.http_status, code.label("code"), TargetRow.request_id)
        doubts = (await self._connection.execute(doubtful.where(*waiting, TargetRow.doubtful))).all()
        settled = await self._connection.execute(
            update(TargetRow)
            .where(*waiting)
            .values(
                status=case((TargetRow.doubtful, TargetStatus.UNCERTAIN), else_=TargetStatus.CANCELLED),
                error_code=case((TargetRow.doubtful, code), else_=TargetRow.error_code),
                not_before=None,
                finished_at=now,
            )
        )
        given = json_rows.table_of(self._connection.dialect.name, _CANCELLED)
        await self._connection.execute(
            update(BatchRow)
            .where(BatchRow.job_number == number, BatchRow.batch == given.c.batch)
            .values(
                cancelled=BatchRow.cancelled + BatchRow.waiting - given.c.uncertain,
                uncertain=BatchRow.uncertain + given.c.uncertain,
                errors=given.c.errors,
                waiting=0,
            ),
            json_rows.payload(_cancelled_row(*batch, doubts) for batch in taken),
        )
        return settled.rowcount

    async def forgive(self, number: JobNumber, lines: Collection[int]) -> None:
        """The last attempt of these uses up none of the attempts that the policy allows."""
        await self._connection.execute(
            update(TargetRow)
            .where(
                TargetRow.job_number == number,
                TargetRow.line.in_(lines),
                TargetRow.status == TargetStatus.WAITING,
                TargetRow.uncharged < TargetRow.attempts,
            )
            .values(uncharged=TargetRow.uncharged + 1)
        )

    async def _batches(self, number: JobNumber, after_line: int, statuses: Sequence[TargetStatus]) -> list[_Slice]:
        query = (
            select(BatchRow.batch, BatchRow.first_line, BatchRow.last_line, BatchRow.in_flight)
            .where(BatchRow.job_number == number, BatchRow.last_line > after_line)
            .order_by(BatchRow.batch)
        )
        if statuses:
            query = query.where(or_(*(getattr(BatchRow, status.value) > 0 for status in statuses)))
        return [_Slice(*row) for row in await self._connection.execute(query)]


@cache
def _change(dialect: str) -> Update:
    # Built once: it is executed some twenty times a second, and building it takes as long as executing it.
    given = array_rows.table_of(dialect, _COLUMNS)
    values: dict[str, Any] = {name: given.c[name] for name in _COLUMNS if name not in {"job_number", "line"}}
    # Added, because others give attempts back too; and once, because a commit may be doubtful and be written again.
    is_news = given.c.attempts > TargetRow.attempts
    values["uncharged"] = TargetRow.uncharged + case((is_news, given.c.uncharged), else_=0)
    return (
        update(TargetRow)
        .where(TargetRow.job_number == given.c.job_number, TargetRow.line == given.c.line)
        .values(values)
    )


def _cancelled_row(
    batch: int, first: int, last: int, text: str | None, doubts: Iterable[tuple[int, int | None, str, str | None]]
) -> dict[str, Any]:
    errors, uncertain = unpack_errors(text), 0
    for line, http_status, code, request_id in doubts:
        if first <= line <= last:
            group = ErrorGroup(TargetStatus.UNCERTAIN, http_status, code)
            errors[group] = errors.get(group, ErrorCount(0)) + ErrorCount(1, request_id)
            uncertain += 1
    return {"batch": batch, "uncertain": uncertain, "errors": pack_errors(errors)}


def _neighbours(batches: Sequence[_Slice]) -> Sequence[_Slice]:
    """The first ones, as far as they follow on each other: their lines are one range."""
    first = batches[0].batch
    return [batch for place, batch in enumerate(batches) if batch.batch == first + place]


def _storable(change: TargetChange) -> TargetChange:
    if change.error_message is None and change.error_code is None and change.request_id is None:
        return change
    return change._replace(
        error_code=storable(change.error_code),
        error_message=storable(change.error_message),
        request_id=storable(change.request_id),
    )


def _facts(row: TargetRow, job: JobId, *, sending: bool) -> TargetFacts:
    # A target in flight has one attempt more than was recorded.
    attempts = row.attempts + 1 if sending else row.attempts
    return TargetFacts(
        line=row.line,
        device=row.device,
        status=TargetStatus.SENDING if sending else TargetStatus(row.status),
        attempts=attempts,
        maybe_repeated=row.maybe_repeated,
        http_status=row.http_status,
        error_code=row.error_code,
        error_message=row.error_message,
        request_id=row.request_id,
        client_request_id=client_request_id(job, row.line, attempts) if attempts else None,
        first_attempt_at=row.first_attempt_at,
        finished_at=row.finished_at,
        name=row.name,
    )


# The failures first, then what is open, then what went well.
_PLACES = {
    status: place for place, status in enumerate(("failed", "uncertain", "cancelled", "sending", "waiting", "accepted"))
}
_ORDERS: dict[TargetOrder, tuple[Any, ...]] = {
    TargetOrder.STATUS: (case(_PLACES, value=TargetRow.status, else_=len(_PLACES)),),
    TargetOrder.LINE: (),
    TargetOrder.DEVICE: (func.lower(func.coalesce(TargetRow.name, TargetRow.device)),),
    TargetOrder.CODE: (TargetRow.error_code.is_(None), TargetRow.http_status, TargetRow.error_code),
    TargetOrder.ATTEMPTS: (TargetRow.attempts.desc(),),
    TargetOrder.TIME: (TargetRow.finished_at.is_(None), TargetRow.finished_at.desc()),
}
_CANCELLED: json_rows.Columns = {"batch": Integer(), "uncertain": Integer(), "errors": Text()}
_MOST_TOGETHER = 128
_COLUMNS: json_rows.Columns = {
    # In the order of TargetChange, the key first.
    "job_number": BigInteger(),
    "line": BigInteger(),
    "status": Text(),
    "attempts": Integer(),
    "uncharged": Integer(),
    "doubtful": Boolean(),
    "maybe_repeated": Boolean(),
    "not_before": UtcDateTime(),
    "http_status": Integer(),
    "error_code": Text(),
    "error_message": Text(),
    "request_id": Text(),
    "first_attempt_at": UtcDateTime(),
    "finished_at": UtcDateTime(),
}
