"""Check the age of each tenant's inventory, and whether a new one waits to be accepted."""

from __future__ import annotations

from datetime import datetime, timedelta

from orchestrator.app import App
from orchestrator.domain.figures import plural
from orchestrator.domain.spans import span
from orchestrator.inventory.remove_inventory import goes_at, tenant_id_of, unattached_inventories
from orchestrator.store.jobs.inventory import Inventory
from orchestrator.usecases.operations.check_health import Check

EARLY = timedelta(days=2)
"""How long before names are no longer matched the check warns."""


def early(max_age: timedelta) -> timedelta:
    """How long before an inventory is too old people are warned: two days, or half of a shorter time."""
    return min(EARLY, max_age / 2)


async def check_inventories(app: App) -> list[Check]:
    """One check for each tenant that has an inventory; none of them keeps lists of ids from being called."""
    checks = []
    async with app.store.reading() as tx:
        now = await tx.now()
        for name, tenant in sorted(app.tenants.items()):
            current = await tx.inventories.current(tenant.directory)
            pending = await tx.inventories.pending(tenant.directory)
            if current is not None:
                checks.append(judge_inventory(name, current, pending, now=now, max_age=app.inventory_max_age))
    return checks + [_judge_unattached(each) for each in await unattached_inventories(app)]


def _judge_unattached(inventory: Inventory) -> Check:
    detail = f"{plural(inventory.summary.devices, 'device')} of a tenant that the settings do not name"
    mend = (
        f"It is removed from {goes_at(inventory):%Y-%m-%d} on; `muster inventory remove --tenant "
        f"{tenant_id_of(inventory)}` removes it now, and a tenant in the settings that leads to it keeps it."
    )
    return Check(f"inventory, {inventory.tenant}", ok=False, detail=detail, mend=mend, is_needed=False)


def judge_inventory(
    tenant: str, current: Inventory, pending: Inventory | None, *, now: datetime, max_age: timedelta
) -> Check:
    """The check of one inventory at that moment."""
    age = now - current.read_at
    detail = f"{plural(current.summary.devices, 'device')}, {span(age.total_seconds())} old"
    mend: str | None = None
    if pending is not None:
        detail += (
            f"; another one of {plural(pending.summary.devices, 'device')} waits, {pending.changes.gone:,} are gone"
        )
        mend = "`muster inventory show` tells more; `muster inventory refresh --accept` puts it in force."
    elif age > max_age - early(max_age):
        limit = span(max_age.total_seconds())
        detail += f"; names are matched up to {limit} (MUSTER_INVENTORY_MAX_AGE)"
        mend = "`muster inventory refresh` or `muster inventory import FILE` renews it."
    return Check(f"inventory, {tenant}", ok=mend is None, detail=detail, mend=mend, is_needed=False)


async def inventory_ages(app: App) -> dict[str, float]:
    """The age of the inventory in force in seconds, by tenant; tenants without one are left out."""
    async with app.store.reading() as tx:
        now = await tx.now()
        read_at = await tx.inventories.read_times()
    return {
        name: max(0.0, (now - read_at[tenant.directory]).total_seconds())
        for name, tenant in app.tenants.items()
        if tenant.directory in read_at
    }
