"""Notices about inventories: one will soon be too old, or another one waits to be accepted."""

from __future__ import annotations

from datetime import datetime, timedelta

from orchestrator.app import App
from orchestrator.domain.figures import plural
from orchestrator.domain.notice import Notice
from orchestrator.domain.notice_words import notice_of_inventory
from orchestrator.domain.spans import span
from orchestrator.domain.tenant import Tenant
from orchestrator.store.jobs.inventory import Inventory
from orchestrator.store.work.workers import CLOCKS
from orchestrator.usecases.operations.check_inventory import early
from orchestrator.usecases.operations.write_notices import write_notice


async def write_inventory_notices(app: App) -> None:
    """Write the notices that are due; each is written once, whatever the number of clocks.

    Without a channel there is no one to notify, so nothing is read.
    """
    if app.kind not in CLOCKS or not app.messenger.channels:
        return
    notices: list[Notice] = []
    async with app.store.reading() as tx:
        now = await tx.now()
        read_times = await tx.inventories.read_times()
        waiting = await tx.inventories.waiting_since()
        for tenant in app.tenants.values():
            read_at = read_times.get(tenant.directory)
            if read_at is not None and (notice := _of_age(tenant, now - read_at, read_at, app.inventory_max_age)):
                notices.append(notice)
            if tenant.directory in waiting:
                pending = await tx.inventories.pending(tenant.directory)
                notices += [] if pending is None else [_of_pending(tenant, pending)]
    if notices:
        async with app.store.transaction() as tx:
            for notice in notices:
                await write_notice(app, tx, notice, ())


def _of_age(tenant: Tenant, age: timedelta, read_at: datetime, max_age: timedelta) -> Notice | None:
    if age <= max_age - early(max_age):
        return None
    left = max_age - age
    when = f"in {span(left.total_seconds())}" if left > timedelta(0) else "by now"
    words = (
        f"The inventory of tenant {tenant.name} is {span(age.total_seconds())} old. Names, groups and conditions are "
        f"not matched against one that is older than {span(max_age.total_seconds())} (MUSTER_INVENTORY_MAX_AGE), which "
        f"it is {when}. `muster inventory refresh` or `muster inventory import FILE` renews it."
    )
    key = f"inventory-age/{tenant.directory}/{read_at.timestamp():.0f}"
    return notice_of_inventory(tenant.name, "will soon be too old", words, key=key)


def _of_pending(tenant: Tenant, pending: Inventory) -> Notice:
    words = (
        f"A refresh found {plural(pending.summary.devices, 'device')}; {pending.changes.gone:,} of the inventory in "
        "force are gone, more than a tenth, so the one in force stays. Find out why. If they are to go, "
        f"`muster inventory refresh --tenant {tenant.name} --accept` puts the new inventory in force."
    )
    return notice_of_inventory(
        tenant.name, "another one waits to be accepted", words, key=f"inventory-pending/{pending.number}"
    )
