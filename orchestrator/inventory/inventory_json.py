"""Inventories and devices as JSON; pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from orchestrator.domain.figures import rfc3339

if TYPE_CHECKING:
    from orchestrator.domain.inventory import InventoryDevice
    from orchestrator.domain.inventory_changes import ChangedDevice
    from orchestrator.inventory.device_history import DeviceHistory
    from orchestrator.store.jobs.inventory import Inventory


def inventory_object(tenant: str, inventory: Inventory, pending: Inventory | None = None) -> dict[str, Any]:
    """An inventory in figures, as `muster inventory show -o json` and `GET /api/inventory` give it."""
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


def _changed(devices: Sequence[ChangedDevice]) -> list[dict[str, str | None]]:
    return [{"id": device.id, "name": device.name, "before": device.before} for device in devices]


def device_object(device: InventoryDevice) -> dict[str, Any]:
    """A device of the inventory, without what was asked of it."""
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


def device_history_object(history: DeviceHistory) -> dict[str, Any]:
    """A device with everything that was asked of it, as `muster device show -o json` and `GET /api/devices` give it."""
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
