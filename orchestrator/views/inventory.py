"""Inventories and devices as they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from typing_extensions import TypedDict

from orchestrator.domain.figures import rfc3339

if TYPE_CHECKING:
    from orchestrator.domain.inventory import InventoryDevice
    from orchestrator.domain.inventory_changes import ChangedDevice
    from orchestrator.inventory.background_refresh import RefreshStanding
    from orchestrator.inventory.device_history import DeviceHistory
    from orchestrator.store.jobs.inventory import Inventory


class ChangedDeviceFacts(TypedDict):
    """A device that changed; `before` is the former name of one that was renamed."""

    id: str
    name: str | None
    before: str | None


class ChangedDevices(TypedDict):
    """Devices of each kind of change, by name, the first 50; of a tenant's first inventory none is named."""

    new: list[ChangedDeviceFacts]
    gone: list[ChangedDeviceFacts]
    renamed: list[ChangedDeviceFacts]
    noLongerEligible: list[ChangedDeviceFacts]


class InventoryChangeCounts(TypedDict):
    """The difference from the inventory before, in devices."""

    new: int
    gone: int
    renamed: int
    noLongerEligible: int
    devices: ChangedDevices


class InventoryFacts(TypedDict):
    """An inventory in figures."""

    tenant: str
    source: str
    readAt: str
    devices: int
    eligible: int
    byManagementAgent: dict[str, int]
    byOs: dict[str, int]
    fileName: str | None
    readBy: str
    changes: InventoryChangeCounts
    pending: InventoryFacts | None


class RefreshFacts(TypedDict):
    """The refresh of an inventory that runs, and why the last one of this process failed."""

    tenant: str
    running: bool
    begunAt: str | None
    begunBy: str | None
    devices: int | None
    failure: str | None


class DeviceFacts(TypedDict):
    """A device of the inventory."""

    id: str
    name: str | None
    serialNumber: str | None
    entraDeviceId: str | None
    configMgrId: str | None
    userPrincipalName: str | None
    os: str | None
    managementAgent: str | None
    lastContactAt: str | None
    eligible: bool


class AttemptFacts(TypedDict):
    """One job's target on a device, and how it stands."""

    job: str
    jobName: str | None
    action: str
    at: str
    status: str
    httpStatus: int | None
    errorCode: str | None
    errorMessage: str | None
    requestId: str | None
    calls: int
    submittedBy: str


class DeviceHistoryFacts(DeviceFacts):
    """A device and everything that was asked of it, the newest job first."""

    tenant: str
    inventoryAt: str | None
    attempts: list[AttemptFacts]


def inventory_object(tenant: str, inventory: Inventory, pending: Inventory | None = None) -> InventoryFacts:
    """Returns an inventory in figures as it is shown."""
    summary, changes = inventory.summary, inventory.changes
    return {
        "tenant": tenant,
        "source": inventory.source,
        "readAt": rfc3339(inventory.read_at),
        "devices": summary.devices,
        "eligible": summary.eligible,
        "byManagementAgent": summary.by_management_agent,
        "byOs": summary.by_os,
        "fileName": inventory.file_name,
        "readBy": inventory.read_by,
        "changes": {
            "new": changes.new,
            "gone": changes.gone,
            "renamed": changes.renamed,
            "noLongerEligible": changes.no_longer_eligible,
            "devices": {
                "new": _changed(changes.new_devices),
                "gone": _changed(changes.gone_devices),
                "renamed": _changed(changes.renamed_devices),
                "noLongerEligible": _changed(changes.no_longer_eligible_devices),
            },
        },
        "pending": None if pending is None else inventory_object(tenant, pending),
    }


def _changed(devices: Sequence[ChangedDevice]) -> list[ChangedDeviceFacts]:
    return [{"id": device.id, "name": device.name, "before": device.before} for device in devices]


def device_object(device: InventoryDevice) -> DeviceFacts:
    """Returns a device of the inventory as it is shown, without what was asked of it."""
    return {
        "id": device.id,
        "name": device.name,
        "serialNumber": device.serial_number,
        "entraDeviceId": device.entra_device_id,
        "configMgrId": device.configmgr_id,
        "userPrincipalName": device.user_principal_name,
        "os": device.os,
        "managementAgent": device.management_agent,
        "lastContactAt": rfc3339(device.last_contact_at),
        "eligible": device.is_eligible,
    }


def device_history_object(history: DeviceHistory) -> DeviceHistoryFacts:
    """Returns a device with everything that was asked of it, as it is shown."""
    return {
        **device_object(history.device),
        "tenant": history.tenant,
        "inventoryAt": rfc3339(history.inventory_at),
        "attempts": [
            {
                "job": call.job,
                "jobName": call.job_name,
                "action": call.action,
                "at": rfc3339(call.at),
                "status": call.status,
                "httpStatus": call.http_status,
                "errorCode": call.error_code,
                "errorMessage": call.error_message,
                "requestId": call.request_id,
                "calls": call.attempts,
                "submittedBy": call.submitted_by,
            }
            for call in history.calls
        ],
    }


def refresh_object(tenant: str, standing: RefreshStanding) -> RefreshFacts:
    """Returns where the refresh of a tenant's inventory stands."""
    running = standing.running
    return {
        "tenant": tenant,
        "running": running is not None,
        "begunAt": None if running is None else rfc3339(running.begun_at),
        "begunBy": None if running is None else running.read_by,
        "devices": None if running is None else running.devices,
        "failure": standing.failure,
    }
