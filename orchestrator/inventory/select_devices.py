"""Devices that are chosen without a file: by name, by conditions on the inventory, from a saved list or a group."""

from __future__ import annotations

import asyncio
import csv
import io
import tempfile
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from typing import BinaryIO

from orchestrator.app import App
from orchestrator.domain.conditions import Condition, fits
from orchestrator.domain.device import Via
from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.figures import plural
from orchestrator.domain.inventory import Identifier, InventoryDevice, Matched, NotEligible, choose, compare_key
from orchestrator.domain.selection import EmptySelection, Selection
from orchestrator.domain.waiting import Say, say_nothing
from orchestrator.intake.selection import SELECTION_COLUMNS
from orchestrator.inventory.contents import find_devices
from orchestrator.inventory.device_history import AmbiguousDevice, UnknownDevice
from orchestrator.inventory.expand_group import devices_of_group
from orchestrator.inventory.match_devices import open_matcher, refuse_old
from orchestrator.inventory.saved_list_tenants import devices_of_tenant


@asynccontextmanager
async def selected(
    app: App,
    tenant_name: str,
    selection: Selection,
    *,
    say: Say = say_nothing,
    say_wait: Say = say_nothing,
    beside: Collection[str] = (),
) -> AsyncIterator[BinaryIO]:
    """The selection as a list that `IntakeOptions(is_selection=True)` reads, in a file of its own that goes afterwards.

    `say` takes sentences about devices that were left out of it; those of other tenants in a saved list are not worth
    one where jobs of tenants `beside` this one are submitted too. `say_wait` takes a sentence for each pause in which
    Graph does not answer. EmptySelection where it is empty; UnknownDevice,
    AmbiguousDevice, NoInventory, InventoryTooOld, UnknownList, UnknownGroup, AmbiguousGroup, PermissionMissing.
    """
    with tempfile.TemporaryFile() as file:
        file.write(_csv([SELECTION_COLUMNS]))
        count = 0
        async for rows in _rows(app, tenant_name, selection, say, say_wait, is_alone=set(beside) <= {tenant_name}):
            await asyncio.to_thread(file.write, _csv(rows))
            count += len(rows)
        if not count:
            raise EmptySelection(f"The selection has no device: {selection.label}. Nothing was submitted.")
        file.seek(0)
        yield file


async def _rows(
    app: App, tenant_name: str, selection: Selection, say: Say, say_wait: Say, *, is_alone: bool
) -> AsyncIterator[list[tuple[str, str, str]]]:
    if selection.devices:
        found = [await _one(app, tenant_name, text, selection, say) for text in selection.devices]
        yield [(match.device.id, match.device.name or "", match.matched_by) for match in found]
    elif selection.list_name is not None:
        async for rows in _rows_of_list(app, tenant_name, selection.list_name, say if is_alone else say_nothing):
            yield rows
    elif selection.group is not None:
        devices = devices_of_group(
            app,
            tenant_name,
            selection.group,
            prefer_newest=selection.prefer_newest,
            is_stale_ok=selection.is_stale_ok,
            say=say,
            say_wait=say_wait,
        )
        async for page in devices:
            yield [(device.id, device.name or "", "group") for device in page]
    else:
        async for rows in _rows_where(app, tenant_name, selection.conditions, is_stale_ok=selection.is_stale_ok):
            yield rows


async def _one(app: App, tenant_name: str, text: str, selection: Selection, say: Say) -> Matched:
    kinds = tuple(Identifier) if selection.match is None else (selection.match,)
    by, found, inventory = await find_devices(app, app.tenant(tenant_name), text, kinds=kinds)
    id_ = compare_key(Identifier.ID, text)
    if not found and id_ is not None and Identifier.ID in kinds:
        # As in a list of ids: no inventory has to know a managed device id.
        say(f"No inventory of tenant {tenant_name} has the device {id_}: it is called by this managed device id.")
        return Matched(InventoryDevice(id_), Identifier.ID)
    if inventory is not None and not selection.is_stale_ok and not (found and by is Identifier.ID):
        refuse_old(inventory, tenant_name, now=app.clock.now(), max_age=app.inventory_max_age)
    match = choose(by, found, prefer_newest=selection.prefer_newest)
    if isinstance(match, Matched):
        return match
    if isinstance(match, NotEligible):
        device = match.candidates[0]
        raise RequestRejected(f"{device.name or device.id} {device.objection}.")
    if not found:
        raise UnknownDevice(text, tenant_name, has_inventory=inventory is not None)
    raise AmbiguousDevice(text, [device for device in found if device.is_eligible])


async def _rows_where(
    app: App, tenant_name: str, conditions: Iterable[Condition], *, is_stale_ok: bool
) -> AsyncIterator[list[tuple[str, str, str]]]:
    """Eligible devices for which all conditions hold, a page of the inventory at a time."""
    matcher = await open_matcher(
        app, tenant_name, max_age=app.inventory_max_age, prefer_newest=False, is_stale_ok=is_stale_ok
    )
    now = app.clock.now()
    last = ""
    while True:
        async with app.store.reading() as tx:
            page = await tx.inventory_devices.page_after(matcher.number, last, limit=_PAGE)
        if not page:
            return
        last = page[-1].id
        yield [
            (device.id, device.name or "", "where")
            for device in page
            if device.is_eligible and fits(device, conditions, now)
        ]


async def _rows_of_list(app: App, tenant_name: str, name: str, say: Say) -> AsyncIterator[list[tuple[str, str, str]]]:
    async with app.store.reading() as tx:
        version = await tx.lists.newest(name)
    if version.via is not Via.MANAGED_DEVICES:
        raise RequestRejected(f"List {name} addresses devices by {version.via}; a schedule can submit it.")
    left_out = 0
    async for devices, others in devices_of_tenant(app, version, tenant_name):
        left_out += others
        yield [(device, "", "id") for device in devices.values()]
    if left_out:
        say(f"Left out of list {name}: {plural(left_out, 'device')} of other tenants, by its column `tenant`.")


def _csv(rows: Iterable[tuple[str, ...]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


_PAGE = 5_000
