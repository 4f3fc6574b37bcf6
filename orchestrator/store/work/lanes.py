"""The pace of a lane as a row, and the calls that were counted in it."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Float,
    Insert,
    Select,
    Text,
    Update,
    and_,
    bindparam,
    cast,
    delete,
    extract,
    func,
    insert,
    literal_column,
    select,
    update,
)

from orchestrator.domain.ids import LaneKey
from orchestrator.domain.lane import LaneCalls
from orchestrator.store.engine import array_rows, json_rows
from orchestrator.store.engine.repository import Repository
from orchestrator.store.engine.upserts import insert_in, insert_into
from orchestrator.store.rows.lanes import LaneMinuteRow, LaneRow
from orchestrator.throttle.adaptation import Learned
from orchestrator.throttle.gcra import LEARNED_FIELDS, OWN_FIELDS, Pace, is_believable, unknown_past
from orchestrator.throttle.pace_bounds import FAR

_MINUTE = 60
_MOST_MINUTES = 500


class PaceRead(NamedTuple):
    """A pace as it was read, the database's clock at that moment, and the version of its row, None where none is."""

    pace: Pace
    now: float
    version: str | None


class Lanes(Repository):
    """SQL of lanes; no method commits."""

    async def lock(self, lane: LaneKey) -> Pace | None:
        """Locks the lane until the commit and returns its pace; None for one that was never seen before.

        The clock is to be read after it: with a time from before the wait for another's commit, what that one granted
        would seem to lie too far ahead.
        """
        row = (await self._connection.execute(_FIND_FOR_UPDATE, {"lane": lane})).one_or_none()
        if row is None:
            insert = insert_into(self._connection, LaneRow).values(key=lane, **_columns(Pace(0.0)))
            ours = await self._connection.execute(insert.on_conflict_do_nothing().returning(LaneRow.key))
            if ours.one_or_none() is not None:
                return None
            row = (await self._connection.execute(_FIND_FOR_UPDATE, {"lane": lane})).one()
        return _pace(row)

    async def pace(self, lane: LaneKey, *, now: float) -> Pace:
        """Where the lane stands, for those who only look."""
        return (await self.paces([lane], now=now))[lane]

    async def paces(self, lanes: Collection[LaneKey], *, now: float) -> dict[LaneKey, Pace]:
        """Where each of these lanes stands; an unknown past where nothing is stored that can be right."""
        rows = await self._connection.execute(_FIND_ALL, {"lanes": list(lanes)})
        stored = {LaneKey(key): _pace(values) for key, *values in rows}
        found = {lane: pace for lane, pace in stored.items() if is_believable(pace, now)}
        return {lane: found.get(lane) or unknown_past(now) for lane in lanes}

    async def closed(self, *, now: float) -> dict[LaneKey, float]:
        """The lanes that are closed by a refusal, each with the time, on the database's clock, when it opens."""
        # A closure that cannot be right (pace_bounds.py) is lost with the rest of the pace once permits are asked for.
        is_closed = and_(LaneRow.closed_until > now, LaneRow.closed_until <= now + FAR)
        query = select(LaneRow.key, LaneRow.closed_until).where(is_closed)
        return {LaneKey(key): until for key, until in await self._connection.execute(query)}

    async def read(
        self, lanes: Collection[LaneKey], clock: Callable[[], Awaitable[datetime]]
    ) -> dict[LaneKey, PaceRead]:
        """Reads each of these lanes as `save_unchanged` may write it; one that was never seen has an unknown past.

        `clock` is read where the database has none of its own.
        """
        if self._connection.dialect.name == "postgresql":
            found = await self._connection.execute(_read_versions(), {"lanes": list(lanes)})
            return {
                LaneKey(key): PaceRead(unknown_past(at) if version is None else _pace(values), at, version)
                for key, version, at, *values in found
            }
        now = (await clock()).timestamp()
        stored = await self._connection.execute(_FIND_ALL, {"lanes": list(lanes)})
        read = {LaneKey(key): PaceRead(_pace(values), now, "") for key, *values in stored}
        return {lane: read.get(lane, PaceRead(unknown_past(now), now, None)) for lane in lanes}

    async def save_unchanged(self, changes: Mapping[LaneKey, tuple[Pace, str | None]]) -> AbstractSet[LaneKey]:
        """Writes the pace of each lane whose row still is the version that was read (None: not there yet).

        Returns the lanes that were written. Waits for no lock: a row that another process has locked is being changed.
        """
        is_postgresql = self._connection.dialect.name == "postgresql"
        written: set[LaneKey] = set()
        for is_new in (False, True):
            rows: list[dict[str, Any]] = [
                {"lane": lane, "version": version, **_columns(pace)}
                for lane, (pace, version) in changes.items()
                if (version is None) is is_new
            ]
            if not rows:
                continue
            if is_postgresql:
                given = array_rows.payload("postgresql", _GIVEN, [tuple(row.values()) for row in rows])
                statement = _insert_given() if is_new else _update_given()
                written.update(map(LaneKey, (await self._connection.execute(statement, given)).scalars()))
            else:
                # The one writer of a SQLite file read the rows in this transaction.
                await self._connection.execute(_INSERT if is_new else _KEEP, rows)
                written.update(LaneKey(row["lane"]) for row in rows)
        return written

    async def save_pace(self, lane: LaneKey, pace: Pace) -> None:
        """Where the lane stands now."""
        await self._connection.execute(_KEEP, {"lane": lane, **_columns(pace)})

    async def count_calls(self, answered: Mapping[LaneKey, LaneCalls], *, now: datetime) -> None:
        """So many calls were answered just now: one statement, however many lanes."""
        rows = (
            {"lane": lane, "minute": _minute(now), "calls": each.calls, "throttled": each.throttled, "late": each.late}
            # All processes count in the same order, so that no two wait for each other.
            for lane, each in sorted(answered.items())
        )
        await self._connection.execute(_count(self._connection.dialect.name), json_rows.payload(rows))

    async def calls_since(self, instant: datetime) -> dict[LaneKey, LaneCalls]:
        """Returns the calls of each lane since then, to the minute."""
        query = (
            select(LaneMinuteRow.lane, *(func.sum(column) for column in _SUMS))
            .where(LaneMinuteRow.minute >= _minute(instant))
            .group_by(LaneMinuteRow.lane)
        )
        rows = await self._connection.execute(query)
        return {LaneKey(lane): LaneCalls(*map(int, sums)) for lane, *sums in rows}

    async def refused(self, lane: LaneKey, *, since: datetime, until: datetime) -> list[tuple[datetime, int]]:
        """The first 500 minutes between in which calls of the lane were answered with 429, and how many."""
        query = (
            select(LaneMinuteRow.minute, LaneMinuteRow.throttled)
            .where(LaneMinuteRow.lane == lane, LaneMinuteRow.minute.between(_minute(since), _minute(until)))
            .where(LaneMinuteRow.throttled > 0)
            .order_by(LaneMinuteRow.minute)
            .limit(_MOST_MINUTES)
        )
        rows = await self._connection.execute(query)
        return [(datetime.fromtimestamp(minute * _MINUTE, UTC), count) for minute, count in rows]

    async def rates(self, lanes: Collection[LaneKey], *, since: datetime, now: datetime) -> dict[LaneKey, float | None]:
        """Calls a second of each lane in the whole minutes between.

        None where there was a minute without any: that was no full pace.
        """
        first, last = _minute(since), _minute(now) - 1
        between = {"lanes": list(lanes), "first": first, "last": last}
        found = {
            LaneKey(lane): int(calls) / (minutes * _MINUTE)
            for lane, minutes, calls in await self._connection.execute(_CALLS_BETWEEN, between)
            if minutes == last - first + 1
        }
        return {lane: found.get(lane) for lane in lanes}

    async def forget_calls(self, *, before: datetime) -> None:
        """Drop what was counted before then."""
        await self._connection.execute(delete(LaneMinuteRow).where(LaneMinuteRow.minute < _minute(before)))


