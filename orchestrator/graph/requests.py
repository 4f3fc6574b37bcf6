"""The request to Graph for a call, and for an envelope of calls; pure."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii
from typing import Any
from urllib.parse import quote

from orchestrator.domain.action import Action
from orchestrator.domain.call import Call
from orchestrator.domain.device import Device, Via

VERSION_PATH = "/beta"
"""The action exists in no other version, and an envelope reaches only its own."""

MOST_PARTS = 20
"""Calls in one envelope. https://learn.microsoft.com/graph/json-batching"""


@dataclass(frozen=True, slots=True)
class Request:
    """A POST: everything but the host it goes to and the token."""

    path: str
    headers: Mapping[str, str]
    body: bytes


def request_for(call: Call, user_agent: str) -> Request:
    """The documented request for one call."""
    headers = {**_headers(call.client_request_id), "User-Agent": user_agent}
    return Request(VERSION_PATH + trigger_path(call.via, call.device), headers, _BODIES[call.action])


def envelope_for(calls: Sequence[Call], user_agent: str) -> Request:
    """One `$batch` request for up to 20 calls; the part of the nth call has the id n, counted from 1."""
    if not 1 <= len(calls) <= MOST_PARTS:
        message = f"an envelope takes 1 to {MOST_PARTS} calls, not {len(calls)}"
        raise ValueError(message)
    # Written by hand, because most of a part is the same for all: json takes five times as long over it.
    parts = ",".join(
        f'{{"id":"{number}","method":"POST","url":{encode_basestring_ascii(trigger_path(call.via, call.device))},'
        f'"headers":{{{_PART_HEADERS}"client-request-id":{encode_basestring_ascii(call.client_request_id)}}},'
        f'"body":{_TEXTS[call.action]}}}'
        for number, call in enumerate(calls, start=1)
    )
    name = str(uuid.uuid5(_ENVELOPES, "/".join(call.client_request_id for call in calls)))
    headers = {**_headers(name), "User-Agent": user_agent}
    return Request(f"{VERSION_PATH}/$batch", headers, f'{{"requests":[{parts}]}}'.encode())


def trigger_path(via: Via, device: Device) -> str:
    """The path below the version; no id can leave its segment."""
    return _PATHS[via].format(*map(_segment, device.ids))


def _segment(text: str) -> str:
    # Nearly all are GUIDs, and to find nothing to quote takes long.
    return text if _PLAIN.fullmatch(text) else quote(text, safe="")


def _headers(client_request_id: str) -> dict[str, str]:
    return {
        "Accept": "application/json",
        "Content-Type": "application/json",
        "client-request-id": client_request_id,
    }


def _payload(action: Action) -> dict[str, Any]:
    # Microsoft's pages spell the type with and without "#"; this is what its beta SDK for Python sends.
    described = {"action": action.value, "@odata.type": "#microsoft.graph.configurationManagerAction"}
    return {"configurationManagerAction": described}


_ENVELOPES = uuid.UUID("9a4f3c1e-7d52-4b0a-8c66-0d2f5e8b7a13")
_TEXTS = {action: json.dumps(_payload(action)) for action in Action}
_BODIES = {action: text.encode() for action, text in _TEXTS.items()}
_PART_HEADERS = '"Accept":"application/json","Content-Type":"application/json",'
_PLAIN = re.compile("[0-9A-Za-z-]*")
_TRIGGER = "/triggerConfigurationManagerAction"
_SCRIPT_STATE = "/deviceManagement/{}/{{}}/deviceRunStates/{{}}/managedDevice"
_PATHS = {
    Via.MANAGED_DEVICES: "/deviceManagement/managedDevices/{}" + _TRIGGER,
    Via.COMANAGED_DEVICES: "/deviceManagement/comanagedDevices/{}" + _TRIGGER,
    Via.DEVICE_HEALTH_SCRIPTS: _SCRIPT_STATE.format("deviceHealthScripts") + _TRIGGER,
    Via.DEVICE_MANAGEMENT_SCRIPTS: _SCRIPT_STATE.format("deviceManagementScripts") + _TRIGGER,
    Via.DEVICE_COMPLIANCE_SCRIPTS: _SCRIPT_STATE.format("deviceComplianceScripts") + _TRIGGER,
    Via.DEVICE_MANAGEMENT_SCRIPT_USERS: (
        _SCRIPT_STATE.format("deviceManagementScripts") + "/users/{}/managedDevices/{}" + _TRIGGER
    ),
    Via.DEVICE_MANAGEMENT_SCRIPT_DETECTED_APPS: (
        _SCRIPT_STATE.format("deviceManagementScripts") + "/detectedApps/{}/managedDevices/{}" + _TRIGGER
    ),
}
