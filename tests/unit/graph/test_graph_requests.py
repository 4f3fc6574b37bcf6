from __future__ import annotations

import json

import httpx
import pytest

from orchestrator.domain.action import Action
from orchestrator.domain.call import Call
from orchestrator.domain.device import Device, Via
from orchestrator.graph.requests import envelope_for, request_for, trigger_path

DEVICE = "00000000-0000-4000-8000-00000000000a"
SCRIPT = "00000000-0000-4000-8000-00000000000b"
USER = "00000000-0000-4000-8000-00000000000c"
REQUEST = "00000000-0000-4000-8000-00000000000d"


def a_call(action: Action = Action.REFRESH_USER_POLICY, device: str = DEVICE, request: str = REQUEST) -> Call:
    return Call(action, Via.MANAGED_DEVICES, Device((device,)), request)


@pytest.mark.parametrize(
    ("via", "ids", "path"),
    [
        (Via.MANAGED_DEVICES, (DEVICE,), f"/managedDevices/{DEVICE}"),
        (Via.COMANAGED_DEVICES, (DEVICE,), f"/comanagedDevices/{DEVICE}"),
        (
            Via.DEVICE_HEALTH_SCRIPTS,
            (SCRIPT, "state"),
            f"/deviceHealthScripts/{SCRIPT}/deviceRunStates/state/managedDevice",
        ),
        (
            Via.DEVICE_MANAGEMENT_SCRIPTS,
            (SCRIPT, "state"),
            f"/deviceManagementScripts/{SCRIPT}/deviceRunStates/state/managedDevice",
        ),
        (
            Via.DEVICE_COMPLIANCE_SCRIPTS,
            (SCRIPT, "state"),
            f"/deviceComplianceScripts/{SCRIPT}/deviceRunStates/state/managedDevice",
        ),
        (
            Via.DEVICE_MANAGEMENT_SCRIPT_USERS,
            (SCRIPT, "state", USER, DEVICE),
            f"/deviceManagementScripts/{SCRIPT}/deviceRunStates/state/managedDevice/users/{USER}/managedDevices/{DEVICE}",
        ),
        (
            Via.DEVICE_MANAGEMENT_SCRIPT_DETECTED_APPS,
            (SCRIPT, "state", "app", DEVICE),
            f"/deviceManagementScripts/{SCRIPT}/deviceRunStates/state/managedDevice/detectedApps/app/managedDevices/{DEVICE}",
        ),
    ],
)
def test_each_way_has_its_documented_path(via: Via, ids: tuple[str, ...], path: str) -> None:
    found = trigger_path(via, Device(ids))

    assert found == f"/deviceManagement{path}/triggerConfigurationManagerAction"


@pytest.mark.parametrize("hostile", ["a b", "a?b=c", "a#b", "a%2fb", "@elsewhere.example", "ä:8443", "a;b,c&d='$e"])
def test_no_id_leaves_its_segment_even_on_the_wire(hostile: str) -> None:
    path = trigger_path(Via.DEVICE_HEALTH_SCRIPTS, Device((SCRIPT, hostile)))

    on_the_wire = httpx.URL("https://graph.microsoft.com/beta" + path)

    assert on_the_wire.host == "graph.microsoft.com"
    assert on_the_wire.raw_path.decode() == "/beta" + path
    assert on_the_wire.raw_path.count(b"/") == 8
    assert on_the_wire.path.split("/")[6] == hostile


@pytest.mark.parametrize("action", list(Action))
def test_the_body_is_what_the_beta_sdk_sends(action: Action) -> None:
    request = request_for(a_call(action), "muster/1.0")

    assert request.body == (
        b'{"configurationManagerAction": {"action": "' + action.encode() + b'", '
        b'"@odata.type": "#microsoft.graph.configurationManagerAction"}}'
    )


def test_a_request_names_itself_and_us() -> None:
    request = request_for(a_call(), "muster/1.0")

    assert request.path == f"/beta/deviceManagement/managedDevices/{DEVICE}/triggerConfigurationManagerAction"
    assert request.headers == {
        "Accept": "application/json",
        "Content-Type": "application/json",
        "client-request-id": REQUEST,
        "User-Agent": "muster/1.0",
    }


def test_an_envelope_numbers_its_parts_and_repeats_the_documented_request_in_each() -> None:
    calls = [a_call(Action.FULL_SCAN, request=f"request-{number}") for number in range(20)]

    request = envelope_for(calls, "muster/1.0")

    parts = json.loads(request.body)["requests"]
    assert request.path == "/beta/$batch"
    assert [part["id"] for part in parts] == [str(number) for number in range(1, 21)]
    assert [part["headers"]["client-request-id"] for part in parts] == [call.client_request_id for call in calls]
    assert parts[0] == {
        "id": "1",
        "method": "POST",
        "url": f"/deviceManagement/managedDevices/{DEVICE}/triggerConfigurationManagerAction",
        "headers": {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "client-request-id": "request-0",
        },
        "body": json.loads(request_for(calls[0], "").body),
    }


def test_another_attempt_is_another_envelope() -> None:
    first = envelope_for([a_call(request="one")], "muster/1.0")
    second = envelope_for([a_call(request="two")], "muster/1.0")

    assert first.headers["client-request-id"] != second.headers["client-request-id"]


@pytest.mark.parametrize("count", [0, 21])
def test_an_envelope_takes_no_more_than_graph_does(count: int) -> None:
    with pytest.raises(ValueError, match="1 to 20"):
        envelope_for([a_call()] * count, "muster/1.0")
