"""A `managedDevice` of Graph becomes a device of the inventory; pure.

https://learn.microsoft.com/graph/api/resources/intune-devices-manageddevice?view=graph-rest-beta
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.domain.device import BadId, parse_id
from orchestrator.domain.inventory import Identifier, InventoryDevice, compare_key, name_of_agent, objection_to
from orchestrator.intake.inventory_file import parse_time

SELECTED = (
    *("id", "deviceName", "serialNumber", "azureADDeviceId", "userId", "userPrincipalName", "operatingSystem"),
    *("managementAgent", "lastSyncDateTime"),
)
"""The properties that the inventory needs, in v1.0 and beta."""

SELECTED_IN_BETA = "configurationManagerClientInformation"
"""The property with ConfigMgr's client id, which v1.0 does not have."""


def devices_in(values: Iterable[object]) -> list[InventoryDevice]:
    """The devices of a page; what has no managed device id is left out."""
    return [device for value in values if isinstance(value, dict) and (device := device_of(value)) is not None]


def device_of(value: Mapping[str, Any]) -> InventoryDevice | None:
    """One device; None where it has no id that Graph could be called with."""
    given = parse_id("managedDeviceId", _text(value, "id") or "")
    if isinstance(given, BadId):
        return None
    agent = name_of_agent(_text(value, "managementAgent") or "")
    os = _text(value, "operatingSystem")
    client = value.get(SELECTED_IN_BETA)
    return InventoryDevice(
        id=given,
        name=_text(value, "deviceName"),
        serial_number=_text(value, "serialNumber"),
        entra_device_id=_guid(value, "azureADDeviceId", Identifier.ENTRA),
        configmgr_id=_guid(client, "clientIdentifier", Identifier.CONFIGMGR) if isinstance(client, dict) else None,
        user_id=_guid(value, "userId", Identifier.ID),
        user_principal_name=_text(value, "userPrincipalName"),
        os=os,
        management_agent=agent,
        last_contact_at=parse_time(_text(value, "lastSyncDateTime") or ""),
        objection=objection_to(os, [agent]),
    )


def _text(value: Mapping[str, Any], name: str) -> str | None:
    text = value.get(name)
    return (text.replace("\0", "").strip()[:_LONGEST] or None) if isinstance(text, str) else None


def _guid(value: Mapping[str, Any], name: str, by: Identifier) -> str | None:
    return compare_key(by, _text(value, name) or "")


_LONGEST = 400
