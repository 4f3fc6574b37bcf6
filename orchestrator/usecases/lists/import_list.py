"""Keep a checked device list under a name; imported again it gets a new version."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from orchestrator.app import App
from orchestrator.domain.access import Actor, Role
from orchestrator.domain.confirmation import Facts, newest_version_facts, refuse_outdated
from orchestrator.domain.device import Via
from orchestrator.domain.errors import RequestRejected, UnknownList
from orchestrator.domain.ids import ListNumber
from orchestrator.domain.job import Intake
from orchestrator.intake.device_list import IntakeOptions, Page, open_device_list
from orchestrator.intake.pages import pack, pack_devices, unpack_devices
from orchestrator.store.engine.database import Transaction
from orchestrator.store.jobs.saved_lists import ListPage, ListVersion
from orchestrator.telemetry.logger import get_logger
from orchestrator.usecases.access.scopes import refuse_list_change
from orchestrator.usecases.jobs.submit_job import refuse_if_bad

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Imported:
    """A version that was imported, and some of the devices that came and went."""

    version: ListVersion
    added: tuple[str, ...]
    removed: tuple[str, ...]
    ignored: tuple[str, ...] = ()


MOST_NAMED = 20
"""Devices that are named of those that came and went; all are counted."""


async def import_list(
    app: App,
    name: str,
    stream: BinaryIO,
    *,
    via: Via,
    file_name: str | None,
    options: IntakeOptions,
    by: Actor,
    reason: str | None = None,
    shown: Facts | None = None,
) -> Imported:
    """Store the list whole or not at all; IntakeFailed with every bad line.

    ConfirmationOutdated where a page showed another version than the newest one. NotPermitted where the actor might not
    submit it themselves, as the schedules that refer to it will.
    """
    by.grant.refuse_below(Role.OPERATOR)
    refuse_bad_name(name, "a list")
    devices = await asyncio.to_thread(open_device_list, stream, file_name=file_name, via=via, options=options)
    before = await _devices_of_newest(app, name)
    async with app.store.transaction() as tx:
        number, version = await tx.lists.begin(name, via, devices.columns, file_name, by=by.name, now=await tx.now())
    try:
        keys: set[str] = set()
        pages = devices.pages()
        place = 0
        while (page := await asyncio.to_thread(_next_page, pages)) is not None:
            stored = await asyncio.to_thread(_packed, place, page, keys)
            async with app.store.transaction() as tx:
                await tx.lists.add_page(number, version, stored)
            place += 1
        report = devices.report()
        refuse_if_bad(report, options)
        intake = Intake(report.rows, report.duplicates, report.rejected, report.sha256, file_name)
        added, removed = keys - before, before - keys
        async with app.store.transaction() as tx:
            await tx.lists.hold(name)
            refuse_outdated(shown, newest_version_facts(name, await _newest_version(tx, name)))
            await refuse_list_change(tx, by.grant, name, devices=len(keys))
            await tx.lists.publish(number, version, intake, devices=len(keys), added=len(added), removed=len(removed))
            imported = await tx.lists.version(name, version)
            facts = {"version": version, "devices": len(keys), "added": len(added), "removed": len(removed)}
            await tx.audit.write(by, "list.imported", name, reason=reason, facts=facts, now=await tx.now())
    except BaseException:
        # Ctrl-C included: an interrupted import leaves nothing.
        await asyncio.shield(_forget(app, number, version))
        raise
    log.info("list.imported", version=version, devices=len(keys), added=len(added), removed=len(removed))
    return Imported(imported, tuple(sorted(added)[:MOST_NAMED]), tuple(sorted(removed)[:MOST_NAMED]), report.ignored)


def refuse_bad_name(name: str, what: str) -> None:
    """RequestRejected for a name that could not be typed again."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        raise RequestRejected(
            f"{name!r} is no name for {what}; it takes letters, digits, '.', '_' and '-', 64 of them at most."
        )


async def _newest_version(tx: Transaction, name: str) -> int | None:
    try:
        return (await tx.lists.newest(name)).version
    except UnknownList:
        return None


async def _devices_of_newest(app: App, name: str) -> set[str]:
    keys: set[str] = set()
    async with app.store.reading() as tx:
        try:
            newest = await tx.lists.newest(name)
        except UnknownList:
            return keys
        place = -1
        while (page := await tx.lists.page_after(newest.list_number, newest.version, place)) is not None:
            keys.update((await asyncio.to_thread(unpack_devices, page.devices)).values())
            place = page.page
    return keys


def _packed(place: int, page: Page, keys: set[str]) -> ListPage:
    keys.update(row.device.key for row in page.rows if row.verdict is None and row.device is not None)
    return ListPage(place, pack(page.rows), pack_devices(page.rows))


async def _forget(app: App, number: ListNumber, version: int) -> None:
    async with app.store.transaction() as tx:
        await tx.lists.forget(number, version)


def _next_page(pages: Iterator[Page]) -> Page | None:
    return next(pages, None)