# Built once: every write of every lane counts its calls.
@cache
def _count(dialect: str) -> Insert:
    given = json_rows.table_of(dialect, _COUNTED)
    # SQLite needs a WHERE to tell ON CONFLICT from a join.
    chosen = select(*(given.c[name] for name in _COUNTED)).where(given.c.calls > 0)
    insert = insert_in(dialect, LaneMinuteRow)
    statement = insert.from_select(list(_COUNTED), chosen)
    counted: Insert = statement.on_conflict_do_update(
        index_elements=["lane", "minute"],
        set_={column.key: column + statement.excluded[column.key] for column in _SUMS},
    )
    return counted


def _minute(instant: datetime) -> int:
    return int(instant.timestamp()) // _MINUTE


def _pace(row: Iterable[object]) -> Pace:
    """The pace in these columns; where one is no number, a pace that `is_believable` refuses."""
    numbers = [value for value in row if isinstance(value, int | float)]
    if len(numbers) < len(_FIELDS):
        return Pace(math.nan)
    departure, reach, until, closed_for, refusals, together, share, since, counted_from, *counted = numbers
    learned = Learned(share, since, counted_from, *map(int, counted))
    return Pace(departure, reach, until, closed_for, int(refusals), int(together), learned)


def _columns(pace: Pace) -> dict[str, float | int]:
    values = {name: getattr(pace, name) for name in OWN_FIELDS}
    return {**values, **{name: getattr(pace.learned, name) for name in LEARNED_FIELDS}}


