"""Rows that name devices by something else than a managed device id are matched against the inventory."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain

from orchestrator.app import App
from orchestrator.domain.inventory import (
    Ambiguous,
    Found,
    Identifier,
    InventoryDevice,
    InventoryTooOld,
    Match,
    Matched,
    MatchKey,
    NoInventory,
    NotEligible,
    Unknown,
    choose,
)
from orchestrator.domain.spans import span
from orchestrator.store.engine.database import Transaction
from orchestrator.store.jobs.inventory import Inventory


class Matcher:
    """Matches rows against one inventory; one statement for each kind of identifier in a page of rows."""

    def __init__(self, app: App, inventory: Inventory, *, prefer_newest: bool) -> None:
        self._app, self._inventory, self._prefer_newest = app, inventory, prefer_newest
        self.number = inventory.number

    async def match(self, keys: Iterable[MatchKey | None]) -> dict[Identifier, Found]:
        """The matches of these keys by their kinds; one statement a kind, one more for keys that need a choice."""
        # In a thread: ten thousand rows would keep the calls of a job in this process waiting.
        wanted = await asyncio.to_thread(_by_kind, keys)
        async with self._app.store.reading() as tx:
            return {by: await self._found(tx, by, some) for by, some in wanted.items()}

    async def _found(self, tx: Transaction, by: Identifier, keys: list[str]) -> Found:
        single, others = await tx.inventory_devices.matching_in_brief(self._inventory.number, by, keys)
        devices = await tx.inventory_devices.matching(self._inventory.number, by, others)
        return Found(single, {key: self._choose(by, candidates) for key, candidates in devices.items()})

    async def contradictions(
        self, keys: Sequence[MatchKey | None], found: Mapping[Identifier, Found], others: Sequence[Sequence[MatchKey]]
    ) -> dict[int, Ambiguous]:
        """By their places the matched rows with another key (`others`) that only other devices have."""
        beside = await self.match(chain.from_iterable(others))
        doubtful = await asyncio.to_thread(_doubtful, keys, found, others, beside)
        wanted = _by_kind(key for _, *both in doubtful for key in both)
        async with self._app.store.reading() as tx:
            devices = {by: await tx.inventory_devices.matching(self.number, by, some) for by, some in wanted.items()}
        contradicting: dict[int, Ambiguous] = {}
        for place, (by, key), (other, text) in doubtful:
            chosen = found[by].device_of(key)
            theirs = [device for device in devices[other].get(text, ()) if device.is_eligible]
            if theirs and all(device.id != chosen for device in theirs):
                mine = [device for device in devices[by].get(key, ()) if device.id == chosen]
                contradicting.setdefault(place, Ambiguous(by, (*mine, *theirs), other))
        return contradicting

    def _choose(self, by: Identifier, candidates: list[InventoryDevice]) -> Match:
        # An id names its device under any management agent, as in a list of ids that needs no inventory.
        if by is Identifier.ID and candidates:
            return Matched(candidates[0], by)
        return choose(by, candidates, prefer_newest=self._prefer_newest)

    async def knows_all(self, by: Identifier, keys: Collection[str]) -> bool:
        """Whether the inventory has a device of each of these keys."""
        async with self._app.store.reading() as tx:
            return len(await tx.inventory_devices.matching(self._inventory.number, by, sorted(keys))) == len(keys)

    def reason(self, match: Unknown | Ambiguous | NotEligible, *, now: datetime) -> str:
        """Why a row has no device, as a clause of a report or an error."""
        match match:
            case Unknown(by, True):
                return f"unknown: its {by.label} is a placeholder that many devices share"
            case Unknown(by):
                age = span((now - self._inventory.read_at).total_seconds())
                return f"unknown: no device of this {by.label} in the inventory, which is {age} old"
            case NotEligible(_, candidates):
                return f"not eligible: {candidates[0].name or candidates[0].id} {candidates[0].objection}"
            case Ambiguous(by, candidates, other):
                some = "; ".join(map(_described, candidates[:_MOST_SHOWN]))
                more = f"; and {len(candidates) - _MOST_SHOWN:,} more" if len(candidates) > _MOST_SHOWN else ""
                if other is not None:
                    return f"ambiguous: its {by.label} and its {other.label} are of different devices: {some}{more}"
                return f"ambiguous: {len(candidates):,} devices have this {by.label}: {some}{more}"


async def open_matcher(
    app: App, tenant_name: str, *, max_age: timedelta, prefer_newest: bool, is_stale_ok: bool
) -> Matcher:
    """A matcher for the tenant's inventory; NoInventory, or InventoryTooOld."""
    directory = app.tenant(tenant_name).directory
    async with app.store.reading() as tx:
        inventory = await tx.inventories.current(directory)
        now = await tx.now()
    if inventory is None:
        raise NoInventory(tenant_name)
    if not is_stale_ok:
        refuse_old(inventory, tenant_name, now=now, max_age=max_age)
    return Matcher(app, inventory, prefer_newest=prefer_newest)


def refuse_old(inventory: Inventory, tenant_name: str, *, now: datetime, max_age: timedelta) -> None:
    """InventoryTooOld where the inventory is older than devices are matched by."""
    age = now - inventory.read_at
    if age > max_age:
        raise InventoryTooOld(tenant_name, age, max_age)


def _by_kind(keys: Iterable[MatchKey | None]) -> dict[Identifier, list[str]]:
    """Returns the keys of each kind once, sorted so that an index is read page by page."""
    wanted: defaultdict[Identifier, set[str]] = defaultdict(set)
    for each in keys:
        if each is not None:
            by, key = each
            wanted[by].add(key)
    return {by: sorted(some) for by, some in wanted.items()}


def _doubtful(
    keys: Sequence[MatchKey | None],
    found: Mapping[Identifier, Found],
    others: Sequence[Sequence[MatchKey]],
    beside: Mapping[Identifier, Found],
) -> list[tuple[int, MatchKey, MatchKey]]:
    """Place, key and other key of each matched row whose other key may be of another device."""
    doubtful: list[tuple[int, MatchKey, MatchKey]] = []
    for place, (key, some) in enumerate(zip(keys, others, strict=True)):
        if key is None or not some or (chosen := found[key[0]].device_of(key[1])) is None:
            continue
        for other, text in some:
            single = beside[other].single.get(text)
            if single[0] != chosen if single is not None else text in beside[other].others:
                doubtful.append((place, key, (other, text)))
    return doubtful


def _described(device: InventoryDevice) -> str:
    contact = device.last_contact_at
    facts = (
        device.id,
        device.serial_number,
        device.management_agent,
        None if contact is None else f"last contact {contact:%Y-%m-%d}",
    )
    return " ".join(fact for fact in facts if fact)


_MOST_SHOWN = 5
