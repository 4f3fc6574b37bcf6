"""The inventory of a tenant: written in pages, seen when it is complete, and searched by any identifier."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    String,
    Text,
    and_,
    bindparam,
    cast,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import InstrumentedAttribute

from orchestrator.domain.ids import InventoryNumber
from orchestrator.domain.inventory import (
    Identifier,
    InventoryDevice,
    InventorySummary,
    compare_key,
    summarise,
)
from orchestrator.domain.inventory_changes import InventoryChanges
from orchestrator.store.engine import json_rows, new_rows
from orchestrator.store.engine.kept_json import kept_object
from orchestrator.store.engine.times import UtcDateTime
from orchestrator.store.jobs.inventory_comparison import changes_of, compared
from orchestrator.store.rows.inventory import InventoryDeviceRow, InventoryRow
from orchestrator.store.rows.mapping import AnyRow


@dataclass(frozen=True, slots=True)
class Inventory:
    """One inventory that is in force or waits to be accepted; `changes` compares it with the one before."""

    number: InventoryNumber
    tenant: str
    source: str
    file_name: str | None
    read_by: str
    read_at: datetime
    summary: InventorySummary
    changes: InventoryChanges
    is_pending: bool


@dataclass(frozen=True, slots=True)
class Reception:
    """An inventory that is being read: since when, by whom, and how many devices it has so far."""

    begun_at: datetime
    read_by: str
    devices: int


class Inventories:
    """SQL of inventories; no method commits."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def begin(
        self, tenant: str, source: str, *, file_name: str | None, by: str, now: datetime
    ) -> InventoryNumber:
        """Add a hidden, empty inventory; return its number."""
        added = insert(InventoryRow).values(
            tenant=tenant,
            status="receiving",
            source=source,
            file_name=file_name,
            read_by=by,
            read_at=now,
            touched_at=now,
        )
        number = (await self._connection.execute(added.returning(InventoryRow.number))).scalar_one()
        return InventoryNumber(number)

    async def add(self, number: InventoryNumber, devices: Sequence[InventoryDevice], *, now: datetime) -> None:
        """Add devices whose ids the inventory does not hold yet; the inventory counts as being written at `now`."""
        rows = await asyncio.to_thread(_rows, number, devices)
        await new_rows.add(self._connection, InventoryDeviceRow, _COLUMNS, rows)
        await self._connection.execute(update(InventoryRow).where(InventoryRow.number == number).values(touched_at=now))

    async def merge(self, number: InventoryNumber, devices: Sequence[InventoryDevice], *, now: datetime) -> None:
        """Fill the empty fields of devices that the inventory holds already."""
        merged: dict[str, InventoryDevice] = {}
        for found in await self.by_ids(number, {device.id for device in devices}):
            merged[found.id] = found
        for device in devices:
            merged[device.id] = merged[device.id].filled_from(device)
        given = _given(self._connection, "id")
        held = delete(InventoryDeviceRow).where(
            InventoryDeviceRow.inventory == number, InventoryDeviceRow.id.in_(select(given.c.id))
        )
        await self._connection.execute(held, json_rows.texts_payload(merged))
        await self.add(number, [*merged.values()], now=now)

    async def compare(self, number: InventoryNumber, tenant: str) -> tuple[int, InventoryChanges]:
        """The devices of the inventory in force, as a count, and what a new inventory would change of them."""
        return await compared(self._connection, number, await self.current_number(tenant))

    async def publish(
        self, number: InventoryNumber, tenant: str, changes: InventoryChanges, *, is_pending: bool, now: datetime
    ) -> None:
        """Put the inventory in force in place of the one before, or let it wait to be accepted."""
        replaced = ("pending",) if is_pending else ("current", "pending")
        await self._connection.execute(
            update(InventoryRow)
            .where(InventoryRow.tenant == tenant, InventoryRow.status.in_(replaced), InventoryRow.number != number)
            .values(status="old", touched_at=now)
        )
        figures = await self._figures(number)
        await self._connection.execute(
            update(InventoryRow)
            .where(InventoryRow.number == number)
            .values(
                status="pending" if is_pending else "current",
                figures=json.dumps(asdict(figures)),
                changes=json.dumps(asdict(changes)),
                touched_at=now,
            )
        )

    async def current(self, tenant: str) -> Inventory | None:
        """The inventory in force of a tenant; None where there is none."""
        return await self._one(InventoryRow.tenant == tenant, InventoryRow.status == "current")

    async def all_current(self) -> list[Inventory]:
        """The inventories in force of all tenants, in the order of the tenants."""
        query = select(InventoryRow.__table__).where(InventoryRow.status == "current").order_by(InventoryRow.tenant)
        rows = (await self._connection.execute(query)).all()
        return [_inventory(row, await self._summary_of(row)) for row in rows]

    async def withdraw(self, tenant: str, *, now: datetime) -> None:
        """Let what a tenant has in force or waiting be removed by the next sweep."""
        is_shown = InventoryRow.status.in_(("current", "pending"))
        await self._connection.execute(
            update(InventoryRow).where(InventoryRow.tenant == tenant, is_shown).values(status="old", touched_at=now)
        )

    async def read_times(self) -> dict[str, datetime]:
        """When the inventory in force was read, by tenant; one statement, however many tenants."""
        query = select(InventoryRow.tenant, InventoryRow.read_at).where(InventoryRow.status == "current")
        return {row.tenant: row.read_at for row in await self._connection.execute(query)}

    async def waiting_since(self) -> dict[str, datetime]:
        """When the inventory that waits to be accepted was read, by tenant; one statement."""
        query = select(InventoryRow.tenant, InventoryRow.read_at).where(InventoryRow.status == "pending")
        return {row.tenant: row.read_at for row in await self._connection.execute(query)}

    async def pending(self, tenant: str) -> Inventory | None:
        """The inventory that waits to be accepted; None where there is none."""
        query = select(func.max(InventoryRow.number)).where(
            InventoryRow.tenant == tenant, InventoryRow.status == "pending"
        )
        return await self._one(InventoryRow.number == query.scalar_subquery())

    async def receiving(self, tenant: str, *, touched_since: datetime) -> Reception | None:
        """The newest inventory of a tenant that is being read from Graph; None where there is none."""
        is_running = and_(InventoryRow.status == "receiving", InventoryRow.source == "refresh")
        newest = (
            select(InventoryRow.number, InventoryRow.read_at, InventoryRow.read_by)
            .where(InventoryRow.tenant == tenant, is_running, InventoryRow.touched_at >= touched_since)
            .order_by(InventoryRow.number.desc())
            .limit(1)
        )
        row = (await self._connection.execute(newest)).one_or_none()
        if row is None:
            return None
        counted = select(func.count()).where(InventoryDeviceRow.inventory == row.number)
        return Reception(row.read_at, row.read_by, int((await self._connection.execute(counted)).scalar_one()))

    async def last_read_at(self, tenant: str) -> datetime | None:
        """When the newest inventory was begun to be read, in force or not; interrupted ones do not count."""
        query = select(func.max(InventoryRow.read_at)).where(
            InventoryRow.tenant == tenant, InventoryRow.status.in_(("receiving", "pending", "current"))
        )
        return (await self._connection.execute(query)).scalar()

    async def by_ids(self, number: InventoryNumber, ids: Collection[str]) -> list[InventoryDevice]:
        """The devices of these managed device ids, those that the inventory has."""
        found = await self.matching(number, Identifier.ID, ids)
        return [device for devices in found.values() for device in devices]

    async def count_known(self, number: InventoryNumber, ids: Collection[str]) -> int:
        """How many of these managed device ids the inventory has; one statement, however many ids."""
        given = _given(self._connection, "key")
        query = (
            select(func.count(InventoryDeviceRow.id))
            .select_from(given)
            .outerjoin(
                InventoryDeviceRow,
                and_(InventoryDeviceRow.inventory == number, InventoryDeviceRow.id == given.c.key),
            )
        )
        found = await self._connection.execute(query, json_rows.texts_payload(sorted(ids)))
        return int(found.scalar_one())

    async def matching(
        self, number: InventoryNumber, by: Identifier, keys: Collection[str]
    ) -> dict[str, list[InventoryDevice]]:
        """The devices of each key (`compare_key`) in the order of their ids; one statement, however many keys."""
        if not keys:
            return {}
        given = _given(self._connection, "key")
        column = _KEY_COLUMNS[by]
        query = (
            select(given.c.key, *_DEVICE)
            .select_from(given)
            # An outer join, because SQLite would scan the inventory and parse the keys anew for each device otherwise.
            .outerjoin(InventoryDeviceRow, and_(InventoryDeviceRow.inventory == number, column == given.c.key))
        )
        found: dict[str, list[InventoryDevice]] = {}
        for key, *values in (await self._connection.execute(query, json_rows.texts_payload(keys))).all():
            if values[0] is not None:
                found.setdefault(key, []).append(InventoryDevice(*values))
        for devices in found.values():
            if len(devices) > 1:
                devices.sort(key=attrgetter("id"))
        return found

    async def matching_in_brief(
        self, number: InventoryNumber, by: Identifier, keys: Collection[str]
    ) -> tuple[dict[str, InventoryDevice], set[str]]:
        """By key, the one device that has it and can take an action, as id and name; and the keys of any others.

        They come as one JSON text: SQLite's driver gives up Python's lock for each row that it fetches.
        """
        query = _brief_query(self._connection.dialect.name, by)
        answer = await self._connection.execute(query, {**json_rows.texts_payload(keys), "inventory": number})
        return await asyncio.to_thread(_in_brief, answer.scalar_one())

    async def of_users(self, number: InventoryNumber, users: Collection[str]) -> list[InventoryDevice]:
        """The devices of these users, by the users' object ids, in the order of the devices' ids."""
        given = _given(self._connection, "user")
        query = (
            select(*_DEVICE)
            .select_from(given)
            .outerjoin(
                InventoryDeviceRow,
                and_(InventoryDeviceRow.inventory == number, InventoryDeviceRow.user_id == given.c.user),
            )
        )
        found = await self._connection.execute(query, json_rows.texts_payload(users))
        return sorted((InventoryDevice(*row) for row in found if row[0] is not None), key=attrgetter("id"))

    async def page_after(self, number: InventoryNumber, last: str, *, limit: int) -> list[InventoryDevice]:
        """Devices in the order of their ids, those after the id `last`."""
        query: Select[*tuple[Any, ...]] = (
            select(*_DEVICE)
            .where(InventoryDeviceRow.inventory == number, InventoryDeviceRow.id > last)
            .order_by(InventoryDeviceRow.id)
            .limit(limit)
        )
        return [InventoryDevice(*row) for row in await self._connection.execute(query)]

    async def search(self, number: InventoryNumber, text: str, *, limit: int) -> list[InventoryDevice]:
        """Devices whose name, serial number, user or id contains the text, by name; letter case is ignored."""
        folded = text.strip().casefold()
        columns = (InventoryDeviceRow.name_key, InventoryDeviceRow.serial_key, InventoryDeviceRow.id)
        user = func.lower(InventoryDeviceRow.user_principal_name)
        fits = or_(*(column.contains(folded, autoescape=True) for column in columns), user.contains(folded))
        query: Select[*tuple[Any, ...]] = select(*_DEVICE).where(InventoryDeviceRow.inventory == number, fits)
        found = await self._connection.execute(query.order_by(InventoryDeviceRow.name_key).limit(limit))
        return [InventoryDevice(*row) for row in found]

    async def remove_some(self, *, untouched_since: datetime, limit: int) -> int:
        """Remove up to `limit` devices of replaced and abandoned inventories; return how many rows went.

        In pieces: a statement over half a million rows would hold its locks for longer than others wait.
        """
        over = or_(
            InventoryRow.status == "old",
            and_(InventoryRow.status == "receiving", InventoryRow.touched_at < untouched_since),
        )
        number = (await self._connection.execute(select(InventoryRow.number).where(over).limit(1))).scalar()
        if number is None:
            return 0
        some = select(InventoryDeviceRow.id).where(InventoryDeviceRow.inventory == number).limit(limit)
        removed = await self._connection.execute(
            delete(InventoryDeviceRow).where(
                InventoryDeviceRow.inventory == number, InventoryDeviceRow.id.in_(some.scalar_subquery())
            )
        )
        if removed.rowcount < limit:
            await self._connection.execute(delete(InventoryRow).where(InventoryRow.number == number))
        return max(1, removed.rowcount)

    async def forget(self, number: InventoryNumber) -> None:
        """Let an inventory that was interrupted be removed by the next sweep."""
        await self._connection.execute(
            update(InventoryRow)
            .where(InventoryRow.number == number, InventoryRow.status == "receiving")
            .values(status="old")
        )

    async def current_number(self, tenant: str) -> InventoryNumber | None:
        """The number of the inventory in force of a tenant; None where there is none."""
        query = select(InventoryRow.number).where(InventoryRow.tenant == tenant, InventoryRow.status == "current")
        number = (await self._connection.execute(query)).scalar()
        return None if number is None else InventoryNumber(number)

    async def _one(self, *conditions: ColumnElement[bool]) -> Inventory | None:
        row = (await self._connection.execute(select(InventoryRow.__table__).where(*conditions))).one_or_none()
        if row is None:
            return None
        return _inventory(row, await self._summary_of(row))

    async def _summary_of(self, row: AnyRow) -> InventorySummary:
        return _summary(row.figures) or await self._figures(InventoryNumber(row.number))

    async def _figures(self, number: InventoryNumber) -> InventorySummary:
        is_eligible = InventoryDeviceRow.objection.is_(None)
        kinds = (InventoryDeviceRow.os, InventoryDeviceRow.management_agent, is_eligible)
        query = select(*kinds, func.count()).where(InventoryDeviceRow.inventory == number).group_by(*kinds)
        return summarise([(row[0], row[1], bool(row[2]), row[3]) for row in await self._connection.execute(query)])


