"""The inventories of a tenant: received, put in force when they are complete, replaced and removed."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import (
    ColumnElement,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from orchestrator.domain.ids import InventoryNumber
from orchestrator.domain.inventory import (
    InventorySummary,
    summarise,
)
from orchestrator.store.engine.repository import Repository
from orchestrator.store.engine.stored_json import stored_object
from orchestrator.store.rows.inventory import InventoryRow

if TYPE_CHECKING:
    from orchestrator.domain.inventory_changes import InventoryChanges


@dataclass(frozen=True, slots=True)
class Inventory:
    """One inventory that is in force or waits to be accepted; `changes` compares it with the one before.

    `touched_at` is when settings last led to its tenant, as far as a clock or a person's pruning noted it.
    """

    number: InventoryNumber
    tenant: str
    source: str
    file_name: str | None
    read_by: str
    read_at: datetime
    touched_at: datetime
    summary: InventorySummary
    changes: InventoryChanges
    is_pending: bool


@dataclass(frozen=True, slots=True)
class Reception:
    """An inventory that is being read: since when, by whom, and how many devices it has so far."""

    begun_at: datetime
    read_by: str
    devices: int


class Inventories(Repository):
    """SQL of inventories; their devices are in inventory_devices.py. No method commits."""

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

    async def compare(self, number: InventoryNumber, tenant: str) -> tuple[int, InventoryChanges]:
        """The devices of the inventory in force, as a count, and what a new inventory would change of them."""
        # With ids alone, and without an inventory, a list needs neither this nor what it compares.
        from orchestrator.store.jobs.inventory_comparison import compared  # noqa: PLC0415

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
        query = select(InventoryRow).where(InventoryRow.status == "current").order_by(InventoryRow.tenant)
        rows = await self._rows(query)
        return [_inventory(row, await self._summary_of(row)) for row in rows]

    async def note_attached(self, tenants: Collection[str], *, now: datetime) -> None:
        """Note that the settings lead to these tenants now."""
        is_shown = InventoryRow.status.in_(("current", "pending"))
        attached = update(InventoryRow).where(InventoryRow.tenant.in_(tenants), is_shown)
        await self._connection.execute(attached.values(touched_at=now))

    async def withdraw(self, tenant: str, *, now: datetime) -> None:
        """Let what a tenant has in force or waiting be removed by the next sweep."""
        is_shown = InventoryRow.status.in_(("current", "pending"))
        await self._connection.execute(
            update(InventoryRow).where(InventoryRow.tenant == tenant, is_shown).values(status="old", touched_at=now)
        )

    async def read_times(self) -> dict[str, datetime]:
        """When the inventory in force was read, by tenant; one statement, however many tenants."""
        query = select(InventoryRow.tenant, InventoryRow.read_at).where(InventoryRow.status == "current")
        return dict((await self._connection.execute(query)).all())

    async def waiting_since(self) -> dict[str, datetime]:
        """When the inventory that waits to be accepted was read, by tenant; one statement."""
        query = select(InventoryRow.tenant, InventoryRow.read_at).where(InventoryRow.status == "pending")
        return dict((await self._connection.execute(query)).all())

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
        from orchestrator.store.rows.inventory_devices import InventoryDeviceRow  # noqa: PLC0415 - a look maps no devices

        number, read_at, read_by = row
        counted = select(func.count()).where(InventoryDeviceRow.inventory == number)
        return Reception(read_at, read_by, (await self._connection.execute(counted)).scalar_one())

    async def touch(self, number: InventoryNumber, *, now: datetime) -> None:
        """Note that the inventory is still being read."""
        await self._connection.execute(update(InventoryRow).where(InventoryRow.number == number).values(touched_at=now))

    async def last_read_at(self, tenant: str, *, touched_since: datetime) -> datetime | None:
        """When the newest inventory was begun to be read, in force or not.

        Interrupted ones do not count, among them those of a killed process, which no process has touched since.
        """
        is_read = and_(InventoryRow.status == "receiving", InventoryRow.touched_at >= touched_since)
        query = select(func.max(InventoryRow.read_at)).where(
            InventoryRow.tenant == tenant, or_(is_read, InventoryRow.status.in_(("pending", "current")))
        )
        return (await self._connection.execute(query)).scalar()

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
        from orchestrator.store.rows.inventory_devices import InventoryDeviceRow  # noqa: PLC0415 - as above

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
        row = await self._row(select(InventoryRow).where(*conditions))
        if row is None:
            return None
        return _inventory(row, await self._summary_of(row))

    async def _summary_of(self, row: InventoryRow) -> InventorySummary:
        return _summary(row.figures) or await self._figures(InventoryNumber(row.number))

    async def _figures(self, number: InventoryNumber) -> InventorySummary:
        from orchestrator.store.rows.inventory_devices import InventoryDeviceRow  # noqa: PLC0415 - as above

        is_eligible = InventoryDeviceRow.objection.is_(None)
        kinds = (InventoryDeviceRow.os, InventoryDeviceRow.management_agent, is_eligible)
        query = select(*kinds, func.count()).where(InventoryDeviceRow.inventory == number).group_by(*kinds)
        return summarise([(row[0], row[1], bool(row[2]), row[3]) for row in await self._connection.execute(query)])


def _summary(text: str | None) -> InventorySummary | None:
    """The figures as they were kept; None where they cannot be read, and are to be counted anew."""
    figures = stored_object(text, "inventories.figures") or {}
    counts, kinds = [figures.get(name) for name in _COUNTS], [figures.get(name) for name in _KINDS]
    if not all(isinstance(count, int) for count in counts) or not all(isinstance(kind, dict) for kind in kinds):
        return None
    return InventorySummary(**{name: figures[name] for name in (*_COUNTS, *_KINDS)})


_COUNTS = ("devices", "eligible")
_KINDS = ("by_management_agent", "by_os")


def _inventory(row: InventoryRow, summary: InventorySummary) -> Inventory:
    from orchestrator.store.jobs.inventory_comparison import changes_of  # noqa: PLC0415 - as above

    return Inventory(
        number=InventoryNumber(row.number),
        tenant=row.tenant,
        source=row.source,
        file_name=row.file_name,
        read_by=row.read_by,
        read_at=row.read_at,
        touched_at=row.touched_at,
        summary=summary,
        changes=changes_of(stored_object(row.changes, "inventories.changes") or {}),
        is_pending=row.status == "pending",
    )
