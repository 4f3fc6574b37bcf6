"""The inventory of a tenant is read from Graph: export reports first, the list of managed devices otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

from orchestrator.app import App
from orchestrator.domain.access import Actor, Scope
from orchestrator.domain.confirmation import Facts, inventory_facts, refuse_outdated
from orchestrator.domain.errors import RequestRejected, StoreUnavailable
from orchestrator.domain.ids import InventoryNumber
from orchestrator.domain.inventory import has_collapsed
from orchestrator.domain.waiting import Say, say_nothing
from orchestrator.inventory.contents import forget_inventory, remove_replaced
from orchestrator.inventory.reading import Reading, Route, read_devices
from orchestrator.store.engine.database import Transaction
from orchestrator.store.jobs.inventory import Inventory
from orchestrator.telemetry.logger import get_logger

log = get_logger(__name__)

IsRepeat = Callable[[Transaction], Awaitable[bool]]
"""Keeps a request in the transaction of its change, and tells whether it was kept before."""

INTERRUPTED_AFTER = timedelta(minutes=1)
"""A refresh that gave no sign of life for so long was interrupted."""

_SIGN_OF_LIFE = 10.0
"""Seconds between two signs of life: a refresh writes nothing else while it waits for a report."""


@dataclass(frozen=True, slots=True)
class RefreshedInventory:
    """The inventory that was read, pending or in force, and sentences about how it was read."""

    inventory: Inventory
    before: Inventory | None
    notes: tuple[str, ...]


async def refresh_inventory(
    app: App,
    tenant_name: str,
    *,
    by: Actor,
    reason: str | None = None,
    route: Route = Route.AUTO,
    say: Say = say_nothing,
) -> RefreshedInventory:
    """Read the tenant's devices from Graph and put them in force; all or nothing.

    An inventory that would remove more than a tenth of the devices waits for `accept_inventory` instead.
    PermissionMissing, ReadRefused, ReadFailed, GraphUnreachable, SignInRefused, SignInUnreachable.
    """
    tenant = app.tenant(tenant_name)
    by.grant.refuse_change(Scope(tenants=frozenset({tenant.name})))
    async with app.store.transaction() as tx:
        number = await tx.inventories.begin(tenant.directory, "refresh", file_name=None, by=by.name, now=await tx.now())
    try:
        say("Signing in …")
        async with _living(app, number):
            reading = Reading(app, tenant, number, await app.read(tenant), say)
            await read_devices(reading, route)
            inventory, before = await _publish(reading, by, reason)
    except BaseException:
        # Ctrl-C included: an interrupted refresh leaves the inventory before in force.
        await asyncio.shield(forget_inventory(app, number))
        raise
    changes = inventory.changes
    log.info(
        "inventory.refreshed",
        tenant=tenant.name,
        devices=inventory.summary.devices,
        new=changes.new,
        gone=changes.gone,
        is_pending=inventory.is_pending,
    )
    await remove_replaced(app)
    return RefreshedInventory(inventory, before, tuple(reading.notes))


async def accept_inventory(
    app: App,
    tenant_name: str,
    *,
    by: Actor,
    reason: str | None,
    shown: Facts | None = None,
    is_repeat: IsRepeat | None = None,
) -> Inventory:
    """Puts the inventory in force that waits for a person; a repeated request changes nothing.

    RequestRejected where none waits, ConfirmationOutdated where another waits than the one that was `shown`.
    """
    tenant = app.tenant(tenant_name)
    of_tenant = Scope(tenants=frozenset({tenant.name}))
    by.grant.refuse_change(of_tenant)
    async with app.store.transaction() as tx:
        if (
            is_repeat is not None
            and await is_repeat(tx)
            and (current := await tx.inventories.current(tenant.directory))
        ):
            return current
        pending = await tx.inventories.pending(tenant.directory)
        if pending is None:
            raise RequestRejected(
                f"No inventory of tenant {tenant_name!r} waits to be accepted. `muster inventory refresh` reads one."
            )
        before, changes = await tx.inventories.compare(pending.number, tenant.directory)
        refuse_outdated(shown, inventory_facts(pending.read_at, pending.summary.devices, before))
        by.grant.refuse_change(of_tenant | Scope(devices=max(before, pending.summary.devices)))
        now = await tx.now()
        await tx.inventories.publish(pending.number, tenant.directory, changes, is_pending=False, now=now)
        accepted = await tx.inventories.current(tenant.directory)
        assert accepted is not None  # noqa: S101 - published two lines above, in this transaction
        facts = {"devices": accepted.summary.devices, "new": changes.new, "gone": changes.gone}
        await tx.audit.write(by, "inventory.accepted", tenant.name, reason=reason, facts=facts, now=now)
    await remove_replaced(app)
    return accepted


@asynccontextmanager
async def _living(app: App, number: InventoryNumber) -> AsyncIterator[None]:
    """Give signs of life of the inventory that is read, for as long as the block lasts."""

    async def touch() -> None:
        while True:
            await app.clock.sleep(_SIGN_OF_LIFE)
            with suppress(StoreUnavailable):
                async with app.store.transaction() as tx:
                    await tx.inventories.touch(number, now=await tx.now())

    task = asyncio.create_task(touch(), name="sign of life")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _publish(reading: Reading, by: Actor, reason: str | None) -> tuple[Inventory, Inventory | None]:
    app, tenant, number = reading.app, reading.tenant, reading.number
    async with app.store.transaction() as tx:
        before = await tx.inventories.current(tenant.directory)
        count, changes = await tx.inventories.compare(number, tenant.directory)
        devices = max(len(reading.known), count)
        by.grant.refuse_change(Scope(tenants=frozenset({tenant.name}), devices=devices))
        is_pending = has_collapsed(count, removed=changes.gone)
        now = await tx.now()
        await tx.inventories.publish(number, tenant.directory, changes, is_pending=is_pending, now=now)
        find = tx.inventories.pending if is_pending else tx.inventories.current
        inventory = await find(tenant.directory)
        assert inventory is not None  # noqa: S101 - published two lines above, in this transaction
        facts = {
            "devices": len(reading.known),
            "new": changes.new,
            "gone": changes.gone,
            "waitsToBeAccepted": is_pending,
        }
        await tx.audit.write(by, "inventory.refreshed", tenant.name, reason=reason, facts=facts, now=now)
    return inventory, before
