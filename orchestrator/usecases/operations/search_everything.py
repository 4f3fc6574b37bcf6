"""One search over devices, jobs, schedules and lists, as the field at the top of every page asks it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from orchestrator.app import App
from orchestrator.domain.ids import InventoryNumber
from orchestrator.domain.inventory import Identifier, InventoryDevice, compare_key
from orchestrator.domain.job_filter import JobFilter
from orchestrator.domain.schedule import Schedule
from orchestrator.domain.search_rank import Rank, rank_of
from orchestrator.domain.selection import is_own_list
from orchestrator.inventory.device_history import MOST_ATTEMPTS
from orchestrator.store.engine.database import Transaction
from orchestrator.store.jobs.saved_lists import ListVersion
from orchestrator.usecases.jobs.describe_jobs import JobView, list_jobs

MOST_OF_A_KIND = 20
SCANNED_UP_TO = 20_000
"""Devices of all inventories together of which names, serial numbers and users are looked through while a person types;
more of them take longer than that, and only beginnings of names and serial numbers are found, by index."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Hit(Generic[T]):
    """One thing that was found, and how well its names fit."""

    rank: Rank
    thing: T


@dataclass(frozen=True, slots=True)
class Found:
    """The results, of each kind the best MOST_OF_A_KIND, the best first; a device comes with its tenant."""

    devices: Sequence[Hit[tuple[str, InventoryDevice]]]
    jobs: Sequence[Hit[JobView]]
    schedules: Sequence[Hit[Schedule]]
    lists: Sequence[Hit[ListVersion]]


async def search_everything(app: App, text: str, *, thoroughly: bool) -> Found:
    """Searches for the text; `thoroughly` also looks for parts of names and users in a large inventory."""
    devices = await _devices(app, text, thoroughly=thoroughly)
    jobs = await list_jobs(app, wanted=JobFilter(text=text), limit=MOST_OF_A_KIND)
    async with app.store.reading() as tx:
        schedules, lists = await tx.schedules.all(), await tx.lists.all()
    return Found(
        _best(devices),
        _ranked(text, jobs, lambda view: (view.job.id, view.job.name, view.job.intake.file_name)),
        _named(_ranked(text, schedules, lambda each: (each.name,))),
        _named(_ranked(text, [each for each in lists if not is_own_list(each.name)], lambda each: (each.name,))),
    )


async def _devices(app: App, text: str, *, thoroughly: bool) -> list[Hit[tuple[str, InventoryDevice]]]:
    """Asks for the devices of all tenants at once: a service provider has a thousand."""
    tenants: dict[str, list[str]] = defaultdict(list)
    for name, tenant in sorted(app.tenants.items()):
        tenants[tenant.directory].append(name)
    async with app.store.reading() as tx:
        current = {each.number: each for each in await tx.inventories.all_current() if each.tenant in tenants}
        found = await _exact(tx, current, text)
        near = await tx.inventory_devices.beginning_with(current, text, limit=MOST_OF_A_KIND)
        is_small = sum(each.summary.devices for each in current.values()) <= SCANNED_UP_TO
        if len(near) < MOST_OF_A_KIND and ((thoroughly and not found) or is_small):
            near += await tx.inventory_devices.search(current, text, limit=MOST_OF_A_KIND)
        called = await _called_before(tx, text)
    hits = {
        (name, device.id): Hit(Rank.EXACT, (name, device))
        for number, device in found
        for name in tenants[current[number].tenant]
    }
    for number, device in near:
        for name in tenants[current[number].tenant]:
            hits.setdefault((name, device.id), Hit(rank_of(text, _names_of_device(device)), (name, device)))
    for name, device in called:
        if name in app.tenants:
            hits.setdefault((name, device.id), Hit(Rank.EXACT, (name, device)))
    return sorted(hits.values(), key=lambda hit: hit.thing[0])


async def _exact(
    tx: Transaction, numbers: Collection[InventoryNumber], text: str
) -> list[tuple[InventoryNumber, InventoryDevice]]:
    """The devices that the text identifies, in each inventory by the first kind of identifier that matches there."""
    found: list[tuple[InventoryNumber, InventoryDevice]] = []
    for by in Identifier:
        key = compare_key(by, text)
        if key is not None:
            matched = {number for number, _ in found}
            found += await tx.inventory_devices.having([each for each in numbers if each not in matched], by, key)
    return found


async def _called_before(tx: Transaction, text: str) -> list[tuple[str, InventoryDevice]]:
    """The device that earlier jobs called by this id, with each of their tenants; it may be in no inventory."""
    key = compare_key(Identifier.ID, text)
    calls = [] if key is None else await tx.target_lookup.of_device(key, limit=MOST_ATTEMPTS)
    return [(name, InventoryDevice(key or "")) for name in sorted({call.tenant for call in calls})]


def _names_of_device(device: InventoryDevice) -> tuple[str | None, ...]:
    return device.name, device.serial_number, device.user_principal_name, device.id


def _ranked(text: str, things: Iterable[T], names: Callable[[T], Iterable[str | None]]) -> list[Hit[T]]:
    return _best([Hit(rank_of(text, names(thing)), thing) for thing in things])


def _named(hits: Iterable[Hit[T]]) -> list[Hit[T]]:
    return [hit for hit in hits if hit.rank < Rank.BY_OTHER_FACTS]


def _best(hits: Sequence[Hit[T]]) -> list[Hit[T]]:
    # A stable sort: of two that fit as well, the one that came first.
    return sorted(hits, key=lambda hit: hit.rank)[:MOST_OF_A_KIND]
