"""The names of devices where a job shows them: its list's own, else those of the tenant's inventory."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.domain.ids import InventoryNumber
from orchestrator.domain.job import Job
from orchestrator.domain.target import TargetFacts, TargetFilter
from orchestrator.domain.tenant import directory_of
from orchestrator.store.engine.database import Transaction

if TYPE_CHECKING:
    from orchestrator.domain.inventory import InventoryDevice


async def with_names(
    tx: Transaction, job: Job, targets: Sequence[TargetFacts], *, users: bool = False
) -> list[TargetFacts]:
    """The targets, those without a name in the job's list with that of the inventory; two statements at most.

    With `users` each has its primary user of the inventory too.
    """
    known = await devices_of(tx, job, {target.device for target in targets if users or target.name is None})
    return [
        replace(target, name=target.name or device.name, user=device.user_principal_name)
        if (device := known.get(target.device)) is not None
        else target
        for target in targets
    ]


async def devices_of(tx: Transaction, job: Job, ids: Collection[str]) -> dict[str, InventoryDevice]:
    """The devices with these ids in the inventory of the job's tenant, by id."""
    number = await _inventory_of(tx, job) if ids else None
    found = [] if number is None else await tx.inventory_devices.by_ids(number, sorted(ids))
    return {device.id: device for device in found}


async def with_inventory(tx: Transaction, job: Job, wanted: TargetFilter) -> TargetFilter:
    """The filter whose search looks at the names and users of the inventory of the job's tenant too."""
    return replace(wanted, inventory=await _inventory_of(tx, job)) if wanted.search else wanted


async def _inventory_of(tx: Transaction, job: Job) -> InventoryNumber | None:
    return await tx.inventories.current_number(directory_of(job.lane))
