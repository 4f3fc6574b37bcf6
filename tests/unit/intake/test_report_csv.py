from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta, timezone

import pytest

from orchestrator.domain.device import Device, Via
from orchestrator.domain.target import RowVerdict, TargetFacts, TargetStatus
from orchestrator.intake.input_row import InputRow
from orchestrator.intake.report_csv import report_header, report_rows

A = "7e6ddce7-a7ac-4732-b6fa-dfa7e5c15b62"
DEVICE = Device((A,))
ACCEPTED = TargetFacts(2, A, TargetStatus.ACCEPTED, http_status=204, attempts=1)


def parsed(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def one_row(cells: tuple[str, ...], target: TargetFacts = ACCEPTED) -> list[str]:
    text = report_rows([InputRow(2, cells)], {2: target}, via=Via.MANAGED_DEVICES, columns=len(cells))
    (row,) = parsed(text)
    return row


def test_the_header_is_the_contracts_with_the_columns_of_the_input_behind_it() -> None:
    assert report_header(Via.MANAGED_DEVICES, ["Device ID", "status", "Line", "Name"]) == (
        "\ufeffline,managedDeviceId,status,httpStatus,errorCode,errorMessage,attempts,maybeRepeated,requestId,"
        "clientRequestId,firstAttemptAt,finishedAt,deviceName,matchedBy,Device ID,input.status,input.Line,Name\r\n"
    )


def test_the_ids_of_another_way_stand_in_place_of_the_managed_device_id() -> None:
    header = report_header(Via.DEVICE_HEALTH_SCRIPTS, ["managedDeviceId", "deviceHealthScriptId"])

    assert header.startswith("\ufeffline,deviceHealthScriptId,deviceHealthScriptDeviceStateId,status,")
    assert header.endswith("finishedAt,deviceName,matchedBy,managedDeviceId,input.deviceHealthScriptId\r\n")


def test_a_target_shows_all_its_facts() -> None:
    target = TargetFacts(
        2,
        A,
        TargetStatus.FAILED,
        http_status=404,
        error_code="ResourceNotFound",
        error_message='No "device", sorry\nat all',
        attempts=3,
        maybe_repeated=True,
        request_id="r",
        client_request_id="c",
        first_attempt_at=datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC),
        finished_at=datetime(2026, 1, 2, 5, 4, 5, tzinfo=timezone(timedelta(hours=2))),
    )

    row = one_row(("x",), target)

    assert row == [
        *("2", A, "failed", "404", "ResourceNotFound", 'No "device", sorry\nat all', "3", "true", "r", "c"),
        *("2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05.000Z", "", "id", "x"),
    ]


def test_rows_that_are_no_targets_say_why() -> None:
    rows = [
        InputRow(3, (A,), RowVerdict.DUPLICATE, "same device as line 2", DEVICE),
        InputRow(4, ("x",), RowVerdict.REJECTED, "Id 'x' is not a GUID"),
    ]

    text = report_rows(rows, {}, via=Via.MANAGED_DEVICES, columns=1)

    assert parsed(text) == [
        ["3", A, "duplicate", "", "", "same device as line 2", "0", "false", *[""] * 6, A],
        ["4", "", "rejected", "", "", "Id 'x' is not a GUID", "0", "false", *[""] * 6, "x"],
    ]


def test_only_the_statuses_asked_for_are_shown() -> None:
    rows = [InputRow(2, ()), InputRow(3, ()), InputRow(4, (), RowVerdict.REJECTED, "bad")]
    targets = {2: ACCEPTED, 3: TargetFacts(3, A, TargetStatus.FAILED)}

    text = report_rows(
        rows, targets, via=Via.MANAGED_DEVICES, columns=0, statuses={TargetStatus.FAILED, RowVerdict.REJECTED}
    )

    assert [row[0] for row in parsed(text)] == ["3", "4"]


@pytest.mark.parametrize("cells", [(), ("a",), ("a", "b"), ("a", "b", "c", "d")])
def test_every_row_is_as_wide_as_the_header(cells: tuple[str, ...]) -> None:
    text = report_rows([InputRow(2, cells)], {2: ACCEPTED}, via=Via.MANAGED_DEVICES, columns=2)

    assert len(parsed(text)[0]) == 16


@pytest.mark.parametrize(
    "formula",
    [
        *(
            "=1+1",
            '=HYPERLINK("http://contoso.example")',
            "+1+1",
            "+4722334455",
            "-1+1",
            "-cmd|' /C calc'!A0",
            "@SUM(1)",
        ),
        *("\uff1d1", "\uff0b1", "\uff0d1", "\uff201", "--", "-1-1", "-1,5,5"),
    ],
)
def test_what_a_spreadsheet_would_take_for_a_formula_is_defused(formula: str) -> None:
    row = one_row(("harmless", formula), TargetFacts(2, A, TargetStatus.FAILED, error_message=formula))

    assert (row[5], row[-1]) == (f"'{formula}", f"'{formula}")


@pytest.mark.parametrize(
    ("formula", "safe"),
    [
        ("\t=1", "'\t'=1"),
        ("\r=1", "'\r'=1"),
        ("\nharmless", "'\nharmless"),
        ("Room 4;=1+1", "Room 4;'=1+1"),
        ("Room 4; @SUM(1)", "Room 4; '@SUM(1)"),
        ('Room 4;"=1+1"', 'Room 4;"\'=1+1"'),
        ("Room 4\t-1+1", "Room 4\t'-1+1"),
        ("Room 4\r\n+1", "Room 4\r\n'+1"),
        ("=1;=2", "'=1;'=2"),
        ("a;\uff1d1", "a;'\uff1d1"),
        ("\0=1", "'\0=1"),
        ("a;\0=1", "a;\0'=1"),
    ],
)
def test_a_formula_behind_what_splits_a_cell_is_defused(formula: str, safe: str) -> None:
    assert one_row((formula,))[-1] == safe
    assert one_row((safe,))[-1] == safe


@pytest.mark.parametrize(
    "cell", ["a;b", "a; -42", "x\ty", "a;-", "-", "-42", "-3.5", "-3,5", "a=b", "", "'=1", " =1", "1-1", "x\x1f=1"]
)
def test_what_it_would_not_is_left_as_it_is(cell: str) -> None:
    assert one_row(("=", cell))[-1] == cell


def test_the_name_of_a_column_is_defused_as_well() -> None:
    assert report_header(Via.MANAGED_DEVICES, ["=1+1"]).endswith(",'=1+1\r\n")
