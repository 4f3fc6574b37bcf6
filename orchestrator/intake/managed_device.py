"""A `managedDevice` of Graph becomes a device of the inventory; pure.

https://learn.microsoft.com/graph/api/resources/intune-devices-manageddevice?view=graph-rest-beta
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

from orchestrator.domain.device import parse_id
from orchestrator.domain.inventory import Identifier, InventoryDevice, compare_key
from orchestrator.intake.inventory_file import kind_of, parse_time

SELECTED = (
    *("id", "deviceName", "serialNumber", "azureADDeviceId", "userId", "userPrincipalName", "operatingSystem"),
    *("managementAgent", "lastSyncDateTime"),
)
"""The properties that the inventory needs, in v1.0 and beta."""

SELECTED_IN_BETA = "configurationManagerClientInformation"
"""The property with ConfigMgr's client id, which v1.0 does not have."""


def devices_in(values: Iterable[object], *, besides: Container[str] = ()) -> tuple[set[str], list[InventoryDevice]]:
    """The ids in a page, and the devices of those that are not in `besides`; an object without an id is left out."""
    ids: set[str] = set()
    devices: list[InventoryDevice] = []
    for value in values:
        if not isinstance(value, dict):
            continue
        given = parse_id("managedDeviceId", _text(value, "id") or "")
        if isinstance(given, str):
            ids.add(given)
            if given not in besides:
                devices.append(_device(given, value))
    return ids, devices


def _device(given: str, value: Mapping[str, Any]) -> InventoryDevice:
    os = _text(value, "operatingSystem")
    agent, objection = kind_of(os, _text(value, "managementAgent") or "")
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
        objection=objection,
    )


def _text(value: Mapping[str, Any], name: str) -> str | None:
    text = value.get(name)
    return (text.replace("\0", "").strip()[:_LONGEST] or None) if isinstance(text, str) else None


def _guid(value: Mapping[str, Any], name: str, by: Identifier) -> str | None:
    return compare_key(by, _text(value, name) or "")


_LONGEST = 400
