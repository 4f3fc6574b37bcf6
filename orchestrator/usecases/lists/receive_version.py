"""A device list becomes a version of a saved list: hidden while it is read, and seen once it is published."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import BinaryIO

from orchestrator.app import App
from orchestrator.domain.access import Actor
from orchestrator.domain.device import Via
from orchestrator.domain.ids import ListNumber
from orchestrator.domain.job import Intake
from orchestrator.domain.tenant import Tenant
from orchestrator.intake.device_list import IntakeOptions, Page
from orchestrator.intake.input_row import InputRow
from orchestrator.intake.pages import pack, pack_devices, unpack_devices
from orchestrator.intake.report import IntakeReport
from orchestrator.store.engine.database import Transaction
from orchestrator.store.jobs.saved_lists import ListPage, ListVersion
from orchestrator.usecases.jobs.read_list import open_list, pages_of
from orchestrator.usecases.jobs.submit_job import refuse_if_bad


@dataclass(frozen=True, slots=True)
class ReceivedVersion:
    """A version that is stored and hidden; `added` and `removed` are devices, compared with the version before."""

    version: ListVersion
    added: frozenset[str]
    removed: frozenset[str]
    report: IntakeReport

    async def publish(self, tx: Transaction) -> None:
        """Let the version be seen from the commit on."""
        version = self.version
        await tx.lists.publish(
            version.list_number,
            version.version,
            version.intake,
            devices=version.devices,
            added=version.added,
            removed=version.removed,
        )


@asynccontextmanager
async def receiving_version(
    app: App,
    name: str,
    stream: BinaryIO,
    *,
    tenant: Tenant | None,
    via: Via,
    file_name: str | None,
    options: IntakeOptions,
    by: Actor,
) -> AsyncIterator[ReceivedVersion]:
    """The list as a hidden version, to be published within the block; of what breaks there nothing is left.

    Rows are matched against the inventory of `tenant`; without one a list of names is refused. IntakeFailed with every
    bad line.
    """
    devices = await open_list(app, tenant, stream, file_name=file_name, via=via, options=options)
    before = await _devices_of_newest(app, name)
    async with app.store.transaction() as tx:
        now = await tx.now()
        number, version = await tx.lists.begin(name, via, devices.columns, file_name, by=by.name, now=now)
    try:
        keys = await _store(app, number, version, pages_of(app, tenant, devices, options))
        report = devices.report()
        refuse_if_bad(report, options)
        yield ReceivedVersion(
            ListVersion(
                list_number=number,
                name=name,
                version=version,
                via=via,
                columns=tuple(devices.columns),
                intake=Intake(report.rows, report.duplicates, report.rejected, report.sha256, file_name),
                devices=len(keys),
                added=len(keys - before),
                removed=len(before - keys),
                imported_by=by.name,
                imported_at=now,
            ),
            frozenset(keys - before),
            frozenset(before - keys),
            report,
        )
    except BaseException:
        # Ctrl-C included: an interrupted import leaves nothing.
        await asyncio.shield(_forget(app, number, version))
        raise


async def _store(app: App, number: ListNumber, version: int, pages: AsyncGenerator[Page]) -> set[str]:
    keys: set[str] = set()
    place = 0
    async with aclosing(pages):
        async for page in pages:
            stored = await asyncio.to_thread(_packed, place, page.rows, keys)
            async with app.store.transaction() as tx:
                await tx.lists.add_page(number, version, stored)
            place += 1
    return keys


async def _devices_of_newest(app: App, name: str) -> set[str]:
    keys: set[str] = set()
    async with app.store.reading() as tx:
        newest = await tx.lists.find_newest(name)
        if newest is None:
            return keys
        place = -1
        while (page := await tx.lists.page_after(newest.list_number, newest.version, place)) is not None:
            keys.update((await asyncio.to_thread(unpack_devices, page.devices)).values())
            place = page.page
    return keys


def _packed(place: int, rows: list[InputRow], keys: set[str]) -> ListPage:
    keys.update(row.device.key for row in rows if row.verdict is None and row.device is not None)
    return ListPage(place, pack(rows), pack_devices(rows))


async def _forget(app: App, number: ListNumber, version: int) -> None:
    async with app.store.transaction() as tx:
        await tx.lists.forget(number, version)
