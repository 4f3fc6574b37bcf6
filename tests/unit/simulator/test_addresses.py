from __future__ import annotations

from typing import Any

import pytest

from orchestrator.simulator.paths import Address, NoSuchSegment, NotAGuid, locate, segments_of

DEVICE, SCRIPT, USER = (f"00000000-0000-4000-8000-00000000000{n}" for n in "abc")
END = "triggerConfigurationManagerAction"


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (f"managedDevices/{DEVICE}/{END}", Address("managedDevices", DEVICE)),
        (f"managedDevices/{DEVICE.upper()}/{END}", Address("managedDevices", DEVICE)),
        (f"comanagedDevices/{DEVICE}/{END}", Address("comanagedDevices", DEVICE)),
        *(
            (f"{scripts}/{SCRIPT}/deviceRunStates/State%2F1/managedDevice/{END}", Address(scripts, f"{SCRIPT}/State/1"))
            for scripts in ("deviceHealthScripts", "deviceManagementScripts", "deviceComplianceScripts")
        ),
        (
            f"deviceManagementScripts/{SCRIPT}/deviceRunStates/s1/managedDevice/users/{USER}/managedDevices/{DEVICE}/{END}",
            Address("deviceManagementScriptUsers", f"{SCRIPT}/s1/{USER}/{DEVICE}"),
        ),
        (
            f"deviceManagementScripts/{SCRIPT}/deviceRunStates/s1/managedDevice/detectedApps/FF00/managedDevices/{DEVICE}/{END}",
            Address("deviceManagementScriptDetectedApps", f"{SCRIPT}/s1/FF00/{DEVICE}"),
        ),
        (f"managedDevices/{{{DEVICE}}}/{END}", NotAGuid(f"{{{DEVICE}}}", "managedDevices", f"{{{DEVICE}}}")),
        (f"managedDevices//{END}", NotAGuid("", "managedDevices", "")),
        (
            f"deviceManagementScripts/x/deviceRunStates/s1/managedDevice/{END}",
            NotAGuid("x/s1", "deviceManagementScripts", "x"),
        ),
        (f"managedDevices/{DEVICE}", NoSuchSegment(DEVICE)),
        (f"managedDevices/{DEVICE}/wipe", NoSuchSegment("wipe")),
        (f"managedDevice/{DEVICE}/{END}", NoSuchSegment("managedDevice")),
        (
            f"deviceHealthScripts/{SCRIPT}/deviceRunStates/s1/managedDevice/users/{USER}/managedDevices/{DEVICE}/{END}",
            NoSuchSegment(END),
        ),
    ],
)
def test_a_path_is_one_of_the_seven_addresses_or_names_what_is_wrong(path: str, place: object) -> None:
    assert locate(segments_of("/deviceManagement/" + path)) == place


@pytest.mark.parametrize(
    ("request_line", "status", "code"),
    [
        (("POST", f"/beta/deviceManagement/managedDevices/{DEVICE}/{END}"), 204, None),
        (("GET", f"/beta/deviceManagement/managedDevices/{DEVICE}/{END}"), 405, "MethodNotAllowed"),
        (("POST", f"/v1.0/deviceManagement/managedDevices/{DEVICE}/{END}"), 400, "BadRequest"),
        (("POST", "/beta/users"), 400, "BadRequest"),
        (("GET", "/"), 400, "BadRequest"),
        (("POST", f"/beta/deviceManagement/managedDevices/PC-0042/{END}"), 400, "BadRequest"),
    ],
)
async def test_wrong_paths_and_methods_are_refused_as_documented(
    graph: Any, ask: Any, request_line: tuple[str, str], status: int, code: str | None
) -> None:
    method, path = request_line

    answer = await ask(graph, path=path, method=method)

    assert answer.status_code == status
    assert (answer.json()["error"]["code"] if code else None) == code
    assert [call.status for call in graph.tenant.calls] == [status]
