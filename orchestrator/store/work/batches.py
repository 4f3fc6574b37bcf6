"""The batches that a worker holds: their leases are extended, and their tallies written."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Boolean, ColumnElement, FromClause, Integer, Text, and_, bindparam, case, update
from sqlalchemy.sql.dml import ReturningUpdate

from orchestrator.domain.batch import POISONED_AFTER
from orchestrator.domain.claim import BatchChange
from orchestrator.domain.ids import BatchKey, JobNumber, WorkerId
from orchestrator.store.engine import json_rows
from orchestrator.store.engine.errors_text import pack_errors
from orchestrator.store.engine.repository import Repository
from orchestrator.store.engine.times import UtcDateTime
from orchestrator.store.rows.jobs import BatchRow
from orchestrator.store.work.claimable import WORKER


class Batches(Repository):
    """SQL of held batches; no method commits."""

    async def extend_leases(
        self, worker: WorkerId, held: Collection[tuple[BatchKey, int]], *, until: datetime
    ) -> set[BatchKey]:
        """Extends the leases of these batches until then, each under its fencing token; returns those extended.

        A claim whose commit was never acknowledged is not among them: its lease ends, and it is recovered.
        """
        rows = (
            {"job_number": key.job, "batch": key.batch, "fencing_token": fencing_token} for key, fencing_token in held
        )
        named = {"worker": worker, "until": until, **json_rows.payload(rows)}
        extended = await self._connection.execute(_extend(self._connection.dialect.name), named)
        return {BatchKey(JobNumber(number), batch) for number, batch in extended}

    async def change(self, changes: Sequence[BatchChange]) -> set[BatchKey]:
        """Writes the state of held batches; returns those that are still held under the fencing token of the change.

        Outcomes of any other batch must not be written: another worker has it now.
        """
        rows = (_change_row(change) for change in changes)
        kept = await self._connection.execute(_change(self._connection.dialect.name), json_rows.payload(rows))
        return {BatchKey(JobNumber(number), batch) for number, batch in kept}


# Built once, as every statement that runs many times a second: building one takes longer than SQLite takes for it.
@cache
def _extend(dialect: str) -> ReturningUpdate[int, int]:
    given = json_rows.table_of(dialect, TOKEN_COLUMNS)
    return (
        update(BatchRow)
        .where(
            *with_token(given),
            BatchRow.holder == WORKER,
        )
        .values(lease_until=bindparam("until"))
        .returning(BatchRow.job_number, BatchRow.batch)
    )


def with_token(given: FromClause) -> tuple[ColumnElement[bool], ...]:
    """The given batches that still have the fencing token given with them."""
    return (
        BatchRow.job_number == given.c.job_number,
        BatchRow.batch == given.c.batch,
        BatchRow.fencing_token == given.c.fencing_token,
    )


def _unless(condition: Any, column: Any) -> Any:
    return case((condition, None), else_=column)


@cache
def _change(dialect: str) -> ReturningUpdate[int, int]:
    # Built once, as is every statement of the write that happens some twenty times a second.
    given = json_rows.table_of(dialect, _CHANGE_COLUMNS)
    values: dict[str, Any] = {name: given.c[name] for name in (*_COUNTS, "errors", "in_flight", "due_at")}
    released = given.c.released
    values["holder"] = _unless(released, BatchRow.holder)
    values["lease_until"] = _unless(released, BatchRow.lease_until)
    # Once one at a time, always: otherwise each that is accepted would let all others be called together, and be lost.
    is_sound = and_(given.c.progressed, BatchRow.crash_count < POISONED_AFTER)
    values["crash_count"] = case((is_sound, 0), else_=BatchRow.crash_count)
    return (
        update(BatchRow)
        .where(
            *with_token(given),
            BatchRow.holder.is_not(None),
        )
        .values(values)
        .returning(BatchRow.job_number, BatchRow.batch)
    )


def _change_row(change: BatchChange) -> dict[str, Any]:
    return {
        "job_number": change.key.job,
        "batch": change.key.batch,
        "fencing_token": change.fencing_token,
        **{name: getattr(change.tally, name) for name in _COUNTS},
        "errors": pack_errors(change.errors),
        "in_flight": json.dumps(change.in_flight) if change.in_flight else None,
        "due_at": change.due_at,
        "released": change.released,
        "progressed": change.progressed,
    }


_COUNTS = ("waiting", "sending", "accepted", "failed", "uncertain", "cancelled")
TOKEN_COLUMNS: json_rows.Columns = {"job_number": BigInteger(), "batch": Integer(), "fencing_token": BigInteger()}
_CHANGE_COLUMNS: json_rows.Columns = {
    **TOKEN_COLUMNS,
    **{name: Integer() for name in _COUNTS},
    "errors": Text(),
    "in_flight": Text(),
    "due_at": UtcDateTime(),
    "released": Boolean(),
    "progressed": Boolean(),
}
