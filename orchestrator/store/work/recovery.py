"""Handing back what silent workers held, without losing what they may have done."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Integer, Select, Text, bindparam, exists, or_, select, update

from orchestrator.domain.action import Action
from orchestrator.domain.batch import POISONED_AFTER
from orchestrator.domain.error_groups import ErrorCount, ErrorGroup
from orchestrator.domain.ids import BatchKey, JobNumber
from orchestrator.domain.target import LOST_CALL, TargetStatus
from orchestrator.store.engine import json_rows
from orchestrator.store.engine.errors_text import pack_errors, unpack_errors
from orchestrator.store.engine.repository import Repository
from orchestrator.store.engine.stored_json import stored_lines
from orchestrator.store.engine.times import first_of
from orchestrator.store.rows.jobs import BatchRow, JobRow
from orchestrator.store.rows.targets import TargetRow
from orchestrator.store.work.batches import TOKEN_COLUMNS, with_token


@dataclass(frozen=True, slots=True)
class Recovered:
    """One batch that was handed back, and what its silence meant for the targets that were on their way."""

    key: BatchKey
    again: int
    uncertain: int


class Recovery(Repository):
    """SQL that takes back the batches of silent workers; no method commits."""

    async def hand_back(
        self, *, now: datetime, limit: int, held: Collection[tuple[BatchKey, int]] = ()
    ) -> list[Recovered]:
        """Frees up to `limit` batches whose lease ran out; a new fencing token makes late writes fail.

        A batch that is `held` under the fencing token given with it stays as it is.

        A call that was on its way may have happened: an action that may be repeated waits again, marked; any other is
        uncertain, and a person decides. So is a target that was alone on its way when several workers crashed.
        """
        rows = ({"job_number": key.job, "batch": key.batch, "fencing_token": token} for key, token in held)
        asked = {"now": now, "most": limit, **json_rows.payload(rows)}
        found = await self._rows_with(_silent(self._connection.dialect.name), asked)
        silent = [_silent_batch(batch, action) for batch, action in found]
        if not silent:
            return []
        lines = [(each, {"job_number": each.row.job_number, "line": line}) for each in silent for line in each.lines]
        if again := [line for each, line in lines if not each.is_uncertain]:
            await self._wait_again(again, now=now)
        if lost := [{**line, "message": each.message} for each, line in lines if each.is_uncertain]:
            await self._give_up(lost, now=now)
        await self._free(silent, now=now)
        return [
            Recovered(BatchKey(JobNumber(each.row.job_number), each.row.batch), len(each.lines) - each.lost, each.lost)
            for each in silent
        ]

    async def _wait_again(self, rows: list[dict[str, Any]], *, now: datetime) -> None:
        given = json_rows.table_of(self._connection.dialect.name, _KEY)
        await self._connection.execute(
            update(TargetRow)
            .where(TargetRow.job_number == given.c.job_number, TargetRow.line == given.c.line)
            .values(**_LOST_ATTEMPT, first_attempt_at=first_of(TargetRow.first_attempt_at, now)),
            json_rows.payload(rows),
        )

    async def _give_up(self, rows: list[dict[str, Any]], *, now: datetime) -> None:
        given = json_rows.table_of(self._connection.dialect.name, _LOST)
        await self._connection.execute(
            update(TargetRow)
            .where(TargetRow.job_number == given.c.job_number, TargetRow.line == given.c.line)
            .values(
                **_LOST_ATTEMPT,
                first_attempt_at=first_of(TargetRow.first_attempt_at, now),
                status=TargetStatus.UNCERTAIN,
                not_before=None,
                http_status=None,
                error_code=LOST_CALL,
                error_message=given.c.message,
                request_id=None,
                finished_at=now,
            ),
            json_rows.payload(rows),
        )

    async def _free(self, silent: Sequence[_Silent], *, now: datetime) -> None:
        given = json_rows.table_of(self._connection.dialect.name, _FREED)
        await self._connection.execute(
            update(BatchRow)
            .where(BatchRow.job_number == given.c.job_number, BatchRow.batch == given.c.batch)
            .values(
                holder=None,
                lease_until=None,
                fencing_token=BatchRow.fencing_token + 1,
                waiting=BatchRow.waiting + given.c.again,
                uncertain=BatchRow.uncertain + given.c.uncertain,
                sending=0,
                in_flight=None,
                errors=given.c.errors,
                crash_count=BatchRow.crash_count + 1,
                due_at=now,
            ),
            json_rows.payload(_freed_row(each) for each in silent),
        )


@dataclass(frozen=True, slots=True)
class _Silent:
    """A batch whose lease ran out; `lines` were on their way, and with `kills` the one among them ended each worker."""

    row: BatchRow
    lines: list[int]
    kills: bool
    is_uncertain: bool

    @property
    def lost(self) -> int:
        return len(self.lines) if self.is_uncertain else 0

    @property
    def message(self) -> str:
        if self.kills:
            return "Every worker that called this device died before the answer was recorded; it may have been called."
        return "The worker died before the answer was recorded; the device may have been called."


def _silent_batch(row: BatchRow, action: str) -> _Silent:
    lines = stored_lines(row.in_flight)
    if len(lines) != row.sending:
        # The lines that were on their way are unknown.
        lines = []
    kills = row.crash_count >= POISONED_AFTER and len(lines) == 1
    return _Silent(row, lines, kills, is_uncertain=kills or action not in _REPEATABLE)


# An action that cannot be read may be one that is not to be repeated.
_REPEATABLE = frozenset(action for action in Action if action.is_repeatable)


def _freed_row(silent: _Silent) -> dict[str, Any]:
    errors = unpack_errors(silent.row.errors)
    if silent.lost:
        group = ErrorGroup(TargetStatus.UNCERTAIN, None, LOST_CALL)
        errors[group] = errors.get(group, ErrorCount(0)) + ErrorCount(silent.lost)
    return {
        "job_number": silent.row.job_number,
        "batch": silent.row.batch,
        # Targets that cannot be told apart wait as before, and are counted so.
        "again": silent.row.sending - silent.lost,
        "uncertain": silent.lost,
        "errors": pack_errors(errors),
    }


@cache
def _silent(dialect: str) -> Select[BatchRow, str]:
    # Built once: every worker asks every two seconds.
    given = json_rows.table_of(dialect, TOKEN_COLUMNS)
    return (
        select(BatchRow, JobRow.action)
        .join(JobRow, JobRow.number == BatchRow.job_number)
        .where(
            BatchRow.holder.is_not(None),
            BatchRow.lease_until < bindparam("now"),
            ~exists(select(1).select_from(given).where(*with_token(given))),
        )
        .order_by(BatchRow.lease_until)
        .limit(bindparam("most"))
        .with_for_update(of=BatchRow, skip_locked=True)
    )


# One more request may have left, and it uses up none of the attempts that the policy allows.
_LOST_ATTEMPT: dict[str, Any] = {
    "attempts": TargetRow.attempts + 1,
    "uncharged": TargetRow.uncharged + 1,
    "maybe_repeated": or_(TargetRow.maybe_repeated, TargetRow.doubtful),
    "doubtful": True,
}
_KEY: json_rows.Columns = {"job_number": BigInteger(), "line": BigInteger()}
_LOST: json_rows.Columns = {**_KEY, "message": Text()}
_FREED: json_rows.Columns = {
    "job_number": BigInteger(),
    "batch": Integer(),
    "again": Integer(),
    "uncertain": Integer(),
    "errors": Text(),
}