def _summary(text: str | None) -> InventorySummary | None:
    """The figures as they were kept; None where they cannot be read, and are to be counted anew."""
    figures = kept_object(text, "inventories.figures") or {}
    counts, kinds = [figures.get(name) for name in _COUNTS], [figures.get(name) for name in _KINDS]
    if not all(isinstance(count, int) for count in counts) or not all(isinstance(kind, dict) for kind in kinds):
        return None
    return InventorySummary(**{name: figures[name] for name in (*_COUNTS, *_KINDS)})


_COUNTS = ("devices", "eligible")
_KINDS = ("by_management_agent", "by_os")


def _inventory(row: AnyRow, summary: InventorySummary) -> Inventory:
    return Inventory(
        number=InventoryNumber(row.number),
        tenant=row.tenant,
        source=row.source,
        file_name=row.file_name,
        read_by=row.read_by,
        read_at=row.read_at,
        summary=summary,
        changes=changes_of(kept_object(row.changes, "inventories.changes") or {}),
        is_pending=row.status == "pending",
    )


@cache
def _brief_query(dialect: str, by: Identifier) -> Select[Any]:
    is_postgresql = dialect == "postgresql"
    as_array = func.json_build_array if is_postgresql else func.json_array
    as_one = func.json_agg if is_postgresql else func.json_group_array
    given = json_rows.texts_of(dialect, "key")
    is_of_key = _KEY_COLUMNS[by] == given.c.key
    # An outer join for the reason in `matching`.
    is_found = and_(InventoryDeviceRow.inventory == bindparam("inventory"), is_of_key)
    facts = as_array(given.c.key, InventoryDeviceRow.id, InventoryDeviceRow.name, InventoryDeviceRow.objection)
    return select(cast(as_one(facts), Text)).select_from(given).outerjoin(InventoryDeviceRow, is_found)


