"""What exports carry besides devices is left out and listed, or recognised and named."""

from __future__ import annotations

import io

import pytest

from orchestrator.domain.device import Via
from orchestrator.domain.errors import IntakeFailed
from orchestrator.intake.device_list import DeviceList, IntakeOptions, open_device_list

A = "7e6ddce7-a7ac-4732-b6fa-dfa7e5c15b62"
B = "482c590e-0d97-42bf-8dc8-3011ac8efe12"
C = "99198f3e-0525-477a-9773-db4fd91c88e6"
MANAGED = "#TYPE Selected.Microsoft.Graph.PowerShell.Models.MicrosoftGraphManagedDevice"


def opened(text: str, **options: object) -> DeviceList:
    chosen = IntakeOptions(**options)  # type: ignore[arg-type]  # what it is given is what the test names
    stream = io.BytesIO(text.encode())
    return open_device_list(stream, file_name=None, via=Via.MANAGED_DEVICES, options=chosen)


def devices_of(devices: DeviceList) -> list[tuple[int, str]]:
    rows = [row for page in devices.pages() for row in page.rows]
    assert devices.report().problems == ()
    return [(row.line, row.device.ids[0]) for row in rows if row.verdict is None and row.device is not None]


@pytest.mark.parametrize(
    ("text", "lines", "ignored"),
    [
        (f"\ufeff\ufeffDevice ID,Name\n{A},x\n", [2], "1 line with invisible characters"),
        (f"\u200bDevice ID,Name\n{A},x\n\u2060{B}\u200b,x\n", [2, 3], "2 lines with invisible characters"),
        (f"Device\u00a0ID,Name\n{A}\u00a0,x\n", [2], "(line 2)"),
        (f"Device ID,Name\n{A},x,\n{B},y,,\n", [2, 3], "2 rows with empty surplus cells at their end (lines 2, 3)"),
        (f"Device ID,Name\n{A},x\n\ufeffDevice ID,Name\n{B},x\n", [2, 4], "1 repeated header line (line 3)"),
        (f"Device ID;Name;\n{A};x;\ndevice id;NAME\n{B};x\n", [2, 4], "1 repeated header line (line 3)"),
        (f"Fleet,today\nAll of it\n\nDevice ID,Name\n{A},x\n", [5], "2 title lines before the header (lines 1, 2)"),
        (f"Fleet of Berlin\nDevice ID;Name\n{A};x\n", [3], "1 title line before the header (line 1)"),
        (f"sep=;\nDevice ID;Name\n{A};x\n", [3], "1 `sep=` line (line 1)"),
        (f"\ufeff\ufeffsep=;\nDevice ID;Name\n{A};x\nsep=;\nDevice ID;Name\n{B};x\n", [3, 6], "2 `sep=` lines"),
        (f"{MANAGED}\nId,DeviceName\n{A},x\n", [3], "1 `#TYPE` line (line 1)"),
        (f'\n"{MANAGED}"\n"Id","DeviceName"\n"{A}","x"\n', [4], "1 `#TYPE` line (line 2)"),
        (f"{MANAGED}\nId,Name\n{A},x\n{MANAGED}\nId,Name\n{B},x\n", [3, 6], "2 `#TYPE` lines (lines 1, 4)"),
        (f"{A}\n\ufeff{B}\n", [1, 2], "1 line with invisible characters"),
        (f'\u200b"Device ID","Name"\n"{A}","x"\n', [2], "1 line with invisible characters"),
        (f'"Device ID","Name"\n\ufeff"{A}","x, y"\n', [2], "1 line with invisible characters"),
        (f'"Device ID","Name"\n"{A}","x"\n\ufeff"Device ID","Name"\n"{B}","x"\n', [2, 4], "1 repeated header line"),
        (f"Fleet\nDevice ID,Name\n{A},x\n\nFleet\nDevice ID,Name\n{B},x\n", [3, 7], "2 title lines"),
    ],
)
def test_noise_is_left_out_and_listed(text: str, lines: list[int], ignored: str) -> None:
    devices = opened(text)

    assert [line for line, _ in devices_of(devices)] == lines
    assert ignored in "; ".join(devices.report().ignored)


