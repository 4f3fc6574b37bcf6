"""One device: what it is, and everything that was asked of it across all jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestrator.app import App
from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.figures import local
from orchestrator.domain.inventory import Identifier, InventoryDevice, compare_key
from orchestrator.inventory.contents import find_devices
from orchestrator.store.jobs.target_lookup import DeviceCall

MOST_ATTEMPTS = 200
"""Jobs of a device that are shown, the newest."""

_BATCHES = 40
"""Batches whose targets are listed in one transaction: 20,000 targets take a third of a second."""


@dataclass(frozen=True, slots=True)
class DeviceHistory:
    """A device and its targets, newest first; `inventory_at` is None where no inventory knows the device."""

    device: InventoryDevice
    tenant: str
    inventory_at: datetime | None
    calls: tuple[DeviceCall, ...]


class UnknownDevice(RequestRejected):
    """No device is known by this text, from the inventory or from a job."""

    def __init__(self, text: str, tenant: str, *, has_inventory: bool) -> None:
        hint = (
            f"The inventory of tenant {tenant!r} has no such name, serial number or id."
            if has_inventory
            else f"Tenant {tenant!r} has no inventory, so only managed device ids of earlier jobs are known. "
            "`muster inventory refresh` or `muster inventory import FILE` makes one."
        )
        super().__init__(f"No device is known by {text!r}. {hint}")


class AmbiguousDevice(RequestRejected):
    """Several devices are known by this text."""

    def __init__(self, text: str, candidates: Sequence[InventoryDevice]) -> None:
        lines = "\n".join(f"  {_described(device)}" for device in candidates[:_MOST_SHOWN])
        more = f"\n  and {len(candidates) - _MOST_SHOWN:,} more" if len(candidates) > _MOST_SHOWN else ""
        super().__init__(f"{len(candidates):,} devices are known by {text!r}; give the id of one:\n{lines}{more}")
        self.candidates = tuple(candidates)


async def describe_devices(app: App, tenant_name: str, text: str, *, allow_several: bool) -> list[DeviceHistory]:
    """The device that a person means, with its history; several only where `allow_several`.

    UnknownDevice, or AmbiguousDevice with the candidates. A device that is in no inventory and was called is known by
    its managed device id.
    """
    tenant = app.tenant(tenant_name)
    _, found, inventory = await find_devices(app, tenant, text)
    if len(found) > 1 and not allow_several:
        raise AmbiguousDevice(text, found)
    if not found:
        key = compare_key(Identifier.ID, text)
        calls = () if key is None else await _calls_of(app, tenant_name, key)
        if key is None or not calls:
            raise UnknownDevice(text, tenant_name, has_inventory=inventory is not None)
        return [DeviceHistory(InventoryDevice(key), tenant_name, None, calls)]
    read_at = None if inventory is None else inventory.read_at
    return [
        DeviceHistory(device, tenant_name, read_at, await _calls_of(app, tenant_name, device.id)) for device in found
    ]


async def extend_lookup(app: App) -> None:
    """List some more targets for `describe_devices`; one short transaction."""
    async with app.store.transaction() as tx:
        await tx.target_lookup.extend(batches=_BATCHES)


async def _calls_of(app: App, tenant: str, device: str) -> tuple[DeviceCall, ...]:
    async with app.store.reading() as tx:
        calls = await tx.target_lookup.of_device(device, limit=MOST_ATTEMPTS)
    return tuple(call for call in calls if call.tenant == tenant)


def _described(device: InventoryDevice) -> str:
    facts = (device.id, device.name, device.serial_number, device.management_agent, local(device.last_contact_at))
    return "  ".join(fact for fact in facts if fact)


_MOST_SHOWN = 20
