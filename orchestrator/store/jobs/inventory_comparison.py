"""An inventory is compared with the one in force."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, and_, func, null, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import aliased

from orchestrator.domain.ids import InventoryNumber
from orchestrator.domain.inventory_changes import MOST_NAMED, ChangedDevice, InventoryChanges
from orchestrator.store.rows.inventory_devices import InventoryDeviceRow

_Old, _New = aliased(InventoryDeviceRow), aliased(InventoryDeviceRow)


async def compared(
    connection: AsyncConnection, number: InventoryNumber, current: InventoryNumber | None
) -> tuple[int, InventoryChanges]:
    """The devices of the inventory in force, as a count, and what the new one would change of them."""
    devices = await _count(connection, number)
    if current is None:
        return 0, InventoryChanges(new=devices)
    before = await _count(connection, current)
    is_renamed = _Old.name_key != _New.name_key
    is_lost = and_(_Old.objection.is_(None), _New.objection.is_not(None))
    common = (
        select(
            func.count().label("both"),
            func.count().filter(is_renamed).label("renamed"),
            func.count().filter(is_lost).label("lost"),
        )
        .select_from(_Old)
        .join(_New, and_(_New.inventory == number, _New.id == _Old.id))
        .where(_Old.inventory == current)
    )
    row = (await connection.execute(common)).one()
    both = select(_New.id, _New.name, _Old.name).join_from(
        _New, _Old, and_(_Old.inventory == current, _Old.id == _New.id)
    )
    of_both = both.where(_New.inventory == number)
    lost = of_both.with_only_columns(_New.id, _New.name, null()).where(is_lost)
    renamed = of_both.where(is_renamed).order_by(_New.name_key, _New.id)
    lost = lost.order_by(_New.name_key, _New.id)
    new, gone = devices - row.both, before - row.both
    return before, InventoryChanges(
        new=new,
        gone=gone,
        renamed=row.renamed,
        no_longer_eligible=row.lost,
        new_devices=await _some(connection, new, _only_in(_New, number, _Old, current)),
        gone_devices=await _some(connection, gone, _only_in(_Old, current, _New, number)),
        renamed_devices=await _some(connection, row.renamed, renamed),
        no_longer_eligible_devices=await _some(connection, row.lost, lost),
    )


def changes_of(kept: Mapping[str, Any]) -> InventoryChanges:
    """The difference as it was kept; no difference where what was kept cannot be read."""
    counts = {name: kept[name] for name in _COUNTS if isinstance(kept.get(name), int)}
    some: dict[str, Any] = {f"{name}_devices": _devices_of(kept.get(f"{name}_devices")) for name in _COUNTS}
    return InventoryChanges(**{**counts, **some})


def _devices_of(kept: object) -> tuple[ChangedDevice, ...]:
    each_kept = [each for each in kept if isinstance(each, dict)] if isinstance(kept, list) else []
    return tuple(
        ChangedDevice(each["id"], each.get("name"), each.get("before"))
        for each in each_kept
        if isinstance(each.get("id"), str)
    )


async def _count(connection: AsyncConnection, number: InventoryNumber) -> int:
    query = select(func.count()).where(InventoryDeviceRow.inventory == number)
    return int((await connection.execute(query)).scalar_one())


def _only_in(here: Any, number: InventoryNumber, there: Any, other: InventoryNumber) -> Select[Any]:
    is_there = select(there.id).where(there.inventory == other, there.id == here.id)
    devices: Select[Any] = select(here.id, here.name, null()).where(here.inventory == number, ~is_there.exists())
    return devices.order_by(here.name_key, here.id)


async def _some(connection: AsyncConnection, count: int, query: Select[*tuple[Any, ...]]) -> tuple[ChangedDevice, ...]:
    if not count:
        return ()
    return tuple(ChangedDevice(*row) for row in await connection.execute(query.limit(MOST_NAMED)))


_COUNTS = ("new", "gone", "renamed", "no_longer_eligible")
