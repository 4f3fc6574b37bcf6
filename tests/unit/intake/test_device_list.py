from __future__ import annotations

import hashlib
import io

import pytest

from orchestrator.domain.device import Device, Via
from orchestrator.domain.errors import IntakeFailed
from orchestrator.domain.line_problem import MOST_PROBLEMS, LineProblem
from orchestrator.domain.target import RowVerdict
from orchestrator.intake.device_list import DeviceList, IntakeOptions, open_device_list
from orchestrator.intake.input_row import InputRow

A = "7e6ddce7-a7ac-4732-b6fa-dfa7e5c15b62"
B = "482c590e-0d97-42bf-8dc8-3011ac8efe12"
C = "99198f3e-0525-477a-9773-db4fd91c88e6"
NIL = "00000000-0000-0000-0000-000000000000"


def opened(text: str, *, via: Via = Via.MANAGED_DEVICES, options: IntakeOptions | None = None) -> DeviceList:
    stream = io.BytesIO(text.encode())
    return open_device_list(stream, file_name=None, via=via, options=options or IntakeOptions())


def rows_of(device_list: DeviceList) -> list[InputRow]:
    return [row for page in device_list.pages() for row in page.rows]


def test_good_rows_become_devices_in_their_canonical_form() -> None:
    device_list = opened(f"Name,Device ID\nPC-1,{A.upper()}\nPC-2, {{{B}}} \n")

    rows = rows_of(device_list)

    assert rows == [
        InputRow(2, ("PC-1", A.upper()), device=Device((A,))),
        InputRow(3, ("PC-2", f" {{{B}}} "), device=Device((B,))),
    ]
    assert device_list.columns == ("Name", "Device ID")
    assert device_list.id_columns.names == ("Device ID",)


def test_a_device_that_comes_again_in_another_form_is_a_duplicate_of_its_first_line() -> None:
    device_list = opened(f"Id\n{A}\n{B}\n\n{{{A.upper()}}}\n{A}\n")

    rows = rows_of(device_list)

    assert [(row.line, row.verdict, row.message) for row in rows[2:]] == [
        (5, RowVerdict.DUPLICATE, "same device as line 2"),
        (6, RowVerdict.DUPLICATE, "same device as line 2"),
    ]
    report = device_list.report()
    assert (report.rows, report.good, report.duplicates, report.rejected) == (4, 2, 2, 0)


def test_every_bad_line_is_named_with_its_reason_and_the_others_are_still_read() -> None:
    text = f"Device ID,Name\n{A},x\nserial-1,x\n,x\n{NIL},x\n{B},x,y\n{C},\0\n{B}\n"
    device_list = opened(text)

    rows = rows_of(device_list)

    assert device_list.report().problems == (
        LineProblem(3, "Device ID 'serial-1' is not a GUID"),
        LineProblem(4, "Device ID is empty"),
        LineProblem(5, f"Device ID '{NIL}' is the nil GUID, which no device has"),
        LineProblem(6, "has 3 cells, and the header has 2"),
        LineProblem(7, "contains a NUL byte"),
    )
    assert [row.device for row in rows if row.verdict is None] == [Device((A,)), Device((B,))]
    assert device_list.report().bad == device_list.report().rejected == 5


def test_a_rejected_row_is_not_what_a_later_one_is_a_duplicate_of() -> None:
    rows = rows_of(
        opened(f"Device ID,OS\n{A},iOS\n{A},Windows\n{B},x,y\n{B},x\n", options=IntakeOptions(only_eligible=True))
    )

    assert [row.verdict for row in rows] == [RowVerdict.REJECTED, None, RowVerdict.REJECTED, None]


FLEET = f"Device ID,OS,Managed by\n{A},Windows,Co-managed\n{B},iOS,MDM\n{C},Windows,Intune\n"


def test_devices_that_cannot_take_the_action_are_counted_and_kept() -> None:
    device_list = opened(FLEET)

    rows = rows_of(device_list)

    report = device_list.report()
    assert (len(rows), report.good, report.ineligible, report.bad) == (3, 3, 2, 0)


def test_devices_that_cannot_take_the_action_are_rejected_when_asked_and_do_not_make_the_file_bad() -> None:
    device_list = opened(FLEET, options=IntakeOptions(only_eligible=True))

    rows = rows_of(device_list)

    assert [(row.verdict, row.message) for row in rows[1:]] == [
        (RowVerdict.REJECTED, "runs iOS: only Windows takes ConfigMgr actions"),
        (RowVerdict.REJECTED, "is managed by Intune: there is no ConfigMgr client to act"),
    ]
    report = device_list.report()
    assert (report.good, report.rejected, report.ineligible, report.bad, report.problems) == (1, 2, 2, 0, ())


