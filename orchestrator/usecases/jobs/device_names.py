"""The names of devices where a job shows them: its list's own, else those of the tenant's inventory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from orchestrator.domain.ids import InventoryNumber
from orchestrator.domain.job import Job
from orchestrator.domain.target import TargetFacts, TargetSearch
from orchestrator.domain.tenant import directory_of
from orchestrator.store.engine.database import Transaction


async def with_names(
    tx: Transaction, job: Job, targets: Sequence[TargetFacts], *, users: bool = False
) -> list[TargetFacts]:
    """The targets, those without a name in the job's list with that of the inventory; two statements at most.

    With `users` each has its primary user of the inventory too.
    """
    unnamed = sorted({target.device for target in targets if users or target.name is None})
    if not unnamed:
        return [*targets]
    number = await _inventory_of(tx, job)
    found = [] if number is None else await tx.inventory_devices.by_ids(number, unnamed)
    known = {device.id: device for device in found}
    return [
        replace(target, name=target.name or device.name, user=device.user_principal_name)
        if (device := known.get(target.device)) is not None
        else target
        for target in targets
    ]


async def search_of(tx: Transaction, job: Job, text: str | None) -> TargetSearch | None:
    """A search for this text in the job, in the names and users of its tenant's inventory too; None without a text."""
    return TargetSearch(text, await _inventory_of(tx, job)) if text else None


async def _inventory_of(tx: Transaction, job: Job) -> InventoryNumber | None:
    return await tx.inventories.current_number(directory_of(job.lane))
