"""The devices of an inventory: written in pages, and found by any identifier."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import Any

from sqlalchemy import (
    BigInteger,
    Executable,
    Select,
    String,
    Text,
    and_,
    bindparam,
    cast,
    delete,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import InstrumentedAttribute

from orchestrator.domain.ids import InventoryNumber
from orchestrator.domain.inventory import Identifier, InventoryDevice, compare_key
from orchestrator.store.engine import json_rows, new_rows
from orchestrator.store.engine.repository import Repository
from orchestrator.store.engine.times import UtcDateTime
from orchestrator.store.rows.inventory import InventoryRow
from orchestrator.store.rows.inventory_devices import InventoryDeviceRow

DeviceRow = tuple[Any, ...]
"""The values of a device in the order of `_COLUMNS`."""


def rows_of(number: InventoryNumber, devices: Iterable[InventoryDevice]) -> list[DeviceRow]:
    """The devices of an inventory as `InventoryDevices.add` takes them; to be made before its transaction begins."""
    by_name, by_serial = Identifier.NAME, Identifier.SERIAL
    return [
        (number, key, name, compare_key(by_name, name or ""), serial, compare_key(by_serial, serial or ""), *others)
        for key, name, serial, *others in devices
    ]


class InventoryDevices(Repository):
    """SQL of the devices of inventories; no method commits."""

    async def add(self, number: InventoryNumber, rows: Sequence[DeviceRow], *, now: datetime) -> None:
        """Add devices whose ids the inventory does not hold yet; the inventory counts as being written at `now`."""
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
        await self.add(number, rows_of(number, merged.values()), now=now)

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
    ) -> tuple[dict[str, tuple[str, str | None]], set[str]]:
        """By key, id and name of the one device that has it and can take an action; and the keys of any others.

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
        query = (
            select(*_DEVICE)
            .where(InventoryDeviceRow.inventory == number, InventoryDeviceRow.id > last)
            .order_by(InventoryDeviceRow.id)
            .limit(limit)
        )
        return [InventoryDevice(*row) for row in await self._connection.execute(query)]

    async def having(
        self, numbers: Collection[InventoryNumber], by: Identifier, key: str
    ) -> list[tuple[InventoryNumber, InventoryDevice]]:
        """The devices of these inventories that have the key (`compare_key`), each after its inventory."""
        fits = and_(InventoryDeviceRow.inventory.in_(numbers), _KEY_COLUMNS[by] == key)
        return await self._with_inventory(_OF_ANY.where(fits).order_by(InventoryDeviceRow.id))

    async def search(
        self, numbers: Collection[InventoryNumber], text: str, *, limit: int
    ) -> list[tuple[InventoryNumber, InventoryDevice]]:
        """Devices whose name, serial number, user or id contains the text, by name; letter case is ignored."""
        folded = text.strip().casefold()
        columns = (InventoryDeviceRow.name_key, InventoryDeviceRow.serial_key, InventoryDeviceRow.id)
        user = func.lower(InventoryDeviceRow.user_principal_name)
        fits = or_(*(column.contains(folded, autoescape=True) for column in columns), user.contains(folded))
        query = _OF_ANY.where(InventoryDeviceRow.inventory.in_(numbers), fits)
        return await self._with_inventory(query.order_by(InventoryDeviceRow.name_key).limit(limit))

    async def beginning_with(
        self, numbers: Collection[InventoryNumber], text: str, *, limit: int
    ) -> list[tuple[InventoryNumber, InventoryDevice]]:
        """Devices whose name or serial number begins with the text, at most so many of each; through their indexes."""
        folded = text.strip().casefold()
        found: dict[tuple[InventoryNumber, str], InventoryDevice] = {}
        for column in (InventoryDeviceRow.name_key, InventoryDeviceRow.serial_key):
            # U+FFFF sorts behind every other character, in the collations of PostgreSQL too (UTS 35, part 5).
            is_near = and_(column >= folded, column < f"{folded}\uffff")
            fits = column.startswith(folded, autoescape=True)
            query = _OF_ANY.where(InventoryDeviceRow.inventory.in_(numbers), is_near, fits)
            for number, device in await self._with_inventory(query.order_by(column).limit(limit)):
                found[number, device.id] = device
        return [(number, device) for (number, _), device in found.items()]

    async def _with_inventory(self, query: Executable) -> list[tuple[InventoryNumber, InventoryDevice]]:
        found = await self._connection.execute(query)
        return [(InventoryNumber(number), InventoryDevice(*row)) for number, *row in found]


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


def _in_brief(answer: str) -> tuple[dict[str, tuple[str, str | None]], set[str]]:
    found: dict[str, tuple[str, str | None]] = {}
    others: set[str] = set()
    for key, device, name, objection in json.loads(answer):
        if device is None:
            continue
        if objection is not None or key in found:
            others.add(key)
        else:
            found[key] = device, name
    for key in others:
        found.pop(key, None)
    return found, others


def _given(connection: AsyncConnection, name: str) -> Any:
    return json_rows.texts_of(connection.dialect.name, name)


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
_OF_ANY = select(InventoryDeviceRow.inventory, *_DEVICE)
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
