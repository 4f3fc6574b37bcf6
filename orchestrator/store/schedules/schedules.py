"""Schedules and their blackouts, and which of them are due."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from orchestrator.domain.blackout import Blackout, blackout_between
from orchestrator.domain.errors import (
    NameTaken,
    RequestRejected,
    RowUnreadable,
    ScheduleInvalid,
    ScheduleUnreadable,
    UnknownSchedule,
)
from orchestrator.domain.ids import ScheduleNumber
from orchestrator.domain.recurrence import Recurrence
from orchestrator.domain.schedule import Order, Rules, Schedule, ScheduleStatus
from orchestrator.store.engine.repository import Repository
from orchestrator.store.engine.stored_json import readable
from orchestrator.store.rows.lists import SavedListRow
from orchestrator.store.rows.schedules import BlackoutRow, ScheduleRow
from orchestrator.store.schedules.schedule_text import pack_definition, unpack_definition


class Schedules(Repository):
    """SQL of schedules; no method commits."""

    async def add(
        self,
        name: str,
        recurrence: Recurrence,
        order: Order,
        rules: Rules,
        channels: tuple[str, ...],
        *,
        by: str,
        creator: str | None = None,
        now: datetime,
    ) -> Schedule:
        """A new schedule, active, with nothing decided yet; NameTaken where there is one of this name."""
        values: dict[str, Any] = {
            "name": name,
            "status": ScheduleStatus.ACTIVE,
            "list_name": order.list_name,
            "definition": pack_definition(recurrence, order, rules, channels),
            "created_by": by,
            "creator": creator,
            "created_at": now,
        }
        try:
            async with self._connection.begin_nested():
                await self._connection.execute(insert(ScheduleRow).values(values))
        except IntegrityError:
            raise NameTaken(f"There is a schedule {name!r} already. Remove it first, or take another name.") from None
        return await self.by_name(name)

    async def by_name(self, name: str) -> Schedule:
        """The schedule of this name; UnknownSchedule otherwise."""
        query = select(ScheduleRow).where(ScheduleRow.name == name)
        row = await self._row(query)
        if row is None:
            raise UnknownSchedule(name)
        return _schedule(row)

    async def locked(self, number: ScheduleNumber) -> Schedule | None:
        """The schedule, locked until the commit; None once it is removed."""
        query = select(ScheduleRow).where(ScheduleRow.number == number).with_for_update()
        row = await self._row(query)
        return None if row is None else _schedule(row)

    async def all(self) -> list[Schedule]:
        """Every schedule that can be read, by name."""
        return [each for each in await self.all_as_stored() if isinstance(each, Schedule)]

    async def of_list(self, list_name: str) -> list[Schedule]:
        """Returns those that refer to a list."""
        found = await self.all_as_stored(ScheduleRow.list_name == list_name)
        return [each for each in found if isinstance(each, Schedule)]

    async def unreadable(self) -> list[ScheduleUnreadable]:
        """The schedules that cannot be read, as the errors that reading each one raises."""
        return [each for each in await self.all_as_stored() if isinstance(each, ScheduleUnreadable)]

    async def all_as_stored(self, *wanted: ColumnElement[bool]) -> list[Schedule | ScheduleUnreadable]:
        """Every schedule by name; for one that cannot be read the error that reading it raises."""
        found: list[Schedule | ScheduleUnreadable] = []
        query = select(ScheduleRow).where(*wanted).order_by(ScheduleRow.name)
        for row in await self._rows(query):
            try:
                found.append(_schedule(row))
            except ScheduleUnreadable as problem:
                found.append(problem)
        return found

    async def due(self, now: datetime, *, limit: int) -> list[ScheduleNumber]:
        """Active schedules for an occurrence of which it is time, the longest overdue first."""
        query = (
            select(ScheduleRow.number)
            .where(ScheduleRow.status == ScheduleStatus.ACTIVE, ScheduleRow.due_at <= now)
            .order_by(ScheduleRow.due_at)
            .limit(limit)
        )
        return [ScheduleNumber(number) for number in (await self._connection.execute(query)).scalars()]

    async def advance(self, schedule: Schedule, next_at: datetime | None) -> None:
        """Sets the next occurrence; without one the schedule has ended."""
        values: dict[str, Any] = {"next_at": next_at, "due_at": None, "status": ScheduleStatus.ENDED}
        if next_at is not None:
            values |= {"due_at": next_at + schedule.jitter_at(next_at), "status": ScheduleStatus.ACTIVE}
        await self._set(schedule.number, **values)

    async def redefine(self, schedule: Schedule, *, next_at: datetime | None, status: ScheduleStatus) -> None:
        """Stores the changed schedule, apart from its name, with its next occurrence."""
        await self._set(
            schedule.number,
            list_name=schedule.order.list_name,
            definition=pack_definition(schedule.recurrence, schedule.order, schedule.rules, schedule.channels),
            status=status,
            next_at=next_at,
            due_at=None if next_at is None else next_at + schedule.jitter_at(next_at),
        )

    async def set_status(self, number: ScheduleNumber, status: ScheduleStatus, reason: str | None) -> None:
        """Give the schedule another status."""
        await self._set(number, status=status, reason=reason)

    async def set_creator(self, number: ScheduleNumber, creator: str) -> None:
        """Sets the caller in whose right the schedule calls devices from now on."""
        await self._set(number, creator=creator)

    async def clear_reason(self, number: ScheduleNumber) -> None:
        """Removes the reason of the schedule's status."""
        await self._set(number, reason=None)

    async def _set(self, number: ScheduleNumber, **values: Any) -> None:
        await self._connection.execute(update(ScheduleRow).where(ScheduleRow.number == number).values(values))

    async def headline(self, number: ScheduleNumber) -> tuple[str, datetime | None, tuple[str, ...]]:
        """The name, the next occurrence and the channels of a schedule whose definition may be unreadable."""
        query = select(ScheduleRow.name, ScheduleRow.next_at, ScheduleRow.definition)
        name, next_at, definition = (await self._connection.execute(query.where(ScheduleRow.number == number))).one()
        try:
            channels = tuple(json.loads(definition)["channels"])
        except (ValueError, KeyError, TypeError, RecursionError):
            channels = ()
        return name, next_at, channels

    async def remove(self, name: str) -> None:
        """Remove a schedule with its occurrences; its jobs stay. UnknownSchedule where there is none."""
        removed = await self._connection.execute(delete(ScheduleRow).where(ScheduleRow.name == name))
        if not removed.rowcount:
            raise UnknownSchedule(name)

    async def statuses(self) -> dict[str, ScheduleStatus]:
        """Every schedule by name, with its status alone."""
        rows = await self._connection.execute(select(ScheduleRow.name, ScheduleRow.status))
        return {name: ScheduleStatus(status) for name, status in rows}

    async def names_without_list(self) -> list[str]:
        """The names of the schedules that have not ended and whose list is not there."""
        is_there = exists().where(SavedListRow.name == ScheduleRow.list_name)
        query = select(ScheduleRow.name).where(~is_there, ScheduleRow.status != ScheduleStatus.ENDED)
        return list((await self._connection.execute(query.order_by(ScheduleRow.name))).scalars())

    async def names_of_list(self, list_name: str) -> list[str]:
        """The names of the schedules that refer to a list."""
        query = select(ScheduleRow.name).where(ScheduleRow.list_name == list_name).order_by(ScheduleRow.name)
        return list((await self._connection.execute(query)).scalars())

    async def add_blackouts(
        self, blackouts: Sequence[Blackout], *, schedule: ScheduleNumber | None = None, tenant: str | None = None
    ) -> None:
        """Blackouts of one schedule, of a tenant, or of all schedules."""
        rows = [
            {
                "schedule_number": schedule,
                "tenant": tenant,
                "starts": each.starts.isoformat(),
                "ends": each.ends.isoformat(),
                "reason": each.reason,
            }
            for each in blackouts
        ]
        if rows:
            await self._connection.execute(insert(BlackoutRow), rows)

    async def blackouts(self, schedule: Schedule) -> tuple[Blackout, ...]:
        """All that hold for a schedule."""
        return (await self.blackouts_of([schedule]))[schedule.number]

    async def blackouts_of(self, schedules: Sequence[Schedule]) -> dict[ScheduleNumber, tuple[Blackout, ...]]:
        """All that hold for each of these schedules, in one question."""
        numbers = {schedule.number for schedule in schedules}
        query = select(BlackoutRow).where(
            or_(BlackoutRow.schedule_number.in_(numbers), BlackoutRow.schedule_number.is_(None))
        )
        rows = await self._rows(query.order_by(BlackoutRow.starts))
        read = [(row.schedule_number, row.tenant, each) for row in rows for each in _blackouts([row])]
        return {
            schedule.number: tuple(
                blackout
                for number, tenant, blackout in read
                if number in {schedule.number, None} and tenant in {schedule.order.tenant, None}
            )
            for schedule in schedules
        }

    async def own_blackouts(self, schedule: ScheduleNumber) -> list[Blackout]:
        """Returns the blackouts of one schedule."""
        query = select(BlackoutRow).where(BlackoutRow.schedule_number == schedule)
        return _blackouts(await self._rows(query.order_by(BlackoutRow.starts)))

    async def general_blackouts(self) -> list[tuple[str | None, Blackout]]:
        """Returns the blackouts of no single schedule, each with its tenant, None for all tenants."""
        query = select(BlackoutRow).where(BlackoutRow.schedule_number.is_(None)).order_by(BlackoutRow.starts)
        rows = await self._rows(query)
        return [(row.tenant, each) for row in rows for each in _blackouts([row])]

    async def lock_blackout(self, number: int) -> tuple[str | None, str | None, Blackout | None]:
        """A blackout after the schedule and the tenant that it holds for, unchanged by others until the commit.

        RequestRejected where there is none of this number. The blackout is None where its row cannot be read.
        """
        query = (
            select(BlackoutRow, ScheduleRow.name)
            .select_from(BlackoutRow)
            .outerjoin(ScheduleRow, ScheduleRow.number == BlackoutRow.schedule_number)
            .where(BlackoutRow.number == number)
            .with_for_update(of=BlackoutRow)
        )
        rows = await self._rows_with(query)
        if not rows:
            raise RequestRejected(f"There is no blackout {number}. `muster schedule blackout list` shows them.")
        row, schedule = rows[0]
        return schedule, row.tenant, next(iter(_blackouts([row])), None)

    async def change_blackout(self, number: int, wanted: Blackout) -> None:
        """Gives one blackout other bounds and another reason."""
        values = {"starts": wanted.starts.isoformat(), "ends": wanted.ends.isoformat(), "reason": wanted.reason}
        await self._connection.execute(update(BlackoutRow).where(BlackoutRow.number == number).values(**values))

    async def remove_blackout(self, number: int) -> None:
        """Removes the blackout of this number."""
        await self._connection.execute(delete(BlackoutRow).where(BlackoutRow.number == number))


def _schedule(row: ScheduleRow) -> Schedule:
    try:
        recurrence, order, rules, channels = unpack_definition(row.definition, row.list_name)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError, RequestRejected) as problem:
        raise ScheduleUnreadable(row.name) from problem
    return Schedule(
        number=ScheduleNumber(row.number),
        name=row.name,
        recurrence=recurrence,
        order=order,
        rules=rules,
        channels=channels,
        status=ScheduleStatus(row.status),
        reason=row.reason,
        created_by=row.created_by,
        created_at=row.created_at,
        next_at=row.next_at,
        creator=row.creator,
    )


def _blackouts(rows: Iterable[BlackoutRow]) -> list[Blackout]:
    """Returns the blackouts that can be read; the log names the number of any other, by which it can be removed."""
    return readable(rows, _blackout)


def _blackout(row: BlackoutRow) -> Blackout:
    try:
        starts, ends = datetime.fromisoformat(row.starts), datetime.fromisoformat(row.ends)
        return blackout_between(starts, ends, row.reason, row.number)
    except (ValueError, TypeError, ScheduleInvalid) as problem:
        raise RowUnreadable(f"blackout {row.number}") from problem
