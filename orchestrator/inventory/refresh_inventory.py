"""The inventory of a tenant is read from Graph: export reports first, the list of managed devices otherwise."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import NoReturn

from orchestrator.app import App, Reads
from orchestrator.domain.access import Actor, Scope
from orchestrator.domain.confirmation import Facts, inventory_facts, refuse_outdated
from orchestrator.domain.errors import (
    ExportHangs,
    IntakeFailed,
    PermissionMissing,
    ReadFailed,
    ReadRefused,
    RequestRejected,
)
from orchestrator.domain.figures import plural
from orchestrator.domain.ids import InventoryNumber
from orchestrator.domain.inventory import InventoryDevice, has_collapsed
from orchestrator.domain.tenant import Tenant
from orchestrator.intake.inventory_file import open_inventory_file
from orchestrator.intake.managed_device import SELECTED, SELECTED_IN_BETA, devices_in
from orchestrator.intake.report_archive import MOST_UNPACKED, opened_report
from orchestrator.inventory.contents import add_file, add_page, forget_inventory, remove_replaced
from orchestrator.store.engine.database import Transaction
from orchestrator.store.jobs.inventory import Inventory
from orchestrator.telemetry.logger import get_logger

log = get_logger(__name__)

IsRepeat = Callable[[Transaction], Awaitable[bool]]
"""Keeps a request in the transaction of its change, and tells whether it was kept before."""

PERMISSION = "DeviceManagementManagedDevices.Read.All"
"""The permission to list devices and to export their reports. https://learn.microsoft.com/graph/permissions-reference"""

INTERRUPTED_AFTER = timedelta(minutes=15)
"""A refresh that wrote nothing for so long was interrupted; waiting for a report takes up to ten minutes."""


class Route(StrEnum):
    """How the devices are read: `auto` exports reports, and lists the devices where there is no report to be had."""

    AUTO = "auto"
    EXPORT = "export"
    LIST = "list"


@dataclass(frozen=True, slots=True)
class RefreshedInventory:
    """The inventory that was read, pending or in force, and sentences about how it was read."""

    inventory: Inventory
    before: Inventory | None
    notes: tuple[str, ...]


@dataclass(slots=True)
class _Reading:
    """One inventory while it is read."""

    app: App
    tenant: Tenant
    number: InventoryNumber
    reads: Reads
    known: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)


def say_nothing(_: str) -> None:
    """Drop a sentence about the progress."""


async def refresh_inventory(
    app: App,
    tenant_name: str,
    *,
    by: Actor,
    reason: str | None = None,
    route: Route = Route.AUTO,
    say: Callable[[str], None] = say_nothing,
) -> RefreshedInventory:
    """Read the tenant's devices from Graph and put them in force; all or nothing.

    An inventory that would remove more than a tenth of the devices waits for `accept_inventory` instead.
    PermissionMissing, ReadRefused, ReadFailed, GraphUnreachable, SignInRefused, SignInUnreachable.
    """
    tenant = app.tenant(tenant_name)
    by.grant.refuse_change(Scope(tenants=frozenset({tenant.name})))
    async with app.store.transaction() as tx:
        number = await tx.inventories.begin(tenant.directory, "refresh", file_name=None, by=by.name, now=await tx.now())
    try:
        say("Signing in …")
        reading = _Reading(app, tenant, number, await app.read(tenant))
        await _read(reading, route, say)
        inventory, before = await _publish(reading, by, reason)
    except BaseException:
        # Ctrl-C included: an interrupted refresh leaves the inventory before in force.
        await asyncio.shield(forget_inventory(app, number))
        raise
    changes = inventory.changes
    log.info(
        "inventory.refreshed",
        tenant=tenant.name,
        devices=inventory.summary.devices,
        new=changes.new,
        gone=changes.gone,
        is_pending=inventory.is_pending,
    )
    await remove_replaced(app)
    return RefreshedInventory(inventory, before, tuple(reading.notes))


