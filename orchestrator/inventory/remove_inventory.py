"""The inventory of a tenant is removed, also of one that the settings do not name any more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from orchestrator.app import App
from orchestrator.domain.access import Actor, Role, Scope
from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.inventory import NoInventory
from orchestrator.inventory.contents import remove_replaced
from orchestrator.store.jobs.inventory import Inventory
from orchestrator.telemetry.logger import get_logger

log = get_logger(__name__)

UNATTACHED_FOR = timedelta(days=30)
"""How long an inventory stays that no settings lead to: names and users of a company that left must not stay for ever.

Long enough to notice a tenant that was taken out or renamed by mistake.
"""


async def unattached_inventories(app: App) -> list[Inventory]:
    """The inventories whose tenant is not in the settings any more."""
    known = {tenant.directory for tenant in app.tenants.values()}
    async with app.store.reading() as tx:
        return [each for each in await tx.inventories.all_current() if each.tenant not in known]


def goes_at(inventory: Inventory) -> datetime:
    """When an inventory that no settings lead to is removed by itself."""
    return inventory.touched_at + UNATTACHED_FOR


async def remove_unattached(app: App, *, by: Actor) -> list[Inventory]:
    """Remove the inventories that no settings have led to for `UNATTACHED_FOR`; return them.

    Any number of processes with other settings may share the database: each notes its own tenants first.
    """
    async with app.store.transaction() as tx:
        now = await tx.now()
        await tx.inventories.note_attached({tenant.directory for tenant in app.tenants.values()}, now=now)
    over = [each for each in await unattached_inventories(app) if goes_at(each) <= now]
    for each in over:
        await _withdraw(app, each, each.tenant, by=by, reason=f"no settings led to it for {UNATTACHED_FOR.days} days")
    await remove_replaced(app)
    return over


async def find_inventory(app: App, wanted: str) -> Inventory:
    """The inventory of a tenant by its name in the settings, by the Entra tenant id, or by both with the cloud.

    NoInventory, or RequestRejected where there is none of such a tenant or several are meant.
    """
    async with app.store.reading() as tx:
        if wanted in app.tenants:
            current = await tx.inventories.current(app.tenants[wanted].directory)
            if current is None:
                raise NoInventory(wanted)
            return current
        kept = await tx.inventories.all_current()
    text = wanted.strip().casefold()
    found = [each for each in kept if text in {each.tenant.casefold(), tenant_id_of(each).casefold()}]
    if len(found) == 1:
        return found[0]
    if found:
        some = ", ".join(each.tenant for each in found)
        raise RequestRejected(f"Tenant {wanted!r} has an inventory in several clouds: {some}. Name one of them.")
    raise RequestRejected(
        f"There is no inventory of a tenant {wanted!r}, by name or by Entra tenant id. {_known(kept)}"
    )


async def remove_inventory(app: App, wanted: str, *, by: Actor, reason: str | None) -> Inventory:
    """The inventory that was removed, together with one that waits to be accepted. Admins may do this."""
    by.grant.refuse_below(Role.ADMIN)
    inventory = await find_inventory(app, wanted)
    names = [name for name, tenant in app.tenants.items() if tenant.directory == inventory.tenant]
    by.grant.refuse_change(Scope(tenants=frozenset(names)))
    await _withdraw(app, inventory, names[0] if names else inventory.tenant, by=by, reason=reason)
    await remove_replaced(app)
    return inventory


def tenant_id_of(inventory: Inventory) -> str:
    """The Entra tenant id of an inventory."""
    return inventory.tenant.rpartition("/")[2]


async def _withdraw(app: App, inventory: Inventory, subject: str, *, by: Actor, reason: str | None) -> None:
    async with app.store.transaction() as tx:
        now = await tx.now()
        await tx.inventories.withdraw(inventory.tenant, now=now)
        facts = {"devices": inventory.summary.devices, "tenant": inventory.tenant}
        await tx.audit.write(by, "inventory.removed", subject, reason=reason, facts=facts, now=now)
    log.info("inventory.removed", tenant=inventory.tenant, devices=inventory.summary.devices)


def _known(kept: Sequence[Inventory]) -> str:
    if not kept:
        return "No tenant has one."
    return f"There are inventories of {', '.join(each.tenant for each in kept[:_MOST_NAMED])}."


_MOST_NAMED = 10
