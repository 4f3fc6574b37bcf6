"""Lists that name devices by something else than Intune's id: which column is taken, and what is refused."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from orchestrator.domain.device import Via
from orchestrator.domain.errors import IntakeFailed
from orchestrator.domain.inventory import (
    Ambiguous,
    Found,
    Identifier,
    InventoryDevice,
    Match,
    Matched,
    MatchKey,
    NotEligible,
    Unknown,
)
from orchestrator.intake.device_list import DeviceList, IntakeOptions, open_device_list
from orchestrator.intake.input_row import InputRow

GUID = "7e6ddce7-a7ac-4732-b6fa-dfa7e5c15b62"
WITH_INVENTORY = IntakeOptions(has_inventory=True)
DEVICE = InventoryDevice(GUID, "PC-1")


def opened(text: str, options: IntakeOptions = WITH_INVENTORY) -> DeviceList:
    return open_device_list(io.BytesIO(text.encode()), file_name=None, via=Via.MANAGED_DEVICES, options=options)


def keys(text: str, options: IntakeOptions = WITH_INVENTORY) -> list[MatchKey | None]:
    devices = opened(text, options)
    assert devices.is_matched
    return [key for page in devices.pages() for key in devices.keys(page)]


def settled(devices: DeviceList, found: Found) -> list[InputRow]:
    [page] = devices.pages()
    return devices.settle(
        page, devices.keys(page), {Identifier.NAME: found}, lambda match: f"{type(match).__name__}!"
    ).rows


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Device name\nPC-1\n", [(Identifier.NAME, "pc-1")]),
        ("ComputerName,Owner\nPC-1,x\n", [(Identifier.NAME, "pc-1")]),
        ("Name;Serial number\nPC-1;5CG1\nPC-2;\n", [(Identifier.SERIAL, "5cg1"), (Identifier.NAME, "pc-2")]),
        (f"Name,SMSID\nPC-1,GUID:{GUID}\nPC-2,x\n", [(Identifier.CONFIGMGR, GUID), (Identifier.NAME, "pc-2")]),
        (f"Azure AD Device ID\n{GUID}\nx\n", [(Identifier.ENTRA, GUID), None]),
        (f"SMSID\nGUID:{GUID}\n", [(Identifier.CONFIGMGR, GUID)]),
        ("PC-1\nPC-2\n", [(Identifier.NAME, "pc-1"), (Identifier.NAME, "pc-2")]),
        ("Computers\nPC-1\n", [(Identifier.NAME, "pc-1")]),
        ("Serials\n5CG1\nDefault string\n", [(Identifier.SERIAL, "5cg1"), None]),
        ("Name,Serial number\n\u00ad,N/A\nPC-3,N/A\n", [None, (Identifier.NAME, "pc-3")]),
    ],
)
def test_the_headers_of_exports_say_what_the_rows_hold(text: str, expected: list[MatchKey | None]) -> None:
    assert keys(text) == expected


@pytest.mark.parametrize(
    ("text", "options", "first"),
    [
        ("5CG1\n5CG2\n", {"match": Identifier.SERIAL}, (Identifier.SERIAL, "5cg1")),
        ("Computers\nPC-1\n", {"match": Identifier.NAME}, (Identifier.NAME, "pc-1")),
        ("Tag,Label\n1,5CG1\n", {"match": Identifier.SERIAL, "column": "label"}, (Identifier.SERIAL, "5cg1")),
        (f"Id,DeviceName\n{GUID},PC-1\n", {"match": Identifier.NAME}, (Identifier.NAME, "pc-1")),
        (
            f"deviceId,displayName\n{GUID},x\n",
            {"match": Identifier.ENTRA, "column": "deviceId"},
            (Identifier.ENTRA, GUID),
        ),
    ],
)
def test_match_and_column_overrule_the_header(text: str, options: dict[str, object], first: MatchKey) -> None:
    assert keys(text, replace(WITH_INVENTORY, **options))[0] == first  # type: ignore[arg-type] # fields of IntakeOptions


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
    devices = opened("Device name\nPC-1\nPC-2\npc-1\nPC-01\nPHONE\nTWIN\n")
    phone, twin = DEVICE._replace(objection="runs iOS"), InventoryDevice(GUID.replace("7", "8"), "TWIN")
    others: dict[str, Match] = {
        "pc-2": Ambiguous(Identifier.NAME, (DEVICE, DEVICE)),
        "pc-01": Matched(DEVICE, Identifier.NAME, is_newest=True),
        "phone": NotEligible(Identifier.NAME, (phone,)),
        "twin": Matched(twin, Identifier.NAME, is_newest=True),
    }

    rows = settled(devices, Found({"pc-1": (GUID, "PC-1")}, others))

    assert [(row.verdict, row.message, row.matched_by, row.name) for row in rows] == [
        (None, None, "name", "PC-1"),
        ("rejected", "Ambiguous!", None, None),
        ("duplicate", "same device as line 2", None, None),
        ("duplicate", "same device as line 2", None, None),
        ("rejected", "NotEligible!", None, None),
        (None, None, "name+newest", "TWIN"),
    ]
    assert [row.device and row.device.key for row in rows] == [GUID, None, GUID, GUID, None, twin.id]
    report = devices.report()
    assert (report.good, report.bad, report.duplicates) == (2, 2, 2)
    assert report.matched == {"name": 1, "name+newest": 1}


def test_a_typed_name_is_matched_in_place_of_the_one_in_its_line() -> None:
    options = replace(WITH_INVENTORY, choices={2: "pc-1 ", 4: "PC-00"})
    text = "Device name\nPC-0\nPC-2\nPC-3\n"

    rows = settled(opened(text, options), Found({"pc-1": (GUID, "PC-1")}, {}))

    assert keys(text, options) == [(Identifier.NAME, each) for each in ("pc-1", "pc-2", "pc-00")]
    assert [row.device and row.device.key for row in rows] == [GUID, None, None]
    assert [row.message for row in rows] == [None, "Unknown!", "read as 'PC-00'; Unknown!"]


def test_an_unknown_row_makes_the_list_bad() -> None:
    devices = opened("Device name\nPC-9\n")

    settled(devices, Found({}, {}))

    assert devices.report().problems[0].reason == "Unknown!"


@pytest.mark.parametrize(
    ("text", "match"), [("x", Unknown(Identifier.ENTRA)), ("n/a", Unknown(Identifier.SERIAL, is_placeholder=True))]
)
def test_a_row_whose_cells_identify_no_device_is_unknown_by_the_kind_of_its_first_cell(
    text: str, match: Unknown
) -> None:
    header = "Serial number" if match.is_placeholder else "Azure AD Device ID"
    devices = opened(f"{header}\n{text}\n")
    [page] = devices.pages()
    seen: list[Match] = []

    def reason(match: Match) -> str:
        seen.append(match)
        return ""

    devices.settle(page, devices.keys(page), {}, reason)

    assert seen == [match]


def test_a_selection_says_by_what_each_device_was_found() -> None:
    text = f"managedDeviceId,deviceName,matchedBy\n{GUID},PC-1,where\n"

    devices = opened(text, replace(WITH_INVENTORY, is_selection=True))
    [row] = [row for page in devices.pages() for row in page.rows]

    assert (devices.columns, row.cells, row.matched_by, row.name) == ((), (), "where", "PC-1")


def test_a_list_under_headers_of_another_language_says_how_its_names_are_matched() -> None:
    with pytest.raises(IntakeFailed, match="--match name --column NAME"):
        opened("Gerätename;Ort\nBER-1;Berlin\n")


def test_bad_lines_are_named_in_the_order_of_the_file() -> None:
    devices = opened("Device name,Owner\nNONE,a\n,b\n")

    settled(devices, Found({}, {}))

    assert [problem.line for problem in devices.report().problems] == [2, 3]