async def accept_inventory(
    app: App,
    tenant_name: str,
    *,
    by: Actor,
    reason: str | None,
    shown: Facts | None = None,
    is_repeat: IsRepeat | None = None,
) -> Inventory:
    """Puts the inventory in force that waits for a person; a repeated request changes nothing.

    RequestRejected where none waits, ConfirmationOutdated where another waits than the one that was `shown`.
    """
    tenant = app.tenant(tenant_name)
    of_tenant = Scope(tenants=frozenset({tenant.name}))
    by.grant.refuse_change(of_tenant)
    async with app.store.transaction() as tx:
        if (
            is_repeat is not None
            and await is_repeat(tx)
            and (current := await tx.inventories.current(tenant.directory))
        ):
            return current
        pending = await tx.inventories.pending(tenant.directory)
        if pending is None:
            raise RequestRejected(
                f"No inventory of tenant {tenant_name!r} waits to be accepted. `muster inventory refresh` reads one."
            )
        before, changes = await tx.inventories.compare(pending.number, tenant.directory)
        refuse_outdated(shown, inventory_facts(pending.read_at, pending.summary.devices, before))
        by.grant.refuse_change(of_tenant | Scope(devices=max(before, pending.summary.devices)))
        now = await tx.now()
        await tx.inventories.publish(pending.number, tenant.directory, changes, is_pending=False, now=now)
        accepted = await tx.inventories.current(tenant.directory)
        assert accepted is not None  # noqa: S101 - published two lines above, in this transaction
        facts = {"devices": accepted.summary.devices, "new": changes.new, "gone": changes.gone}
        await tx.audit.write(by, "inventory.accepted", tenant.name, reason=reason, facts=facts, now=now)
    await remove_replaced(app)
    return accepted


async def _read(reading: _Reading, route: Route, say: Callable[[str], None]) -> None:
    has_report = False
    if route is not Route.LIST:
        has_report = await _add_first_report(reading, say, is_needed=route is Route.EXPORT)
    if not has_report:
        await _add_list(reading, say)
    say(f"Reading the devices that ConfigMgr alone manages ({_TENANT_ATTACHED}) …")
    try:
        await _add_report(reading, _TENANT_ATTACHED, _TENANT_ATTACHED_COLUMNS)
    except (ReadRefused, ReadFailed, IntakeFailed) as problem:
        kept = await _copy_tenant_attached(reading)
        reading.notes.append(
            "Devices that ConfigMgr alone manages could not be read, since their report was not to be had: "
            f"{_sentence(problem)} {plural(kept, 'such device')} of the inventory before "
            f"{'was' if kept == 1 else 'were'} kept."
        )


async def _add_first_report(reading: _Reading, say: Callable[[str], None], *, is_needed: bool) -> bool:
    """Read the devices from the first report that is to be had; whether there was one with devices in it.

    Where the app may not export, or a job hangs, the next report would fare the same: the list takes its place.
    """
    problems: list[ReadRefused | ReadFailed | IntakeFailed] = []
    for report in _REPORTS:
        say(f"Waiting for the report {report} …")
        try:
            if await _add_report(reading, report, _COLUMNS):
                return True
            problems.append(ReadFailed(f"The report {report} has no device."))
        except (ReadRefused, ReadFailed, IntakeFailed) as failed:
            problems.append(failed)
            if isinstance(failed, ReadRefused) and failed.status == _FORBIDDEN:
                if is_needed:
                    _refuse_permission(reading.tenant, failed)
                break
            if isinstance(failed, ExportHangs):
                break
        log.info("inventory.no_report", report=report, reason=str(problems[-1]))
    if is_needed:
        raise problems[-1]
    said = " ".join(map(_sentence, problems))
    reading.notes.append(f"The devices were listed one page at a time, since no report was to be had: {said}")
    return False


async def _add_report(reading: _Reading, report: str, columns: Sequence[str]) -> int:
    """Store the devices of a report; return how many rows it had. What was stored stays where it breaks off."""
    with tempfile.TemporaryFile() as packed:
        await reading.reads.reports.fetch(report, columns, packed, most=_MOST_PACKED)
        packed.seek(0)
        with opened_report(packed) as stream:
            if stream is None:
                return 0
            file = await asyncio.to_thread(
                open_inventory_file, stream, file_name=None, max_bytes=MOST_UNPACKED, may_be_empty=True
            )
            await add_file(reading.app, reading.number, file, reading.known)
    if file.skipped:
        reading.notes.append(f"{plural(file.skipped, 'row')} of the report {report} without a device id left out.")
    return file.rows


