"""A device list from a person, opened and read with every row's device known."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from orchestrator.app import App
from orchestrator.domain.action import Action
from orchestrator.domain.device import Via
from orchestrator.domain.errors import IntakeFailed
from orchestrator.domain.ids import InventoryNumber
from orchestrator.domain.inventory import Ambiguous, Identifier, MatchKey
from orchestrator.domain.tenant import Tenant
from orchestrator.intake.device_list import DeviceList, IntakeOptions, Page, open_device_list

if TYPE_CHECKING:
    from orchestrator.inventory.match_devices import Matcher


async def open_list(
    app: App,
    tenant: Tenant | None,
    stream: BinaryIO,
    *,
    file_name: str | None,
    via: Via,
    options: IntakeOptions,
    action: Action | None = None,
) -> DeviceList:
    """The opened list; IntakeFailed where it cannot be taken as a whole, or needs an inventory and none is there.

    The `action` of the job decides on uncertain rows of a report.
    """
    options = replace(options, is_repeatable=action is None or action.is_repeatable)
    if tenant is not None:
        async with app.store.reading() as tx:
            current = await tx.inventories.current(tenant.directory)
        options = replace(options, has_inventory=current is not None)
    return await asyncio.to_thread(open_device_list, stream, file_name=file_name, via=via, options=options)


async def pages_of(
    app: App, tenant: Tenant | None, devices: DeviceList, options: IntakeOptions
) -> AsyncGenerator[Page]:
    """The rows of an opened list in pages, each row with its device or its verdict.

    Rows that name devices by something else than Intune's id are matched against the tenant's inventory, a page at a
    time. InventoryTooOld, or IntakeFailed where ids without a sign are not all known to the inventory.
    """
    matcher = None
    if devices.is_matched and tenant is not None:
        matcher = await _matcher(app, tenant, options)
    rows = _Rows(app, devices, matcher)
    pages = devices.pages()
    page = await asyncio.to_thread(_next_page, pages)
    while page is not None:
        # The next page is parsed while this one is matched and stored.
        coming = asyncio.create_task(asyncio.to_thread(_next_page, pages))
        try:
            yield await rows.settled(page)
        finally:
            following = await coming
        page = following


async def read_to_end(app: App, tenant: Tenant, devices: DeviceList, options: IntakeOptions) -> int | None:
    """Read every row, for the counts of `DeviceList.report`; return how many ids the inventory does not know.

    None where the tenant has no inventory, or the list is matched against it anyway.
    """
    async with app.store.reading() as tx:
        number = await tx.inventories.current_number(tenant.directory)
    if devices.is_matched:
        number = None
    unknown = 0
    async with aclosing(pages_of(app, tenant, devices, options)) as pages:
        async for page in pages:
            if number is not None:
                unknown += await _unknown_in(app, number, page)
    return None if number is None else unknown


async def _unknown_in(app: App, number: InventoryNumber, page: Page) -> int:
    ids = {row.device.ids[-1] for row in page.rows if row.verdict is None and row.device is not None}
    async with app.store.reading() as tx:
        return len(ids) - await tx.inventory_devices.count_known(number, ids)


class _Rows:
    """Settles the open rows of one list; decides by its first page what ids without a sign are."""

    def __init__(self, app: App, devices: DeviceList, matcher: Matcher | None) -> None:
        self._app, self._devices, self._matcher = app, devices, matcher
        self._ids_are: Identifier | None = None

    async def settled(self, page: Page) -> Page:
        """The page with every row matched or rejected."""
        if self._matcher is None:
            return page
        keys = await asyncio.to_thread(self._devices.keys, page)
        if self._devices.doubt is not None:
            keys = await self._as_known_ids(page, keys)
        found = await self._matcher.match(keys)
        contradictions: dict[int, Ambiguous] = {}
        if self._devices.has_several_kinds:
            others = await asyncio.to_thread(self._devices.other_keys, page, keys)
            contradictions = await self._matcher.contradictions(keys, found, others)
        reason = partial(self._matcher.reason, now=self._app.clock.now())
        return await asyncio.to_thread(self._devices.settle, page, keys, found, reason, contradictions)

    async def _as_known_ids(self, page: Page, keys: Sequence[MatchKey | None]) -> list[MatchKey | None]:
        """The keys by the kind of id that the inventory knows all of them as: Intune's first, then Entra's.

        IntakeFailed with the refusal of the list where it knows them as neither.
        """
        if self._ids_are is not Identifier.ENTRA:
            self._ids_are = await self._kind_of(page, keys)
        if (by := self._ids_are) is None:
            raise IntakeFailed(f"{self._devices.doubt} The inventory does not know all of them either.")
        return [key and (by, key[1]) for key in keys]

    async def _kind_of(self, page: Page, keys: Sequence[MatchKey | None]) -> Identifier | None:
        assert self._matcher is not None  # noqa: S101 - settled() has looked
        ids = {key[1] for key in keys if key is not None}
        are_all = all(key is not None or row.verdict is not None for row, key in zip(page.rows, keys, strict=True))
        for by in (Identifier.ID, Identifier.ENTRA) if self._ids_are is None else (Identifier.ID,):
            if ids and are_all and await self._matcher.knows_all(by, ids):
                return by
        return None


async def _matcher(app: App, tenant: Tenant, options: IntakeOptions) -> Matcher:
    # A list of managed device ids is matched with nothing.
    from orchestrator.inventory.match_devices import open_matcher  # noqa: PLC0415

    return await open_matcher(
        app,
        tenant.name,
        max_age=app.inventory_max_age,
        prefer_newest=options.prefer_newest,
        is_stale_ok=options.stale_ok,
    )


def _next_page(pages: Iterator[Page]) -> Page | None:
    return next(pages, None)
