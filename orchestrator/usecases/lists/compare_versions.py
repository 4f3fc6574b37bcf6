"""The devices of a saved list: their first rows, all of them, and how two versions differ."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from itertools import islice

from orchestrator.app import App
from orchestrator.domain.device import Device
from orchestrator.domain.errors import RequestRejected, WrongStatus
from orchestrator.intake.pages import unpack, unpack_devices
from orchestrator.intake.report_csv import list_header, list_rows
from orchestrator.inventory.saved_list_pages import list_pages
from orchestrator.store.jobs.saved_lists import KEPT_VERSIONS, ListVersion

SHOWN = 200
"""Devices that a comparison names of each kind."""


@dataclass(frozen=True, slots=True)
class ListDevice:
    """One device of a list: its ids joined, and its name where an inventory knows one."""

    device: str
    name: str | None


@dataclass(frozen=True, slots=True)
class VersionComparison:
    """How a version differs from an earlier one: counts, and the first devices that were added and removed."""

    earlier: ListVersion
    later: ListVersion
    added: int
    removed: int
    same: int
    some_added: tuple[ListDevice, ...]
    some_removed: tuple[ListDevice, ...]


async def version_of(app: App, name: str, version: int | None) -> ListVersion:
    """Returns this version of a list, or its newest one, with its devices.

    UnknownList, or WrongStatus where its devices are kept no more.
    """
    async with app.store.reading() as tx:
        newest = await tx.lists.newest(name)
        found = newest if version is None else await tx.lists.version(name, version)
    if found.version <= newest.version - KEPT_VERSIONS:
        raise WrongStatus(f"Of version {found.version} only the counts are kept, since it is too old.")
    return found


async def first_devices(app: App, version: ListVersion, *, limit: int = 50) -> list[ListDevice]:
    """The first devices of a version in its order; none where its devices are kept no more."""
    async for page in list_pages(app, version):
        devices = await asyncio.to_thread(unpack_devices, page.devices)
        return await _named(app, list(islice(devices.values(), limit)))
    return []


async def compare_versions(app: App, name: str, earlier: int, later: int) -> VersionComparison:
    """How version `later` differs from `earlier`; UnknownList, WrongStatus where devices are kept no more."""
    before, after = await version_of(app, name, earlier), await version_of(app, name, later)
    if before.version == after.version:
        raise RequestRejected("Choose two different versions.")
    then, now = await _keys(app, before), await _keys(app, after)
    added, removed = now - then, then - now
    return VersionComparison(
        before,
        after,
        len(added),
        len(removed),
        len(now & then),
        tuple(await _named(app, sorted(added)[:SHOWN])),
        tuple(await _named(app, sorted(removed)[:SHOWN])),
    )


async def list_text(app: App, version: ListVersion) -> AsyncIterator[str]:
    """The good rows of a version as CSV as they were imported, in pieces, each after the ids of its device."""
    yield list_header(version.via, version.columns)
    async for page in list_pages(app, version):
        rows, devices = await asyncio.to_thread(unpack, page.payload), unpack_devices(page.devices)
        good = ((Device.from_key(devices[row.line]), row.cells) for row in rows if row.line in devices)
        yield await asyncio.to_thread(list_rows, good)


async def _keys(app: App, version: ListVersion) -> set[str]:
    keys: set[str] = set()
    async for page in list_pages(app, version):
        keys.update((await asyncio.to_thread(unpack_devices, page.devices)).values())
    return keys


async def _named(app: App, keys: Collection[str]) -> list[ListDevice]:
    """The devices with their names; a list belongs to no tenant, so the inventory of each is asked."""
    names: dict[str, str | None] = {}
    async with app.store.reading() as tx:
        for directory in {app.tenant(name).directory for name in app.tenants}:
            number = await tx.inventories.current_number(directory)
            found = [] if number is None or not keys else await tx.inventory_devices.by_ids(number, sorted(keys))
            names |= {device.id: device.name for device in found}
    return [ListDevice(key, names.get(key)) for key in keys]