async def _add_list(reading: _Reading, say: Callable[[str], None]) -> None:
    """List the devices twice: a device that is renamed meanwhile can be missing in one listing.

    Graph pages by name, its `@odata.count` is the size of the page, and its filters return wrong devices.
    """
    say("Listing the managed devices …")
    path = f"{_BETA_LIST},{SELECTED_IN_BETA}"
    try:
        try:
            first = await _list_once(reading, path)
        except ReadRefused as refused:
            if refused.status not in _NO_SUCH_LIST:
                raise
            path = _LIST
            first = await _list_once(reading, path)
        say(f"{plural(len(first), 'device')} listed; listing them again to find what was renamed meanwhile …")
        second = await _list_once(reading, path)
    except ReadRefused as refused:
        _refuse_permission(reading.tenant, refused)
    differing = len(first ^ second)
    if differing:
        reading.notes.append(
            f"Two listings differed by {plural(differing, 'device')}, as happens when devices are renamed or enrolled "
            "meanwhile; the inventory has the devices of both."
        )


async def _list_once(reading: _Reading, path: str) -> set[str]:
    """Store the devices of one listing that are not known yet; return the ids of all."""
    listed: set[str] = set()
    async for page in reading.reads.reader.pages(path):
        devices = {device.id: device for device in devices_in(page["value"])}
        listed.update(devices)
        await _add_unknown(reading, devices.values())
    return listed


async def _add_unknown(reading: _Reading, devices: Iterable[InventoryDevice]) -> int:
    new = [device for device in devices if device.id not in reading.known]
    if new:
        await add_page(reading.app, reading.number, new, reading.known)
    return len(new)


async def _copy_tenant_attached(reading: _Reading) -> int:
    """Take over the devices of the inventory in force that ConfigMgr alone manages: no listing shows them."""
    app, kept, last = reading.app, 0, ""
    async with app.store.reading() as tx:
        current = await tx.inventories.current(reading.tenant.directory)
    while current is not None:
        async with app.store.reading() as tx:
            page = await tx.inventory_devices.page_after(current.number, last, limit=_PAGE)
        if not page:
            break
        last = page[-1].id
        kept += await _add_unknown(reading, [each for each in page if each.management_agent == _CONFIGMGR_ALONE])
    return kept


async def _publish(reading: _Reading, by: Actor, reason: str | None) -> tuple[Inventory, Inventory | None]:
    app, tenant, number = reading.app, reading.tenant, reading.number
    async with app.store.transaction() as tx:
        before = await tx.inventories.current(tenant.directory)
        count, changes = await tx.inventories.compare(number, tenant.directory)
        devices = max(len(reading.known), count)
        by.grant.refuse_change(Scope(tenants=frozenset({tenant.name}), devices=devices))
        is_pending = has_collapsed(count, removed=changes.gone)
        now = await tx.now()
        await tx.inventories.publish(number, tenant.directory, changes, is_pending=is_pending, now=now)
        find = tx.inventories.pending if is_pending else tx.inventories.current
        inventory = await find(tenant.directory)
        assert inventory is not None  # noqa: S101 - published two lines above, in this transaction
        facts = {
            "devices": len(reading.known),
            "new": changes.new,
            "gone": changes.gone,
            "waitsToBeAccepted": is_pending,
        }
        await tx.audit.write(by, "inventory.refreshed", tenant.name, reason=reason, facts=facts, now=now)
    return inventory, before


def _sentence(problem: Exception) -> str:
    return f"{str(problem).rstrip('.')}."


def _refuse_permission(tenant: Tenant, refused: ReadRefused) -> NoReturn:
    if refused.status != _FORBIDDEN:
        raise refused
    raise PermissionMissing(
        f"The app may not read the devices of tenant {tenant.name!r}: it needs the permission {PERMISSION} (Microsoft "
        "Graph; an application permission). Add it to the app registration and let a Privileged Role Administrator or "
        "a Global Administrator grant admin consent. `muster inventory import FILE` needs no permission. "
        f"({refused})"
    ) from refused


_REPORTS = ("DevicesWithInventory", "Devices")
_COLUMNS = (
    *("DeviceId", "DeviceName", "SerialNumber", "ReferenceId", "ManagementAgents", "ManagementAgent", "OS"),
    *("LastContact", "UserId", "UPN"),
)
_TENANT_ATTACHED = "ComanagementEligibilityTenantAttachedDevices"
_TENANT_ATTACHED_COLUMNS = ("DeviceId", "DeviceName", "SerialNumber", "ReferenceId", "ManagementAgents")
_CONFIGMGR_ALONE = "configurationManagerClient"
_TOP = f"/deviceManagement/managedDevices?$top=1000&$select={','.join(SELECTED)}"
_LIST, _BETA_LIST = f"/v1.0{_TOP}", f"/beta{_TOP}"
_FORBIDDEN = 403
_NO_SUCH_LIST = frozenset({400, 404, 405, 501})
_MOST_PACKED = 512 * 1024**2
_PAGE = 5_000
