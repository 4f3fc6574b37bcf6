"""Rows that name devices by something else than a managed device id are matched against the inventory."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from orchestrator.app import App
from orchestrator.domain.inventory import (
    Ambiguous,
    Identifier,
    InventoryDevice,
    InventoryTooOld,
    Match,
    Matched,
    Named,
    NoInventory,
    NotEligible,
    Unknown,
    choose,
    compare_key,
    is_placeholder,
)
from orchestrator.domain.spans import span
from orchestrator.store.engine.database import Transaction
from orchestrator.store.jobs.inventory import Inventory


class Matcher:
    """Matches rows against one inventory; one statement for each kind of identifier in a page of rows."""

    def __init__(self, app: App, inventory: Inventory, *, prefer_newest: bool) -> None:
        self._app, self._inventory, self._prefer_newest = app, inventory, prefer_newest
        self.number = inventory.number

    async def match(self, rows: Sequence[Sequence[Named]]) -> list[Match]:
        """The device of each row, or the reason why there is none; a row lists its cells, the most exact kind first.

        The first cell that can identify a device decides: a row is never matched by its name because its Entra id is
        unknown, since the name may have gone to another device.
        """
        # In threads: ten thousand rows would keep the calls of a job in this process waiting for a tenth of a second.
        chosen, wanted = await asyncio.to_thread(_deciding_keys, rows)
        found: dict[Identifier, dict[str, Match]] = {}
        async with self._app.store.reading() as tx:
            for by, keys in wanted.items():
                found[by] = await self._found(tx, by, keys)
        return await asyncio.to_thread(_matches, rows, chosen, found)

    async def _found(self, tx: Transaction, by: Identifier, keys: list[str]) -> dict[str, Match]:
        """The match of each key that the inventory has."""
        single, others = await tx.inventory_devices.matching_in_brief(self._inventory.number, by, keys)
        found: dict[str, Match] = {**single}
        for key, devices in (await tx.inventory_devices.matching(self._inventory.number, by, others)).items():
            found[key] = self._choose(by, devices)
        return found

    def _choose(self, by: Identifier, candidates: list[InventoryDevice]) -> Match:
        # An id names its device under any management agent, as in a list of ids that needs no inventory.
        if by is Identifier.ID and candidates:
            return Matched(candidates[0], by)
        return choose(by, candidates, prefer_newest=self._prefer_newest)

    async def knows_all(self, by: Identifier, texts: Sequence[str]) -> bool:
        """Whether the inventory has a device of each of these ids."""
        keys = {compare_key(by, text) for text in texts}
        if not keys or None in keys:
            return False
        async with self._app.store.reading() as tx:
            found = await tx.inventory_devices.matching(
                self._inventory.number, by, sorted(key for key in keys if key is not None)
            )
        return len(found) == len(keys)

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
            case Ambiguous(by, candidates):
                some = "; ".join(map(_described, candidates[:_MOST_SHOWN]))
                more = f"; and {len(candidates) - _MOST_SHOWN:,} more" if len(candidates) > _MOST_SHOWN else ""
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


def _deciding_keys(
    rows: Iterable[Sequence[Named]],
) -> tuple[list[tuple[Identifier, str | None]], dict[Identifier, list[str]]]:
    """Returns the deciding key of each row, and all keys of each kind, sorted so that an index is read page by page."""
    chosen: list[tuple[Identifier, str | None]] = []
    keys: defaultdict[Identifier, set[str]] = defaultdict(set)
    for row in rows:
        for by, text in row:
            if (key := compare_key(by, text)) is not None:
                chosen.append((by, key))
                keys[by].add(key)
                break
        else:
            chosen.append((row[0].by if row else Identifier.NAME, None))
    return chosen, {by: sorted(wanted) for by, wanted in keys.items()}


def _matches(
    rows: Sequence[Sequence[Named]],
    chosen: Sequence[tuple[Identifier, str | None]],
    found: Mapping[Identifier, Mapping[str, Match]],
) -> list[Match]:
    return [
        Unknown(by, is_placeholder=_holds_placeholder(row)) if key is None else found[by].get(key) or Unknown(by)
        for row, (by, key) in zip(rows, chosen, strict=True)
    ]


def _holds_placeholder(row: Iterable[Named]) -> bool:
    return any(by is Identifier.SERIAL and text.strip() and is_placeholder(text) for by, text in row)


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
