"""Where a request points: the seven addresses of the action, below `/beta`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

ACTION_SEGMENT = "triggerConfigurationManagerAction"

_GUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_SCRIPTS = frozenset({"deviceHealthScripts", "deviceManagementScripts", "deviceComplianceScripts"})
_LISTED_BELOW_A_RUN_STATE = {
    "users": "deviceManagementScriptUsers",
    "detectedApps": "deviceManagementScriptDetectedApps",
}


@dataclass(frozen=True, slots=True)
class Address:
    """One device as the URL names it: the managed device id, or all ids of the path joined by `/`."""

    via: str
    device: str


@dataclass(frozen=True, slots=True)
class NoSuchSegment:
    """The path leads nowhere from this segment on."""

    segment: str


@dataclass(frozen=True, slots=True)
class NotAGuid:
    """The path is right, but an id in it cannot be one."""

    device: str
    via: str
    value: str


Place = Address | NoSuchSegment | NotAGuid


def segments_of(path: str) -> list[str]:
    """The decoded segments of a path as it came over the wire; an encoded slash stays inside its segment."""
    segments = path.split("/")[1:]
    return [unquote(segment) for segment in segments] if "%" in path else segments


def locate(segments: Sequence[str]) -> Place:
    """Parses the segments below the version."""
    match segments:
        case [
            "deviceManagement",
            ("managedDevices" | "comanagedDevices") as via,
            device,
            "triggerConfigurationManagerAction",
        ]:
            return _address(via, (device,), guids=(device,))
        case [
            "deviceManagement",
            scripts,
            script,
            "deviceRunStates",
            state,
            "managedDevice",
            "triggerConfigurationManagerAction",
        ] if scripts in _SCRIPTS and state:
            return _address(scripts, (script, state), guids=(script,))
        case [
            "deviceManagement",
            "deviceManagementScripts",
            script,
            "deviceRunStates",
            state,
            "managedDevice",
            ("users" | "detectedApps") as listed,
            owner,
            "managedDevices",
            device,
            "triggerConfigurationManagerAction",
        ] if state and owner:
            # A detected app's id is 64 hexadecimal digits, a user's is a GUID.
            guids = (script, owner, device) if listed == "users" else (script, device)
            return _address(_LISTED_BELOW_A_RUN_STATE[listed], (script, state, owner, device), guids=guids)
        case _:
            return NoSuchSegment(_first_wrong(segments))


def is_guid(text: str) -> bool:
    """True for 32 hexadecimal digits in the usual five groups, without braces."""
    return _GUID.fullmatch(text) is not None


def _address(via: str, ids: tuple[str, ...], *, guids: tuple[str, ...]) -> Address | NotAGuid:
    device = "/".join(each.lower() if each in guids else each for each in ids) if len(ids) > 1 else ids[0].lower()
    for each in guids:
        if not is_guid(each):
            return NotAGuid(device, via, each)
    return Address(via, device)


def _first_wrong(segments: Sequence[str]) -> str:
    if not segments or segments[0] != "deviceManagement":
        return segments[0] if segments else ""
    if len(segments) > 1 and segments[1] not in _SCRIPTS | {"managedDevices", "comanagedDevices"}:
        return segments[1]
    return segments[-1]
