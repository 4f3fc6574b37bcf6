"""Holding a batch of each of many jobs at once: some statements for all of them, for a process with many lanes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Integer, Select, and_, func, or_, select, tuple_, update

from orchestrator.domain.batch import POISONED_AFTER
from orchestrator.domain.device import Device
from orchestrator.domain.ids import BatchKey, JobNumber, WorkerId
from orchestrator.domain.target import Target, TargetStatus
from orchestrator.store.engine import json_rows
from orchestrator.store.engine.repository import Repository
from orchestrator.store.engine.stored_json import stored_lines
from orchestrator.store.engine.times import UtcDateTime
from orchestrator.store.rows.jobs import BatchRow
from orchestrator.store.rows.targets import TargetRow

Lines = Mapping[BatchKey, Collection[int]]
"""The batches that a worker holds already, with the lines that it has of each."""

NOTHING: Lines = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Taken:
    """A batch that is held now, as it was before; its due targets, and when what else waits in it is due."""

    batch: BatchRow
    is_more: bool
    targets: Sequence[Target]
    rest_due_at: datetime | None

    @property
    def fencing_token(self) -> int:
        """Returns the fencing token of the lease: that of before for a batch that is extended, else the next one."""
        return self.batch.fencing_token + (0 if self.is_more else 1)


class ManyClaims(Repository):
    """The statements of `BatchClaims.claim_many`; none of them commits.

    Only of jobs without canaries and probes: those go one by one.
    """

    async def unheld(self, numbers: Collection[JobNumber]) -> set[JobNumber]:
        """Returns the jobs of which no batch is leased; to be asked of locked jobs."""
        holding = select(BatchRow.job_number).where(BatchRow.job_number.in_(numbers), BatchRow.holder.is_not(None))
        return set(numbers) - {JobNumber(number) for number in (await self._connection.execute(holding)).scalars()}

    async def hold(
        self,
        most: Mapping[JobNumber, int],
        *,
        worker: WorkerId,
        lease: timedelta,
        now: datetime,
        held: Lines,
        wanted: Collection[BatchKey],
    ) -> list[Taken]:
        """Hold a batch of each job, with up to `most` of its due targets: one of `held` with more, or a free one.

        Of the free ones it is one of `wanted`, where there is any of the job, or else the first.
        """
        query = _first_takable(most, held, wanted, worker, now)
        batches = {row.job_number: row for row in await self._rows(query)}
        if not batches:
            return []
        flying = {number: flying_of(row, held) for number, row in batches.items()}
        # Targets in flight still wait by what the database knows: so many more are to be asked for.
        asked = {number: most[JobNumber(number)] + len(lines) for number, lines in flying.items()}
        found = {
            number: [row for row in rows if row.line not in flying[number]]
            for number, rows in (await self._due(batches.values(), asked, now)).items()
        }
        exhausted = [row for number, row in batches.items() if len(found[number]) <= most[JobNumber(number)]]
        rest = await self._rest_due(exhausted, now)
        taken = []
        for number, row in batches.items():
            allowed = most[JobNumber(number)]
            rest_due_at = now if len(found[number]) > allowed else rest.get(number)
            taken.append(Taken(row, row.holder == worker, found[number][:allowed], rest_due_at))
        kept = [each for each in taken if each.targets or each.is_more]
        await self._hold(kept, worker=worker, until=now + lease, now=now)
        await self._postpone([each for each in taken if not each.targets and not each.is_more], now + lease)
        return kept

    async def _due(
        self, batches: Iterable[BatchRow], most: Mapping[int, int], now: datetime
    ) -> dict[int, list[Target]]:
        given = json_rows.table_of(self._connection.dialect.name, _SLICES)
        place = func.row_number().over(partition_by=TargetRow.job_number, order_by=TargetRow.line).label("place")
        due = or_(TargetRow.not_before.is_(None), TargetRow.not_before <= now)
        ranked = (
            select(*TARGET, TargetRow.job_number, place, given.c.most)
            .join(
                given,
                and_(
                    TargetRow.job_number == given.c.job_number,
                    TargetRow.line.between(given.c.first_line, given.c.last_line),
                ),
            )
            .where(TargetRow.status == TargetStatus.WAITING, due)
            .subquery()
        )
        # One more than may be taken tells that there is more.
        query: Select[int, *TargetColumns] = (
            select(ranked.c.job_number, *(ranked.c[column.key] for column in TARGET))
            .where(ranked.c.place <= ranked.c.most + 1)
            .order_by(ranked.c.job_number, ranked.c.line)
        )
        slices = [{**_slice(row), "most": most[row.job_number]} for row in batches]
        found: dict[int, list[Target]] = {each["job_number"]: [] for each in slices}
        for row in await self._connection.execute(query, json_rows.payload(slices)):
            found[row[0]].append(target_of(*row[1:]))
        return found

    async def _rest_due(self, batches: Collection[BatchRow], now: datetime) -> dict[int, datetime]:
        if not batches:
            return {}
        given = json_rows.table_of(self._connection.dialect.name, _SLICES)
        query = (
            select(TargetRow.job_number, func.min(TargetRow.not_before, type_=UtcDateTime()))
            .join(
                given,
                and_(
                    TargetRow.job_number == given.c.job_number,
                    TargetRow.line.between(given.c.first_line, given.c.last_line),
                ),
            )
            .where(TargetRow.status == TargetStatus.WAITING, TargetRow.not_before > now)
            .group_by(TargetRow.job_number)
        )
        slices = [{**_slice(row), "most": 0} for row in batches]
        rows = await self._connection.execute(query, json_rows.payload(slices))
        return {number: due_at for number, due_at in rows if due_at is not None}

    async def _hold(self, taken: Sequence[Taken], *, worker: WorkerId, until: datetime, now: datetime) -> None:
        if not taken:
            return
        given = json_rows.table_of(self._connection.dialect.name, _HELD)
        await self._connection.execute(
            update(BatchRow)
            .where(BatchRow.job_number == given.c.job_number, BatchRow.batch == given.c.batch)
            .values(holder=worker, fencing_token=given.c.fencing_token, lease_until=until, due_at=given.c.due_at),
            json_rows.payload(
                {
                    "job_number": each.batch.job_number,
                    "batch": each.batch.batch,
                    "fencing_token": each.fencing_token,
                    "due_at": each.rest_due_at or now,
                }
                for each in taken
            ),
        )

    async def _postpone(self, taken: Sequence[Taken], latest: datetime) -> None:
        # Their due time was too early; without another one each claim would find them.
        for each in taken:
            await self._connection.execute(
                update(BatchRow)
                .where(BatchRow.job_number == each.batch.job_number, BatchRow.batch == each.batch.batch)
                .values(due_at=each.rest_due_at or latest)
            )


def flying_of(batch: BatchRow, held: Lines) -> set[int]:
    """Lines of a batch that are not to be given out: held already, or on their way by what the database knows.

    The holder knows more than the database, to which withdrawn targets are written with the next entry.
    """
    known = held.get(BatchKey(JobNumber(batch.job_number), batch.batch))
    if known is not None:
        return set(known)
    return set(stored_lines(batch.in_flight))


def _first_takable(
    numbers: Iterable[JobNumber], held: Lines, wanted: Collection[BatchKey], worker: WorkerId, now: datetime
) -> Select[BatchRow]:
    takable: ColumnElement[bool]
    takable = free = BatchRow.holder.is_(None)
    if held:
        key = tuple_(BatchRow.job_number, BatchRow.batch)
        own = and_(
            BatchRow.holder == worker, BatchRow.crash_count < POISONED_AFTER, key.in_([tuple(each) for each in held])
        )
        takable = or_(free, own)
    condition = and_(BatchRow.waiting > 0, BatchRow.due_at <= now, takable)
    # Leased batches are finished first.
    order: tuple[Any, ...] = (free, BatchRow.batch)
    if wanted:
        is_wanted = tuple_(BatchRow.job_number, BatchRow.batch).in_([tuple(each) for each in wanted])
        order = (free, ~is_wanted, BatchRow.batch)
    place = func.row_number().over(partition_by=BatchRow.job_number, order_by=order).label("place")
    ranked = select(BatchRow.job_number, BatchRow.batch, place).where(BatchRow.job_number.in_(list(numbers)), condition)
    first = ranked.subquery()
    return (
        select(BatchRow)
        .join(first, and_(first.c.job_number == BatchRow.job_number, first.c.batch == BatchRow.batch))
        # Asked again of the row itself: while it was locked by another process it may have been taken.
        .where(first.c.place == 1, condition)
        .with_for_update(of=BatchRow, skip_locked=True)
    )


def _slice(batch: BatchRow) -> dict[str, int]:
    return {"job_number": batch.job_number, "first_line": batch.first_line, "last_line": batch.last_line}


MOST_AT_ONCE = 4
"""Jobs in one statement: reading what is due in a batch of each takes some ten milliseconds, and calls wait for it."""

TARGET = (
    *(TargetRow.line, TargetRow.device, TargetRow.attempts, TargetRow.uncharged, TargetRow.doubtful),
    *(TargetRow.maybe_repeated, TargetRow.first_attempt_at),
)
"""The columns of a target that a claim reads, in the order of the domain's Target."""

TargetColumns = tuple[int, str, int, int, bool, bool, datetime | None]


def target_of(  # noqa: PLR0917 - by place, not by name: it is called for every call of a device
    line: int,
    device: str,
    attempts: int,
    uncharged: int,
    doubtful: bool,  # noqa: FBT001
    maybe_repeated: bool,  # noqa: FBT001
    first_attempt_at: datetime | None,
) -> Target:
    """Returns the target of a row of these columns."""
    return Target(line, Device.from_key(device), attempts, uncharged, doubtful, maybe_repeated, first_attempt_at)


_SLICES: json_rows.Columns = {
    "job_number": BigInteger(),
    "first_line": BigInteger(),
    "last_line": BigInteger(),
    "most": Integer(),
}
_HELD: json_rows.Columns = {
    "job_number": BigInteger(),
    "batch": Integer(),
    "fencing_token": BigInteger(),
    "due_at": UtcDateTime(),
}
