from __future__ import annotations

import pytest

from orchestrator.domain.device import BadId, Device, Via, parse_id

GUID = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
OTHERWISE = f"is not a GUID as it is written; if {GUID} is meant, write that"


@pytest.mark.parametrize(
    "text",
    [GUID, GUID.upper(), f"{{{GUID}}}", f"  {GUID}\t", f"{{{GUID.upper()}}} "],
)
def test_a_guid_is_kept_in_lower_case_without_braces(text: str) -> None:
    assert parse_id("managedDeviceId", text) == GUID


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("   ", "is empty"),
        ("{}", "is not a GUID"),
        ("{", "is not a GUID"),
        (f"{{{GUID}", OTHERWISE),
        (f"({GUID})", OTHERWISE),
        (GUID.replace("-", ""), OTHERWISE),
        (GUID[:-1], "is not a GUID"),
        (GUID + "0", "is not a GUID"),
        (GUID + "\n" + GUID, "is not a GUID"),
        (GUID.replace("3", "٣"), "is not a GUID"),
        (GUID.replace("f", "g"), "is not a GUID"),
        ("DESKTOP-1234567", "is not a GUID"),
        ("00000000-0000-0000-0000-000000000000", "is the nil GUID, which no device has"),
        ("{00000000-0000-0000-0000-000000000000}", "is the nil GUID, which no device has"),
    ],
)
@pytest.mark.parametrize("column", ["managedDeviceId", "userId", "deviceHealthScriptId", "deviceManagementScriptId"])
def test_what_is_no_guid_is_refused_with_the_reason(column: str, text: str, reason: str) -> None:
    assert parse_id(column, text) == BadId(reason)


@pytest.mark.parametrize(
    "text",
    ["a", "A:b", f"{GUID}_{GUID}", "x" * 256, "with blank", "100%", "dot.dot", "ü", "?#&="],
)
@pytest.mark.parametrize("column", ["deviceHealthScriptDeviceStateId", "detectedAppId"])
def test_an_opaque_id_keeps_its_case_and_its_characters(column: str, text: str) -> None:
    assert parse_id(column, text) == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("x" * 257, "is longer than 256 characters"),
        ("a/b", "contains '/', '\\' or '..'"),
        ("a\\b", "contains '/', '\\' or '..'"),
        ("a..b", "contains '/', '\\' or '..'"),
        (".", "contains '/', '\\' or '..'"),
        ("a\x00b", "contains a control character"),
        ("a\nb", "contains a control character"),
        ("a\x7fb", "contains a control character"),
        ("a\ud800b", "contains a control character"),
    ],
)
def test_an_opaque_id_that_could_leave_its_path_segment_is_refused(text: str, reason: str) -> None:
    assert parse_id("deviceManagementScriptDeviceStateId", text) == BadId(reason)


@pytest.mark.parametrize(
    ("via", "columns"),
    [
        (Via.MANAGED_DEVICES, 1),
        (Via.COMANAGED_DEVICES, 1),
        (Via.DEVICE_HEALTH_SCRIPTS, 2),
        (Via.DEVICE_MANAGEMENT_SCRIPTS, 2),
        (Via.DEVICE_COMPLIANCE_SCRIPTS, 2),
        (Via.DEVICE_MANAGEMENT_SCRIPT_USERS, 4),
        (Via.DEVICE_MANAGEMENT_SCRIPT_DETECTED_APPS, 4),
    ],
)
def test_each_way_names_the_ids_it_needs(via: Via, columns: int) -> None:
    assert len(via.columns) == len(set(via.columns)) == columns


def test_a_device_comes_back_from_its_key() -> None:
    device = Device((GUID, "State:1", "user", GUID))

    assert Device.from_key(device.key) == device
