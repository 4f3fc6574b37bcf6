from __future__ import annotations

import pytest

from orchestrator.domain.device import Via
from orchestrator.domain.errors import IntakeFailed
from orchestrator.intake.columns import find_bare_column, find_id_columns, is_device

GUID = "7e6ddce7-a7ac-4732-b6fa-dfa7e5c15b62"


def taken(header: str, *, via: Via = Via.MANAGED_DEVICES, column: str | None = None) -> tuple[str, ...]:
    return find_id_columns(header.split(","), via, column=column).names


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("managedDeviceId,x", "managedDeviceId"),
        ("x,MANAGED_DEVICE_ID", "MANAGED_DEVICE_ID"),
        ("x,Managed Device Id", "Managed Device Id"),
        ("IntuneDeviceId", "IntuneDeviceId"),
        ("Device ID,Device name,Azure AD Device ID", "Device ID"),
        (" device_id ,Serial number", " device_id "),
        ("Device\xa0ID,x", "Device\xa0ID"),
        ("\u200bDevice ID\ufeff,x", "\u200bDevice ID\ufeff"),
        ("DeviceName,DeviceId,LastContact", "DeviceId"),
        ("Id,DeviceName,AzureAdDeviceId,ManagementAgent", "Id"),
        ("id", "id"),
        ("Id,Device ID,IntuneDeviceId,managedDeviceId", "managedDeviceId"),
        ("Id,TrustType,IntuneDeviceId", "IntuneDeviceId"),
        ("DeviceId,AccountEnabled,managedDeviceId", "managedDeviceId"),
        ("Device ID,Object ID", "Device ID"),
        ("Id,Device ID", "Device ID"),
    ],
)
def test_the_id_is_found_however_its_column_is_spelled_and_the_first_of_the_list_wins(header: str, name: str) -> None:
    assert taken(header) == (name,)


def test_a_list_for_another_way_of_addressing_is_answered_with_that_way() -> None:
    with pytest.raises(IntakeFailed, match="are the columns of `--via deviceHealthScripts`"):
        taken("deviceHealthScriptId,deviceHealthScriptDeviceStateId,Name")


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("Azure AD Device ID,Name", "only Entra ids.*Azure AD Device ID.*Intune admin center"),
        ("Microsoft Entra Device ID", "only Entra ids.*Microsoft Entra Device ID"),
        ("object_id,Name", "only Entra ids.*Object ID"),
        ("AadDeviceId,Name", "only Entra ids"),
        ("version:v1.0,,", "template.*group.*Device ID"),
        ("Member object ID or user principal name [memberObjectIdOrUpn] Required", "template.*group"),
        ("Id,DeviceId,DisplayName", "under `DeviceId`.*`Id` stands beside it"),
        ("id,trustType", "beside `id` stands `trustType`"),
        ("displayName,accountEnabled,deviceId,objectId", "beside `deviceId` stands `accountEnabled`"),
    ],
)
def test_entra_ids_are_refused_with_the_reason_and_what_to_export_instead(header: str, words: str) -> None:
    with pytest.raises(IntakeFailed, match=words):
        taken(header)


@pytest.mark.parametrize(
    ("header", "column", "name"),
    [
        ("Device ID,Other", "Other", "Other"),
        ("Device ID,Other One", "other_one", "Other One"),
        ("Device ID,DeviceId", "DeviceId", "DeviceId"),
        ("Id,TrustType", "Id", "Id"),
        ("Azure AD Device ID,Name", "azure ad device id", "Azure AD Device ID"),
    ],
)
def test_a_named_column_overrules_all_else(header: str, column: str, name: str) -> None:
    assert taken(header, column=column) == (name,)


@pytest.mark.parametrize(
    ("header", "column", "words"),
    [
        ("Serial,Name", None, "none is called `managedDeviceId`.*There are: `Serial`, `Name`.*--column"),
        ("Serial", None, "There is only `Serial`"),
        ("Device ID,Name", "Nmae", "no column 'Nmae'.*`Device ID`, `Name`"),
        ("Device ID,DeviceId", None, "`Device ID`, `DeviceId`, the columns 1, 2.*--column"),
        ("Device ID,Name,Device ID", "Device ID", "Several columns.*the columns 1, 3. Rename"),
        ("Other,other", "OTHER", "Several columns"),
        ("Na\x1b[31mme", None, "Na\ufffd\\[31mme"),
        (",".join(f"c{n}" for n in range(300)), None, "and 240 more"),
    ],
)
def test_a_column_that_cannot_be_told_is_asked_for(header: str, column: str | None, words: str) -> None:
    with pytest.raises(IntakeFailed, match=words):
        taken(header, column=column)


def test_several_ids_are_found_by_their_names_in_any_order() -> None:
    found = find_id_columns(
        ["x", "Managed_Device_Id", "userid", "DEVICEMANAGEMENTSCRIPTID", "Device Management Script Device State Id"],
        Via.DEVICE_MANAGEMENT_SCRIPT_USERS,
        column=None,
    )

    assert found.indexes == (3, 4, 2, 1)


@pytest.mark.parametrize(
    ("header", "column", "words"),
    [
        ("deviceHealthScriptId,Id", None, "`deviceHealthScriptDeviceStateId` is missing.*There are: .*`Id`"),
        ("Id,Name", None, "`deviceHealthScriptId`, `deviceHealthScriptDeviceStateId` are missing"),
        ("deviceHealthScriptId,deviceHealthScriptDeviceStateId,DeviceHealthScriptId", None, "Several columns"),
        ("deviceHealthScriptId,deviceHealthScriptDeviceStateId", "Id", "names one column, and .* needs 2"),
    ],
)
def test_several_ids_need_all_their_names(header: str, column: str | None, words: str) -> None:
    with pytest.raises(IntakeFailed, match=words):
        taken(header, via=Via.DEVICE_HEALTH_SCRIPTS, column=column)


@pytest.mark.parametrize(
    ("cells", "answer"),
    [
        ([GUID], True),
        ([f" {{{GUID.upper()}}} "], True),
        (["00000000-0000-0000-0000-000000000000"], True),
        (["PC-1", GUID], True),
        (["Device ID"], False),
        (["-"], False),
        (["", ""], False),
    ],
)
def test_a_first_row_with_a_guid_is_no_header(cells: list[str], *, answer: bool) -> None:
    assert is_device(cells) is answer


@pytest.mark.parametrize("cells", [[GUID], [GUID, "", " "]])
def test_one_bare_column_needs_no_header(cells: list[str]) -> None:
    assert find_bare_column(cells, Via.MANAGED_DEVICES, column=None).indexes == (0,)


@pytest.mark.parametrize(
    ("cells", "via", "column", "words"),
    [
        ([GUID, "PC-1"], Via.MANAGED_DEVICES, None, "Only one bare column"),
        (["PC-1", GUID], Via.MANAGED_DEVICES, None, "Only one bare column"),
        ([GUID], Via.MANAGED_DEVICES, "Id", "no column 'Id': the file has no header"),
        ([GUID, GUID], Via.DEVICE_HEALTH_SCRIPTS, None, "needs one with `deviceHealthScriptId`"),
    ],
)
def test_more_than_one_bare_column_does(cells: list[str], via: Via, column: str | None, words: str) -> None:
    with pytest.raises(IntakeFailed, match=words):
        find_bare_column(cells, via, column=column)