def test_a_bare_column_of_ids_starts_with_its_first_line() -> None:
    device_list = opened(f"{A}\n{B}\n")

    rows = rows_of(device_list)

    assert [(row.line, row.device) for row in rows] == [(1, Device((A,))), (2, Device((B,)))]
    assert device_list.columns == ("id",)


def test_several_ids_make_one_device() -> None:
    text = f"deviceHealthScriptDeviceStateId,deviceHealthScriptId\nP_1,{A}\nP_1,{B}\nP_1,{A}\na/b,{A}\n"
    device_list = opened(text, via=Via.DEVICE_HEALTH_SCRIPTS)

    rows = rows_of(device_list)

    assert rows[0].device == Device((A, "P_1"))
    assert [row.verdict for row in rows] == [None, None, RowVerdict.DUPLICATE, RowVerdict.REJECTED]
    assert rows[3].message == "deviceHealthScriptDeviceStateId 'a/b' contains '/', '\\' or '..'"


@pytest.mark.parametrize(
    ("header", "delimiter"),
    [
        ("Device ID;Last, first;OS", ";"),
        ("Name, with comma;Device ID", ";"),
        ("Device ID,a;b;c", ","),
        ("x;y;z\tDevice ID", "\t"),
    ],
)
def test_of_several_possible_delimiters_the_one_that_shows_an_id_is_taken(header: str, delimiter: str) -> None:
    row = header.replace("Device ID", A)

    device_list = opened(f"{header}\n{row}\n")

    assert device_list.delimiter == delimiter
    assert rows_of(device_list)[0].device == Device((A,))


def test_the_report_carries_size_and_hash_of_the_bytes() -> None:
    text = f"Id\n{A}\n"
    device_list = opened(text)

    rows_of(device_list)

    report = device_list.report()
    assert (report.bytes, report.sha256) == (len(text), hashlib.sha256(text.encode()).hexdigest())


def test_pages_have_the_size_asked_for() -> None:
    text = "Id\n" + "".join(f"{number:08x}{A[8:]}\n" for number in range(25))

    sizes = [len(page.rows) for page in opened(text).pages(size=10)]

    assert sizes == [10, 10, 5]


def test_pages_of_long_rows_are_shorter() -> None:
    text = "Device ID,Note\n" + "".join(f"{number:08x}{A[8:]},{'x' * 100_000}\n" for number in range(400))

    sizes = [len(page.rows) for page in opened(text).pages()]

    assert sum(sizes) == 400
    assert max(sizes) < 200


def test_more_rows_than_the_limit_are_refused_and_as_many_are_not() -> None:
    text = f"Id\n{A}\n{B}\n{C}\n"

    assert len(rows_of(opened(text, options=IntakeOptions(max_rows=3)))) == 3
    with pytest.raises(IntakeFailed, match=r"more than 2 rows.* MUSTER_MAX_ROWS"):
        rows_of(opened(text, options=IntakeOptions(max_rows=2)))


def test_all_bad_lines_are_counted_and_not_all_are_remembered() -> None:
    device_list = opened("Id\n" + "x\n" * (MOST_PROBLEMS + 5))

    rows_of(device_list)

    assert device_list.report().bad == MOST_PROBLEMS + 5
    assert len(device_list.report().problems) == MOST_PROBLEMS


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Device ID,Name\n", "a header and no rows"),
        ("Device ID,Name\n\n,\n", "a header and no rows"),
        (",,\n,\n", "is empty"),
        ('"Device ID,Name\n', "Line 1, which should be the header, has a quote that is not closed"),
        ("Device ID,N\0\nx,y\n", "Line 1.*NUL"),
        (f"version:v1.0\nMember object ID or user principal name [memberObjectIdOrUpn] Required\n{A}\n", "template"),
    ],
)
def test_what_is_wrong_as_a_whole_is_said_before_any_row(text: str, words: str) -> None:
    with pytest.raises(IntakeFailed, match=words):
        opened(text)


def test_a_refusal_names_the_file() -> None:
    with pytest.raises(IntakeFailed, match=r"^devices\.xlsx: This is an Excel workbook"):
        open_device_list(
            io.BytesIO(b"PK\x03\x04xl/workbook.xml"),
            file_name="devices.xlsx",
            via=Via.MANAGED_DEVICES,
            options=IntakeOptions(),
        )
