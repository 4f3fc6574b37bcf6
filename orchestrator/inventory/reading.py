"""The devices of a tenant as Graph has them now: from export reports, or listed page by page."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import BinaryIO, NoReturn

from orchestrator.app import App, Reads
from orchestrator.domain.errors import ExportHangs, IntakeFailed, PermissionMissing, ReadFailed, ReadRefused
from orchestrator.domain.figures import plural
from orchestrator.domain.ids import InventoryNumber
from orchestrator.domain.inventory import InventoryDevice
from orchestrator.domain.tenant import Tenant
from orchestrator.domain.waiting import Say
from orchestrator.intake.inventory_file import open_inventory_file
from orchestrator.intake.managed_device import SELECTED, SELECTED_IN_BETA, devices_in
from orchestrator.intake.report_archive import MOST_UNPACKED, opened_report
from orchestrator.inventory.contents import add_file, add_page
from orchestrator.telemetry.logger import get_logger

log = get_logger(__name__)

PERMISSION = "DeviceManagementManagedDevices.Read.All"
"""The permission to list devices and to export their reports. https://learn.microsoft.com/graph/permissions-reference"""


class Route(StrEnum):
    """How the devices are read: `auto` exports reports, and lists the devices where there is no report to be had."""

    AUTO = "auto"
    EXPORT = "export"
    LIST = "list"


@dataclass(slots=True)
class Reading:
    """One inventory while it is read: the ids that it has so far, and sentences about how they were read."""

    app: App
    tenant: Tenant
    number: InventoryNumber
    reads: Reads
    say: Say
    known: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)


async def read_devices(reading: Reading, route: Route) -> None:
    """Store the devices that Graph has. PermissionMissing, ReadRefused, ReadFailed, IntakeFailed, GraphUnreachable."""
    has_report = False
    if route is not Route.LIST:
        has_report = await _add_first_report(reading, is_needed=route is Route.EXPORT)
    # The second report takes seconds to be made, in which the devices are listed.
    async with _fetching(reading, _TENANT_ATTACHED, _TENANT_ATTACHED_COLUMNS) as fetched:
        if not has_report:
            await _add_list(reading)
        reading.say(f"Reading the devices that ConfigMgr alone manages ({_TENANT_ATTACHED}) …")
        try:
            await _add_report(reading, _TENANT_ATTACHED, await fetched)
        except (ReadRefused, ReadFailed, IntakeFailed) as problem:
            kept = await _copy_tenant_attached(reading)
            reading.notes.append(
                "Devices that ConfigMgr alone manages could not be read, since their report was not to be had: "
                f"{_sentence(problem)} {plural(kept, 'such device')} of the inventory before "
                f"{'was' if kept == 1 else 'were'} kept."
            )


async def _add_first_report(reading: Reading, *, is_needed: bool) -> bool:
    """Read the devices from the first report that is to be had; whether there was one with devices in it.

    Where the app may not export, or a job hangs, the next report would fare the same: the list takes its place.
    """
    problems: list[ReadRefused | ReadFailed | IntakeFailed] = []
    for report in _REPORTS:
        reading.say(f"Waiting for the report {report} …")
        try:
            async with _fetching(reading, report, _COLUMNS) as fetched:
                if await _add_report(reading, report, await fetched):
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


@asynccontextmanager
async def _fetching(reading: Reading, report: str, columns: Sequence[str]) -> AsyncIterator[asyncio.Task[BinaryIO]]:
    """A task that fetches a report's zip file while the block goes on; it ends with the block."""
    with tempfile.TemporaryFile() as packed:

        async def fetch() -> BinaryIO:
            await reading.reads.reports.fetch(report, columns, packed, most=_MOST_PACKED)
            packed.seek(0)
            return packed

        task = asyncio.create_task(fetch(), name=f"report {report}")
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _add_report(reading: Reading, report: str, packed: BinaryIO) -> int:
    """Store the devices of a report; return how many rows it had. What was stored stays where it breaks off."""
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


async def _add_list(reading: Reading) -> None:
    """List the devices twice: a device that is renamed meanwhile can be missing in one listing.

    Graph pages by name, its `@odata.count` is the size of the page, and its filters return wrong devices.
    """
    reading.say("Listing the managed devices …")
    path = f"{_BETA_LIST},{SELECTED_IN_BETA}"
    try:
        try:
            first = await _list_once(reading, path)
        except ReadRefused as refused:
            if refused.status not in _NO_SUCH_LIST:
                raise
            path = _LIST
            first = await _list_once(reading, path)
        reading.say(f"{plural(len(first), 'device')} listed; listing them again to find what was renamed meanwhile …")
        second = await _list_once(reading, path)
    except ReadRefused as refused:
        _refuse_permission(reading.tenant, refused)
    differing = len(first ^ second)
    if differing:
        reading.notes.append(
            f"Two listings differed by {plural(differing, 'device')}, as happens when devices are renamed or enrolled "
            "meanwhile; the inventory has the devices of both."
        )


async def _list_once(reading: Reading, path: str) -> set[str]:
    """Store the devices of one listing that are not known yet; return the ids of all."""
    listed: set[str] = set()
    unknown: list[InventoryDevice] = []
    storing: asyncio.Task[None] | None = None
    try:
        async for page in reading.reads.reader.pages(path, say=reading.say):
            # A page is parsed and stored while the next one is on its way.
            if storing is not None:
                await storing
            storing = asyncio.create_task(_take(reading, page["value"], listed, unknown), name="page of devices")
    finally:
        if storing is not None:
            await storing
    await _store(reading, unknown)
    return listed


async def _take(reading: Reading, values: Sequence[object], listed: set[str], unknown: list[InventoryDevice]) -> None:
    ids, new = await asyncio.to_thread(devices_in, values, besides=reading.known)
    listed |= ids
    unknown += new
    if len(unknown) >= _STORED_AT_ONCE:
        await _store(reading, unknown)


async def _store(reading: Reading, devices: list[InventoryDevice]) -> None:
    if devices:
        await add_page(reading.app, reading.number, devices, reading.known)
        devices.clear()


async def _copy_tenant_attached(reading: Reading) -> int:
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
        alone = [each for each in page if each.management_agent == _CONFIGMGR_ALONE and each.id not in reading.known]
        if alone:
            await add_page(app, reading.number, alone, reading.known)
        kept += len(alone)
    return kept


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
_STORED_AT_ONCE = 5_000
"""Ids are random, so each commit writes pages all over the indexes; longer ones would keep a job's writes waiting."""
