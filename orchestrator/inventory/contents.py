"""The inventory of a tenant: imported from an export, looked at and searched."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import BinaryIO

from orchestrator.app import App
from orchestrator.domain.access import Actor, Scope
from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.ids import InventoryNumber
from orchestrator.domain.inventory import Identifier, InventoryDevice, NoInventory, compare_key
from orchestrator.domain.tenant import Tenant
from orchestrator.intake.inventory_file import InventoryFile, open_inventory_file
from orchestrator.store.jobs.inventory import Inventory
from orchestrator.telemetry.logger import get_logger

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class InventorySource:
    """One file of an import."""

    stream: BinaryIO
    file_name: str | None


@dataclass(frozen=True, slots=True)
class ImportedInventory:
    """The inventory that an import put in force; `first_skipped` is line and reason of the first row left out."""

    inventory: Inventory
    rows: int
    skipped: int
    first_skipped: tuple[int, str] | None
    fields: tuple[str, ...]


async def import_inventory(
    app: App, tenant_name: str, sources: Sequence[InventorySource], *, by: Actor, reason: str | None, max_bytes: int
) -> ImportedInventory:
    """Replace the tenant's inventory by the devices of some exports, joined by managed device id; all or nothing.

    IntakeFailed says which file cannot be an export of Intune's devices and why.
    """
    tenant = app.tenant(tenant_name)
    of_tenant = Scope(tenants=frozenset({tenant.name}))
    by.grant.refuse_change(of_tenant)
    name = ", ".join(source.file_name for source in sources if source.file_name) or None
    async with app.store.transaction() as tx:
        number = await tx.inventories.begin(tenant.directory, "import", file_name=name, by=by.name, now=await tx.now())
    try:
        known: set[str] = set()
        files = [await _add_file(app, number, source, known, max_bytes) for source in sources]
        async with app.store.transaction() as tx:
            before = await tx.inventories.current(tenant.directory)
            # An inventory decides for all users which device a name means, so the devices it replaces count as well.
            devices = max(len(known), 0 if before is None else before.summary.devices)
            by.grant.refuse_change(of_tenant | Scope(devices=devices))
            _, changes = await tx.inventories.compare(number, tenant.directory)
            now = await tx.now()
            await tx.inventories.publish(number, tenant.directory, changes, is_pending=False, now=now)
            inventory = await tx.inventories.current(tenant.directory)
            assert inventory is not None  # noqa: S101 - published two lines above, in this transaction
            facts = {"devices": inventory.summary.devices, "new": changes.new, "gone": changes.gone}
            await tx.audit.write(by, "inventory.imported", tenant.name, reason=reason, facts=facts, now=now)
    except BaseException:
        # Ctrl-C included: an interrupted import leaves the inventory before in force.
        await asyncio.shield(forget_inventory(app, number))
        raise
    log.info("inventory.imported", devices=inventory.summary.devices, new=changes.new, gone=changes.gone)
    await remove_replaced(app)
    return ImportedInventory(
        inventory,
        rows=sum(file.rows for file in files),
        skipped=sum(file.skipped for file in files),
        first_skipped=next((file.first_skipped for file in files if file.first_skipped), None),
        fields=tuple(dict.fromkeys(field for file in files for field in file.fields)),
    )


async def describe_inventory(app: App, tenant_name: str) -> tuple[Inventory, Inventory | None]:
    """The inventory in force and the one that waits to be accepted; NoInventory where there is neither."""
    directory = app.tenant(tenant_name).directory
    async with app.store.reading() as tx:
        current, pending = await tx.inventories.current(directory), await tx.inventories.pending(directory)
    if current is None:
        raise NoInventory(tenant_name)
    return current, pending


async def search_inventory(app: App, tenant_name: str, text: str | None, *, limit: int) -> list[InventoryDevice]:
    """Devices whose name, serial number, user or id contains the text, by name; NoInventory where there is none.

    None is every device.
    """
    if text is not None and not text.strip():
        raise RequestRejected("Give some letters of a name, a serial number, a user or an id.")
    current, _ = await describe_inventory(app, tenant_name)
    async with app.store.reading() as tx:
        return [device for _, device in await tx.inventory_devices.search([current.number], text or "", limit=limit)]


async def find_devices(
    app: App, tenant: Tenant, text: str, *, kinds: Sequence[Identifier] = tuple(Identifier)
) -> tuple[Identifier, list[InventoryDevice], Inventory | None]:
    """The devices that a person means, by the first kind of identifier that matches, and the inventory that says so.

    The kinds are tried in the order of contract and help: id, name, serial number, Entra id, ConfigMgr id.
    """
    async with app.store.reading() as tx:
        current = await tx.inventories.current(tenant.directory)
        if current is None:
            return Identifier.NAME, [], None
        for by in kinds:
            key = compare_key(by, text)
            if key is not None:
                found = await tx.inventory_devices.matching(current.number, by, [key])
                if found:
                    return by, found[key], current
    return Identifier.NAME, [], current


async def remove_replaced(app: App) -> None:
    """Remove the devices of inventories that were replaced or abandoned, in pieces of one transaction each."""
    removed = 1
    while removed:
        async with app.store.transaction() as tx:
            untouched_since = await tx.now() - _ABANDONED_AFTER
            removed = await tx.inventories.remove_some(untouched_since=untouched_since, limit=_PIECE)
        if removed == _PIECE:
            # SQLite has one writer and no queue: without a pause a job in another process would wait for all pieces.
            await app.clock.sleep(_PAUSE)


async def _add_file(
    app: App, number: InventoryNumber, source: InventorySource, known: set[str], max_bytes: int
) -> InventoryFile:
    file = await asyncio.to_thread(open_inventory_file, source.stream, file_name=source.file_name, max_bytes=max_bytes)
    await add_file(app, number, file, known)
    return file


async def add_file(app: App, number: InventoryNumber, file: InventoryFile, known: set[str]) -> None:
    """Store the devices of an opened export; `known` holds the ids that the inventory has, and grows."""
    pages = file.pages()
    page = await asyncio.to_thread(_next_page, pages)
    while page is not None:
        # The next page is parsed while this one is stored.
        coming = asyncio.create_task(asyncio.to_thread(_next_page, pages))
        try:
            await add_page(app, number, page, known)
        finally:
            page = await coming


async def add_page(app: App, number: InventoryNumber, page: Sequence[InventoryDevice], known: set[str]) -> None:
    """Store some devices; one that the inventory has already fills the empty fields of its record there."""
    from orchestrator.store.jobs.inventory_devices import rows_of  # noqa: PLC0415 - a list of ids loads no devices

    new: dict[str, InventoryDevice] = {}
    repeated: list[InventoryDevice] = []
    for device in page:
        if device.id in new:
            new[device.id] = new[device.id].filled_from(device)
        elif device.id in known:
            repeated.append(device)
        else:
            new[device.id] = device
    known.update(new)
    # Other writers of a SQLite file wait for the transaction, a permit of the next read among them.
    rows = await asyncio.to_thread(rows_of, number, new.values())
    async with app.store.transaction() as tx:
        now = await tx.now()
        if rows:
            await tx.inventory_devices.add(number, rows, now=now)
        if repeated:
            await tx.inventory_devices.merge(number, repeated, now=now)


async def forget_inventory(app: App, number: InventoryNumber) -> None:
    """Let an inventory that will not be completed be removed by the next sweep."""
    async with app.store.transaction() as tx:
        await tx.inventories.forget(number)


def _next_page(pages: Iterator[list[InventoryDevice]]) -> list[InventoryDevice] | None:
    return next(pages, None)


_ABANDONED_AFTER = timedelta(hours=1)
_PIECE = 5_000
_PAUSE = 0.15
"""Seconds; longer than SQLite's longest sleep between two looks at a file that another process writes."""
