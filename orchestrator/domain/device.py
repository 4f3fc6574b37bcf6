"""The ids of a device, for each way in which Graph addresses it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Via(StrEnum):
    """The seven documented ways to a device's trigger.

    https://learn.microsoft.com/graph/api/intune-devices-manageddevice-triggerconfigurationmanageraction?view=graph-rest-beta
    """

    MANAGED_DEVICES = "managedDevices"
    COMANAGED_DEVICES = "comanagedDevices"
    DEVICE_HEALTH_SCRIPTS = "deviceHealthScripts"
    DEVICE_MANAGEMENT_SCRIPTS = "deviceManagementScripts"
    DEVICE_COMPLIANCE_SCRIPTS = "deviceComplianceScripts"
    DEVICE_MANAGEMENT_SCRIPT_USERS = "deviceManagementScriptUsers"
    DEVICE_MANAGEMENT_SCRIPT_DETECTED_APPS = "deviceManagementScriptDetectedApps"

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the ids it needs, in the order of the path."""
        return _COLUMNS[self]


@dataclass(frozen=True, slots=True)
class Device:
    """The ids that address one device, in the order of `Via.columns`."""

    ids: tuple[str, ...]

    @property
    def key(self) -> str:
        """The ids as one text; no id can contain a slash, so nothing is lost."""
        return "/".join(self.ids)

    @classmethod
    def from_key(cls, key: str) -> Device:
        """The device that has this key."""
        return cls(tuple(key.split("/")))


@dataclass(frozen=True, slots=True)
class BadId:
    """Why a text is no id; `reason` is a clause for people: "is not a GUID"."""

    reason: str


def parse_id(column: str, text: str) -> str | BadId:
    """The canonical form of an id: GUIDs in lower case without braces, opaque ids as they are."""
    text = text.strip()
    if not text:
        return BadId("is empty")
    return _parse_opaque(text) if column in _OPAQUE else _parse_guid(text)


def _parse_guid(text: str) -> str | BadId:
    bare = text[1:-1] if text[0] == "{" and text[-1] == "}" else text
    if not _GUID.fullmatch(bare):
        return BadId(f"is not a GUID{_likeness(text)}")
    guid = bare.lower()
    if guid == _NIL:
        return BadId("is the nil GUID, which no device has")
    return guid


def _likeness(text: str) -> str:
    """Which known id a text is that is no GUID, as a clause; nothing where none is recognised."""
    if _DEFENDER_ID.fullmatch(text):
        return ", but a device id of Microsoft Defender"
    if text[:5].upper() == "GUID:":
        return ", but a client id of ConfigMgr"
    digits = "".join(letter for letter in text if letter.isalnum())
    if len(digits) == _GUID_DIGITS and len(text) <= _LONGEST_LIKENESS and _HEX.fullmatch(digits):
        guid = "-".join(digits[start:end].lower() for start, end in _GUID_PARTS)
        return f" as it is written; if {guid} is meant, write that"
    return ""


def _parse_opaque(text: str) -> str | BadId:
    # Run-state ids are joined from other ids and a detected app's is 64 hex digits; neither form is promised,
    # so only what could leave its path segment is refused.
    if len(text) > _LONGEST_OPAQUE:
        return BadId(f"is longer than {_LONGEST_OPAQUE} characters")
    if "/" in text or "\\" in text or ".." in text or text == ".":
        return BadId("contains '/', '\\' or '..'")
    if not text.isprintable():
        return BadId("contains a control character")
    return text


_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_DEFENDER_ID = re.compile(r"[0-9a-fA-F]{40}", re.ASCII)
_HEX = re.compile(r"[0-9a-fA-F]+", re.ASCII)
_GUID_DIGITS = 32
_GUID_PARTS = ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32))
_LONGEST_LIKENESS = 50
_NIL = "00000000-0000-0000-0000-000000000000"
_LONGEST_OPAQUE = 256
_OPAQUE = frozenset(
    {
        "deviceHealthScriptDeviceStateId",
        "deviceManagementScriptDeviceStateId",
        "deviceComplianceScriptDeviceStateId",
        "detectedAppId",
    }
)
_MANAGEMENT_SCRIPT = ("deviceManagementScriptId", "deviceManagementScriptDeviceStateId")
_COLUMNS = {
    Via.MANAGED_DEVICES: ("managedDeviceId",),
    Via.COMANAGED_DEVICES: ("managedDeviceId",),
    Via.DEVICE_HEALTH_SCRIPTS: ("deviceHealthScriptId", "deviceHealthScriptDeviceStateId"),
    Via.DEVICE_MANAGEMENT_SCRIPTS: _MANAGEMENT_SCRIPT,
    Via.DEVICE_COMPLIANCE_SCRIPTS: ("deviceComplianceScriptId", "deviceComplianceScriptDeviceStateId"),
    Via.DEVICE_MANAGEMENT_SCRIPT_USERS: (*_MANAGEMENT_SCRIPT, "userId", "managedDeviceId"),
    Via.DEVICE_MANAGEMENT_SCRIPT_DETECTED_APPS: (*_MANAGEMENT_SCRIPT, "detectedAppId", "managedDeviceId"),
}
