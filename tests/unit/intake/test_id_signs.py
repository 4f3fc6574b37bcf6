"""Ids are called only where a sign shows that they are Intune's; everything else is refused with advice."""

from __future__ import annotations

import pytest

from orchestrator.domain.device import Via
from orchestrator.domain.errors import IntakeFailed
from orchestrator.intake.columns import find_id_columns

MANAGED = "Selected.Microsoft.Graph.PowerShell.Models.MicrosoftGraphManagedDevice"


def taken(header: str, *, object_type: str | None = None, with_guids: set[int] | None = None) -> str:
    found = find_id_columns(
        header.split(","), Via.MANAGED_DEVICES, column=None, object_type=object_type, with_guids=with_guids
    )
    return found.names[0]


def refusal(header: str, *, object_type: str | None = None, with_guids: set[int] | None = None) -> str:
    with pytest.raises(IntakeFailed) as failed:
        taken(header, object_type=object_type, with_guids=with_guids)
    return str(failed.value)


@pytest.mark.parametrize(
    ("header", "object_type"),
    [
        ("Id", None),
        ("DeviceId,,", None),
        ("Device ID,Device name", None),
        ("device  id,x", None),
        ("De\u200bvice ID,x", None),
        ("Device_ID,Last check in", None),
        ("Id,DeviceName,ManagementAgent,AzureActiveDirectoryDeviceId", None),
        ("Id,LastSyncDateTime,SiteCode", None),
        ("Id,SerialNumber", None),
        ("DeviceId,Managed by", None),
        ("Id,managementAgent_loc", None),
        ("Device_ID,Last check-in", None),
        ("DeviceId,LastContact,ownerType", None),
        ("Id,LastSyncDateTime,OperatingSystem", None),
        ("DeviceId,Azure AD Device ID", None),
        ("DeviceId,Microsoft Entra Device ID", None),
        ("Id,DeviceName", MANAGED),
        ("Id,DeviceName", "Microsoft.Graph.Beta.PowerShell.Models.MicrosoftGraphManagedDevice1"),
        ("Id,AdditionalProperties,ManagementAgent,EnrolledDateTime,ManagedDeviceName,SerialNumber", None),
    ],
)
def test_an_id_with_a_sign_of_intune_is_taken(header: str, object_type: str | None) -> None:
    assert taken(header, object_type=object_type) == header.split(",", maxsplit=1)[0]


@pytest.mark.parametrize(
    "header",
    [
        "Id,DeviceName",
        "DeviceId,DeviceName,OS,Ownership,Compliance",
        "Device_ID,Device_Name0",
        "Id,AzureAdDeviceId",
        "Id,DisplayName,AppOwnerOrganizationId",
    ],
)
def test_an_id_without_a_sign_is_refused_with_the_reason_and_what_to_export(header: str) -> None:
    said = refusal(header)

    assert "Nothing in this list shows" in said
    assert "Devices > All devices" in said
    assert f"`--column {header.split(',', maxsplit=1)[0]}` overrules" in said


@pytest.mark.parametrize("sign", ["Device ID", "Device ID,Serial number", "Id,Management agent"])
@pytest.mark.parametrize(
    "mark",
    [
        *("TrustType", "joinType (trustType)", "Account Enabled", "ApproximateLastSignInDateTime", "DeletedDateTime"),
        *("Mail", "AdditionalProperties", "joinType,objectId", "GroupTypes", "AppId", "userType", "PhysicalIds"),
        *("Approximate last sign-in", "Approximate Last Sign-in date", "Deleted date/time", "Registered,Activity"),
        *("Account-enabled", "Join type,Registered"),
    ],
)
def test_a_column_that_only_entra_has_beats_every_sign(sign: str, mark: str) -> None:
    said = refusal(f"{sign},{mark}")

    assert "from Microsoft Entra" in said
    assert "Devices > All devices" in said
    assert "--column" in said


def test_a_column_that_only_entra_has_beats_the_type_line_and_no_other_name_of_the_id() -> None:
    assert "from Microsoft Entra" in refusal("Id,AccountEnabled", object_type=MANAGED)
    assert taken("IntuneDeviceId,AccountEnabled") == "IntuneDeviceId"
    assert taken("managedDeviceId,mail,objectId,joinType") == "managedDeviceId"


@pytest.mark.parametrize(
    ("header", "source"),
    [
        ("Id,SerialNumber,GroupTag", "Windows Autopilot"),
        ("DeviceID,SerialNumber,SMSID", "ConfigMgr"),
        ("Id,Managed By,ExposureLevel", "Microsoft Defender"),
        ("Id,SerialNumber,Manufacturer,Enrollment state", "Windows Autopilot"),
        ("DeviceId,SerialNumber,Site-code", "ConfigMgr"),
        ("Id,SerialNumber,ObjectGUID,DistinguishedName", "Active Directory"),
        ("Name,ObjectGUID,SamAccountName", "Active Directory"),
        ("Name,ResourceID,SMSID,SiteCode", "ConfigMgr"),
    ],
)
def test_the_list_of_another_product_is_named(header: str, source: str) -> None:
    said = refusal(header)

    assert f"from {source}" in said
    assert "Devices > All devices" in said


@pytest.mark.parametrize(
    "object_type",
    [
        "Microsoft.Graph.PowerShell.Models.MicrosoftGraphDevice",
        "Selected.Microsoft.Graph.PowerShell.Models.MicrosoftGraphUser",
        "Microsoft.Graph.PowerShell.Models.MicrosoftGraphDirectoryObject",
        "Microsoft.ActiveDirectory.Management.ADComputer",
    ],
)
def test_a_type_line_of_other_objects_is_believed_although_the_id_stands_alone(object_type: str) -> None:
    assert "`#TYPE` line says" in refusal("Id", object_type=object_type)


@pytest.mark.parametrize(
    ("header", "with_guids", "hint"),
    [
        ("Serial,Name", set(), None),
        ("Serial,Other id", {1}, '`--column "Other id"` overrules'),
        ("ObjectGUID,Name", {0}, "`--column ObjectGUID` overrules"),
        ("A,B", {0, 1}, "`--column NAME` overrules"),
        ("Id,Name", {1}, None),
    ],
)
def test_only_a_column_that_holds_ids_is_offered(header: str, with_guids: set[int], hint: str | None) -> None:
    said = refusal(header, with_guids=with_guids)

    assert hint in said if hint else "--column" not in said
