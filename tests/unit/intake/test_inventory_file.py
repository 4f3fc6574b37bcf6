"""Exports of Intune's devices, as people have them, become devices of an inventory."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest

from orchestrator.domain.errors import IntakeFailed
from orchestrator.domain.inventory import InventoryDevice
from orchestrator.intake.inventory_file import InventoryFile, open_inventory_file, parse_time

ID = "7e6ddce7-a7ac-4732-b6fa-dfa7e5c15b62"
ENTRA = "8a119b9e-16bc-4732-8f7b-7676d015b0dc"


def opened(text: str) -> InventoryFile:
    return open_inventory_file(io.BytesIO(text.encode()), file_name="devices.csv", max_bytes=1_000_000)


def devices(text: str) -> list[InventoryDevice]:
    return [device for page in opened(text).pages() for device in page]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            "Device ID,Device name,Last check-in,Azure AD Device ID,Serial number,Primary user UPN,Managed by,OS\n"
            f"{ID},PC-1,2026-11-01 05:00:40.0000000,{ENTRA},5CG1,someone@contoso.example,Co-managed,Windows\n",
            id="the admin center's export",
        ),
        pytest.param(
            '"Id","DeviceName","LastSyncDateTime","AzureAdDeviceId","SerialNumber","UserPrincipalName",'
            '"ManagementAgent","OperatingSystem"\n'
            f'"{ID}","PC-1","11/1/2026 5:00:40 AM","{ENTRA}","5CG1","someone@contoso.example",'
            '"configurationManagerClientMdm","Windows"\n',
            id="Export-Csv of Get-MgDeviceManagementManagedDevice",
        ),
        pytest.param(
            "DeviceId,DeviceName,LastContact,ReferenceId,SerialNumber,UPN,ManagementAgents,OS\n"
            f"{ID},PC-1,2026-11-01T05:00:40Z,{ENTRA},5CG1,someone@contoso.example,10,Windows\n",
            id="a report of the export API",
        ),
    ],
)
def test_the_exports_that_people_have_are_read(text: str) -> None:
    assert devices(text) == [
        InventoryDevice(
            ID,
            "PC-1",
            "5CG1",
            ENTRA,
            user_principal_name="someone@contoso.example",
            os="Windows",
            management_agent="configurationManagerClientMdm",
            last_contact_at=datetime(2026, 11, 1, 5, 0, 40, tzinfo=UTC),
        )
    ]


def test_a_row_without_an_id_is_counted_and_named() -> None:
    file = opened(f"Device ID,Device name\nnone,PC-1\n{ID},PC-2\n")

    found = [device.name for page in file.pages() for device in page]

    assert (found, file.rows, file.skipped) == (["PC-2"], 2, 1)
    assert file.first_skipped == (2, "the managed device id is not a GUID")


@pytest.mark.parametrize(
    "text",
    [
        f"{ID}\n",
        f"Device ID\n{ID}\n",
        "Device ID,Device name\n",
        f'"DeletedDateTime","Id","AdditionalProperties"\n"","{ID}",""\n',
    ],
)
def test_a_file_that_names_no_devices_is_refused(text: str) -> None:
    with pytest.raises(IntakeFailed):
        devices(text)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("", None),
        ("0001-01-01T00:00:00Z", None),
        ("01.11.2026 05:00:40", datetime(2026, 11, 1, 5, 0, 40, tzinfo=UTC)),
        ("11/13/2026 5:00:40 PM", datetime(2026, 11, 13, 17, 0, 40, tzinfo=UTC)),
        ("11/1/2026 12:00:40 AM", datetime(2026, 11, 1, 0, 0, 40, tzinfo=UTC)),
        ("13/11/2026 17:00", datetime(2026, 11, 13, 17, 0, tzinfo=UTC)),
        ("02/03/2026 17:00", None),
        ("31/31/2026 17:00", None),
        ("yesterday", None),
    ],
)
def test_a_time_that_could_be_two_days_is_unknown(text: str, time: datetime | None) -> None:
    assert parse_time(text) == time