_FIELDS = (*OWN_FIELDS, *LEARNED_FIELDS)
_PACE = tuple(getattr(LaneRow, name) for name in _FIELDS)
_FIND = select(*_PACE).where(LaneRow.key == bindparam("lane"))
_FIND_ALL = select(LaneRow.key, *_PACE).where(LaneRow.key.in_(bindparam("lanes", expanding=True)))
_FIND_FOR_UPDATE = _FIND.with_for_update()
_KEEP = update(LaneRow).where(LaneRow.key == bindparam("lane")).values({name: bindparam(name) for name in _FIELDS})
_INSERT = insert(LaneRow).values(key=bindparam("lane"), **{name: bindparam(name) for name in _FIELDS})
_VERSION: ColumnElement[str] = literal_column("lanes.xmin::text", Text())
"""PostgreSQL's own version of a row: another one after every update (https://www.postgresql.org/docs/current/mvcc.html).

A column of ours would stay as it is where a worker of another release writes the row.
"""
_GIVEN: json_rows.Columns = {
    "lane": Text(),
    "version": Text(),
    **{name: getattr(LaneRow, name).type for name in _FIELDS},
}


@cache
def _read_versions() -> Select[Any]:
    asked = func.unnest(bindparam("lanes", type_=ARRAY(Text()))).table_valued("key", name="asked").render_derived()
    # Later than the snapshot: a row that is still this version when it is written was so at this time.
    clock = cast(extract("epoch", func.clock_timestamp()), Float(53))
    lanes = asked.outerjoin(LaneRow, LaneRow.key == asked.c.key)
    return select(asked.c.key, _VERSION, clock, *_PACE).select_from(lanes)


@cache
def _update_given() -> Update:
    given = array_rows.table_of("postgresql", _GIVEN)
    unchanged = (
        select(LaneRow.key)
        .join(given, LaneRow.key == given.c.lane)
        .where(given.c.version == _VERSION)
        .with_for_update(of=LaneRow, skip_locked=True)
        .cte("unchanged")
    )
    return (
        update(LaneRow)
        .where(LaneRow.key == given.c.lane, LaneRow.key.in_(select(unchanged.c.key)))
        .values({name: given.c[name] for name in _FIELDS})
        .returning(LaneRow.key)
    )


@cache
def _insert_given() -> Insert:
    given = array_rows.table_of("postgresql", _GIVEN)
    statement = insert_in("postgresql", LaneRow)
    chosen = select(given.c.lane, *(given.c[name] for name in _FIELDS)).order_by(given.c.lane)
    return statement.from_select(["key", *_FIELDS], chosen).on_conflict_do_nothing().returning(LaneRow.key)


_CALLS_BETWEEN = (
    select(LaneMinuteRow.lane, func.count(), func.sum(LaneMinuteRow.calls - LaneMinuteRow.throttled))
    .where(
        LaneMinuteRow.lane.in_(bindparam("lanes", expanding=True)),
        LaneMinuteRow.minute.between(bindparam("first"), bindparam("last")),
    )
    .group_by(LaneMinuteRow.lane)
)
_SUMS = (LaneMinuteRow.calls, LaneMinuteRow.throttled, LaneMinuteRow.late)
_COUNTED: json_rows.Columns = {
    "lane": Text(),
    "minute": BigInteger(),
    **{column.key: BigInteger() for column in _SUMS},
}
