"""Lists that name devices by something else than Intune's id: which column is taken, and what is refused."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from orchestrator.domain.device import Via
from orchestrator.domain.errors import IntakeFailed
from orchestrator.domain.inventory import Ambiguous, Identifier, InventoryDevice, Matched, Named, NotEligible, Unknown
from orchestrator.intake.device_list import DeviceList, IntakeOptions, open_device_list

GUID = "7e6ddce7-a7ac-4732-b6fa-dfa7e5c15b62"
WITH_INVENTORY = IntakeOptions(has_inventory=True)
DEVICE = InventoryDevice(GUID, "PC-1")


def opened(text: str, options: IntakeOptions = WITH_INVENTORY) -> DeviceList:
    return open_device_list(io.BytesIO(text.encode()), file_name=None, via=Via.MANAGED_DEVICES, options=options)


def named(text: str, options: IntakeOptions = WITH_INVENTORY) -> list[tuple[Named, ...]]:
    devices = opened(text, options)
    assert devices.is_matched
    return [devices.named(row) for page in devices.pages() for row in page.rows]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Device name\nPC-1\n", (Named(Identifier.NAME, "PC-1"),)),
        ("ComputerName,Owner\nPC-1,x\n", (Named(Identifier.NAME, "PC-1"),)),
        ("Name;Serial number\nPC-1;5CG1\n", (Named(Identifier.SERIAL, "5CG1"), Named(Identifier.NAME, "PC-1"))),
        ("Name,SMSID\nPC-1,GUID:x\n", (Named(Identifier.CONFIGMGR, "GUID:x"), Named(Identifier.NAME, "PC-1"))),
        (f"Azure AD Device ID\n{GUID}\n", (Named(Identifier.ENTRA, GUID),)),
        (f"SMSID\nGUID:{GUID}\n", (Named(Identifier.CONFIGMGR, f"GUID:{GUID}"),)),
        ("PC-1\nPC-2\n", (Named(Identifier.NAME, "PC-1"),)),
        ("Computers\nPC-1\n", (Named(Identifier.NAME, "PC-1"),)),
        ("Serials\n5CG1\n", (Named(Identifier.SERIAL, "5CG1"),)),
    ],
)
def test_the_headers_of_exports_say_what_the_rows_hold(text: str, first: tuple[Named, ...]) -> None:
    assert named(text)[0] == first


@pytest.mark.parametrize(
    ("text", "options", "first"),
    [
        ("5CG1\n5CG2\n", {"match": Identifier.SERIAL}, Named(Identifier.SERIAL, "5CG1")),
        ("Computers\nPC-1\n", {"match": Identifier.NAME}, Named(Identifier.NAME, "PC-1")),
        ("Tag,Label\n1,5CG1\n", {"match": Identifier.SERIAL, "column": "label"}, Named(Identifier.SERIAL, "5CG1")),
        (f"Id,DeviceName\n{GUID},PC-1\n", {"match": Identifier.NAME}, Named(Identifier.NAME, "PC-1")),
        (f"deviceId,displayName\n{GUID},x\n", {"match": Identifier.ENTRA, "column": "deviceId"}, None),
    ],
)
def test_match_and_column_overrule_the_header(text: str, options: dict[str, object], first: Named | None) -> None:
    found = named(text, replace(WITH_INVENTORY, **options))  # type: ignore[arg-type] # fields of IntakeOptions

    assert found[0] == ((first or Named(Identifier.ENTRA, GUID)),)


def test_a_managed_device_id_beside_a_name_wins() -> None:
    assert not opened(f"Device ID,Device name\n{GUID},PC-1\n").is_matched


def test_ids_without_a_sign_wait_for_the_inventory_to_know_them() -> None:
    devices = opened(f'"DeletedDateTime","Id"\n"","{GUID}"\n')

    assert devices.is_matched
    assert devices.doubt is not None
    assert "Entra" in devices.doubt


@pytest.mark.parametrize("text", ["Device name\nPC-1\n", "PC-1\nPC-2\n", f"Microsoft Entra Device ID\n{GUID}\n"])
def test_without_an_inventory_the_refusal_names_the_commands_that_make_one(text: str) -> None:
    with pytest.raises(IntakeFailed, match=r"inventory refresh.*inventory import FILE"):
        opened(text, IntakeOptions())


def test_a_row_becomes_one_device_or_a_reason_and_a_device_counts_once() -> None:
    devices = opened("Device name\nPC-1\nPC-2\npc-1\nPHONE\n")
    rows = [row for page in devices.pages() for row in page.rows]
    phone = DEVICE._replace(objection="runs iOS")

    settled = [
        devices.settle(rows[0], Matched(DEVICE, Identifier.NAME)),
        devices.settle(rows[1], Ambiguous(Identifier.NAME, (DEVICE, DEVICE)), "ambiguous: two"),
        devices.settle(rows[2], Matched(DEVICE, Identifier.NAME, is_newest=True)),
        devices.settle(rows[3], NotEligible(Identifier.NAME, (phone,)), "not eligible: it runs iOS"),
    ]

    assert [(row.verdict, row.message) for row in settled] == [
        (None, None),
        ("rejected", "ambiguous: two"),
        ("duplicate", "same device as line 2"),
        ("rejected", "not eligible: it runs iOS"),
    ]
    report = devices.report()
    assert (report.good, report.bad, report.duplicates, report.matched) == (1, 2, 1, {"name": 1})


def test_an_unknown_row_makes_the_list_bad() -> None:
    devices = opened("Device name\nPC-9\n")
    [row] = [row for page in devices.pages() for row in page.rows]

    devices.settle(row, Unknown(Identifier.NAME), "unknown: no device of this name")

    assert devices.report().problems[0].reason == "unknown: no device of this name"


def test_a_selection_says_by_what_each_device_was_found() -> None:
    text = f"managedDeviceId,deviceName,matchedBy\n{GUID},PC-1,where\n"

    devices = opened(text, replace(WITH_INVENTORY, is_selection=True))
    [row] = [row for page in devices.pages() for row in page.rows]

    assert (devices.columns, row.cells, row.matched_by, row.name) == ((), (), "where", "PC-1")


def test_a_list_under_headers_of_another_language_says_how_its_names_are_matched() -> None:
    with pytest.raises(IntakeFailed, match="--match name --column NAME"):
        opened("Gerätename;Ort\nBER-1;Berlin\n")
