"""One search over devices, jobs, schedules and lists, as the field at the top of every page asks it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from orchestrator.app import App
from orchestrator.domain.inventory import Identifier, InventoryDevice, compare_key
from orchestrator.domain.job_filter import JobFilter
from orchestrator.domain.schedule import Schedule
from orchestrator.domain.search_rank import Rank, rank_of
from orchestrator.domain.selection import is_own_list
from orchestrator.domain.tenant import Tenant
from orchestrator.inventory.contents import find_devices
from orchestrator.inventory.device_history import UnknownDevice, describe_devices
from orchestrator.store.jobs.inventory import Inventory
from orchestrator.store.jobs.saved_lists import ListVersion
from orchestrator.usecases.jobs.describe_jobs import JobView, list_jobs

MOST_OF_A_KIND = 20
SCANNED_UP_TO = 20_000
"""Devices of an inventory of which names, serial numbers and users are looked through while a person types; a larger
one takes longer than that, and only beginnings of names and serial numbers are found in it, by index."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Hit(Generic[T]):
    """One thing that was found, and how well its names fit."""

    rank: Rank
    thing: T


@dataclass(frozen=True, slots=True)
class Found:
    """What fits, the best of each kind first and at most MOST_OF_A_KIND of it; a device comes with its tenant."""

    devices: Sequence[Hit[tuple[str, InventoryDevice]]]
    jobs: Sequence[Hit[JobView]]
    schedules: Sequence[Hit[Schedule]]
    lists: Sequence[Hit[ListVersion]]


async def search_everything(app: App, text: str, *, thoroughly: bool) -> Found:
    """What fits the text; `thoroughly` also looks for parts of names and users in a large inventory."""
    devices = [hit for name in sorted(app.tenants) for hit in await _devices(app, name, text, thoroughly=thoroughly)]
    jobs = await list_jobs(app, wanted=JobFilter(text=text), limit=MOST_OF_A_KIND)
    async with app.store.reading() as tx:
        schedules, lists = await tx.schedules.all(), await tx.lists.all()
    return Found(
        _best(devices),
        _ranked(text, jobs, lambda view: (view.job.id, view.job.name, view.job.intake.file_name)),
        _named(_ranked(text, schedules, lambda each: (each.name,))),
        _named(_ranked(text, [each for each in lists if not is_own_list(each.name)], lambda each: (each.name,))),
    )


async def _devices(app: App, name: str, text: str, *, thoroughly: bool) -> list[Hit[tuple[str, InventoryDevice]]]:
    tenant = app.tenants[name]
    _, exact, current = await find_devices(app, tenant, text)
    if not exact and compare_key(Identifier.ID, text) is not None:
        exact = await _called_before(app, tenant, text)
    found = {device.id: Hit(Rank.EXACT, (name, device)) for device in exact}
    for device in await _near(app, current, text, thoroughly=thoroughly and not exact):
        found.setdefault(device.id, Hit(rank_of(text, _names_of_device(device)), (name, device)))
    return [*found.values()]


async def _near(app: App, current: Inventory | None, text: str, *, thoroughly: bool) -> list[InventoryDevice]:
    """Devices of which a name begins with the text, and those that contain it where looking costs little."""
    if current is None:
        return []
    async with app.store.reading() as tx:
        found = await tx.inventory_devices.beginning_with(current.number, text, limit=MOST_OF_A_KIND)
        if len(found) < MOST_OF_A_KIND and (thoroughly or current.summary.devices <= SCANNED_UP_TO):
            found += await tx.inventory_devices.search(current.number, text, limit=MOST_OF_A_KIND)
    return found


async def _called_before(app: App, tenant: Tenant, text: str) -> list[InventoryDevice]:
    """The device that earlier jobs called by this id, that no inventory has."""
    try:
        return [each.device for each in await describe_devices(app, tenant.name, text, allow_several=False)]
    except UnknownDevice:
        return []


def _names_of_device(device: InventoryDevice) -> tuple[str | None, ...]:
    return device.name, device.serial_number, device.user_principal_name, device.id


def _ranked(text: str, things: Iterable[T], names: Callable[[T], Iterable[str | None]]) -> list[Hit[T]]:
    return _best([Hit(rank_of(text, names(thing)), thing) for thing in things])


def _named(hits: Iterable[Hit[T]]) -> list[Hit[T]]:
    return [hit for hit in hits if hit.rank < Rank.BY_OTHER_FACTS]


def _best(hits: Sequence[Hit[T]]) -> list[Hit[T]]:
    # A stable sort: of two that fit as well, the one that came first.
    return sorted(hits, key=lambda hit: hit.rank)[:MOST_OF_A_KIND]