def _in_brief(answer: str) -> tuple[dict[str, InventoryDevice], set[str]]:
    found: dict[str, InventoryDevice] = {}
    others: set[str] = set()
    for key, device, name, objection in json.loads(answer):
        if device is None:
            continue
        if objection is not None or key in found:
            others.add(key)
        else:
            found[key] = InventoryDevice(device, name)
    for key in others:
        found.pop(key, None)
    return found, others


def _given(connection: AsyncConnection, name: str) -> Any:
    return json_rows.texts_of(connection.dialect.name, name)


def _rows(number: InventoryNumber, devices: Iterable[InventoryDevice]) -> list[tuple[Any, ...]]:
    """The devices in the order of `_COLUMNS`."""
    by_name, by_serial = Identifier.NAME, Identifier.SERIAL
    return [
        (number, key, name, compare_key(by_name, name or ""), serial, compare_key(by_serial, serial or ""), *others)
        for key, name, serial, *others in devices
    ]


_KEY_COLUMNS: dict[Identifier, InstrumentedAttribute[Any]] = {
    Identifier.ID: InventoryDeviceRow.id,
    Identifier.NAME: InventoryDeviceRow.name_key,
    Identifier.SERIAL: InventoryDeviceRow.serial_key,
    Identifier.ENTRA: InventoryDeviceRow.entra_device_id,
    Identifier.CONFIGMGR: InventoryDeviceRow.configmgr_id,
}
_DEVICE = (
    InventoryDeviceRow.id,
    InventoryDeviceRow.name,
    InventoryDeviceRow.serial_number,
    InventoryDeviceRow.entra_device_id,
    InventoryDeviceRow.configmgr_id,
    InventoryDeviceRow.user_id,
    InventoryDeviceRow.user_principal_name,
    InventoryDeviceRow.os,
    InventoryDeviceRow.management_agent,
    InventoryDeviceRow.last_contact_at,
    InventoryDeviceRow.objection,
)
"""The columns of a device in the order of InventoryDevice's fields."""

_COLUMNS: json_rows.Columns = {
    "inventory": BigInteger(),
    "id": String(36),
    "name": Text(),
    "name_key": Text(),
    "serial_number": Text(),
    "serial_key": Text(),
    "entra_device_id": String(36),
    "configmgr_id": String(36),
    "user_id": String(36),
    "user_principal_name": Text(),
    "os": Text(),
    "management_agent": Text(),
    "last_contact_at": UtcDateTime(),
    "objection": Text(),
}