def test_a_plain_list_has_nothing_to_ignore() -> None:
    devices = opened(f"\ufeffDevice ID,Name\n{A},x\n\n{B},y\n")

    assert len(devices_of(devices)) == 2
    assert devices.report().ignored == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"Fleet,today\n\nDevice_Name0,Device_ID\nPC-1,{A}\n", "header of the list is line 3.*Nothing in this list"),
        (f"Fleet\nName,ObjectGUID,SamAccountName\nPC-1,{A},x\n", "header of the list is line 2.*Active Directory"),
        (f'"Device ID,Name"\n"{A},PC-1"\n', "one pair of quotes"),
        (f'"Device ID;Name"\n"{A};PC-1"\n', "one pair of quotes"),
        (f'"""Id"",""SerialNumber"""\n"""{A}"",""x"""\n', "one pair of quotes"),
        (f"Id   DeviceName\n--   ----------\n{A} PC-1\n", "Format-Table"),
        (f"\n\nDeviceName Id\n---------- --\nPC-1       {A}\n", "Format-Table"),
        (f"\nId         : {A}\nDeviceName : PC-1\n\n", "Format-List"),
        ('"ClassId2e4f51ef21dd47e99d3c952918aff9cd","pageHeaderEntry"\n"033ecb2b",\n', "Format-Table"),
        (f"Device ID,Name\n{A},x\nName,Id\ny,{B}\n", "At line 3 another list begins"),
        (f"{MANAGED}\nId,Name\n{A},x\n#TYPE Microsoft.Graph.User\nId,Name\n{B},x\n", "At line 4 another list begins"),
        (f"Device ID,Name\n{'a' * 40},PC-1\n{'b' * 40},PC-2\n", "those of Microsoft Defender"),
        (f"Device ID,Name\nGUID:{A},PC-1\n", "those of ConfigMgr clients"),
        (f"Device ID|Name\n{A}|PC-1\n", "Line 2 holds more than an id .*no comma, semicolon or tab"),
        (f"{A}  PC-1  Windows\n{B}  PC-2  Windows\n", "Line 1 holds more than an id .*no comma, semicolon or tab"),
        (f"'{A}',\n'{B}'\n", "Line 1 holds more than an id"),
        (f"Tenant,{A}\n\nDevice ID,Name\n{B},PC-1\n", "Line 1 holds an id and stands above the header, .* line 3"),
    ],
)
def test_what_is_no_list_of_intune_devices_is_named(text: str, words: str) -> None:
    with pytest.raises(IntakeFailed, match=words):
        for _ in opened(text).pages():
            pass


def test_an_inventory_is_no_hint_where_two_columns_hold_ids() -> None:
    with pytest.raises(IntakeFailed, match="Several columns could hold the id") as refused:
        opened(f"Device ID,Device ID,Device name\n{A},{B},PC-1\n")

    assert "inventory" not in str(refused.value)


def test_a_device_is_never_taken_for_a_title() -> None:
    devices = opened(f"{A}\nDevice ID\n{B}\n")

    with pytest.raises(IntakeFailed, match="At line 2 another list begins"):
        list(devices.pages())


@pytest.mark.parametrize("text", [f"{A}\n{B},PC-2\n", f"Id,\n{A},\n{B},PC-2\n"])
def test_a_column_that_is_taken_because_it_stands_alone_stands_alone_in_every_row(text: str) -> None:
    devices = opened(text)
    list(devices.pages())

    (problem,) = devices.report().problems
    assert problem.reason == "has 2 cells, and the header has 1"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (f'"{A},PC-1"', "the whole row stands in one pair of quotes"),
        (f"{A};PC-1", "its cells are separated by semicolons, and those of the header by commas"),
        (f"'{A},x", f"is not a GUID as it is written; if {A} is meant, write that"),
        (f"{A.replace('-', chr(0x2011))},x", f"if {A} is meant"),
        (f"{A.replace('-', '')},x", f"if {A} is meant"),
        ("c" * 40 + ",x", "a device id of Microsoft Defender"),
    ],
)
def test_a_bad_row_says_what_is_wrong_with_it_where_that_can_be_told(row: str, words: str) -> None:
    devices = opened(f"Device ID,Name\n{row}\n{B},y\n")
    list(devices.pages())

    (problem,) = devices.report().problems
    assert words in problem.reason


def test_a_row_with_a_comma_in_one_of_its_cells_does_not_stand_in_one_pair_of_quotes() -> None:
    devices = opened(f'Device ID,Name\n"Berlin, cellar",PC-1\n{B},PC-2\n')
    list(devices.pages())

    (problem,) = devices.report().problems
    assert "quotes" not in problem.reason


def test_a_list_has_at_most_as_many_columns_as_the_settings_say() -> None:
    wide = "Device ID" + "".join(f",c{number}" for number in range(3))

    assert len(opened(f"{wide}\n{A}\n", max_columns=4).columns) == 4
    assert len(opened(f"{wide},,,\n{A}\n", max_columns=4).columns) == 4
    with pytest.raises(IntakeFailed, match=r"Line 1.*has 4 columns, and at most 3.*MUSTER_MAX_COLUMNS"):
        opened(f"{wide}\n{A}\n", max_columns=3)


def test_a_row_of_too_many_columns_is_bad_and_little_of_it_is_kept() -> None:
    devices = opened(f"Device ID,Name\n{A},{',x' * 5000}\n")

    (page,) = devices.pages()

    assert len(page.rows[0].cells) == 2
    assert "5,002 columns, and at most 1,000" in devices.report().problems[0].reason


def test_a_page_counts_the_cells_that_its_report_will_write() -> None:
    header = "Device ID" + "".join(f",c{number}" for number in range(999))

    sizes = [len(page.rows) for page in opened(header + f"\n{A}" * 2000).pages()]

    assert sum(sizes) == 2000
    assert max(sizes) * 1000 <= 400_000


def test_a_page_counts_the_text_of_rows_that_cannot_be_read() -> None:
    row = '"x"' + "y" * 100_000

    sizes = [len(page.rows) for page in opened("Device ID,Name\n" + f"{row}\n" * 400).pages()]

    assert sum(sizes) == 400
    assert max(sizes) < 200
