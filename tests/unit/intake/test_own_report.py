from __future__ import annotations

import io

import pytest

from orchestrator.domain.device import Device, Via
from orchestrator.domain.errors import IntakeFailed
from orchestrator.domain.target import RowVerdict, TargetFacts, TargetStatus
from orchestrator.intake.device_list import DeviceList, IntakeOptions, open_device_list
from orchestrator.intake.input_row import InputRow
from orchestrator.intake.report_csv import report_header, report_rows

IDS = [f"{number:08x}-a7ac-4732-b6fa-dfa7e5c15b62" for number in range(1, 9)]
COLUMNS = ("Managed Device ID", "status", "Name")


def a_report(*, via: Via = Via.MANAGED_DEVICES, devices: list[Device] | None = None) -> str:
    devices = devices or [Device((each,)) for each in IDS]
    rows = [InputRow(line, (IDS[line - 2], "mine", "=x")) for line in range(2, 8)]
    targets = {
        line: TargetFacts(line, devices[line - 2].key, status)
        for line, status in zip(range(2, 8), TargetStatus, strict=True)
    }
    others = [
        InputRow(8, (IDS[0], "mine", "y"), RowVerdict.DUPLICATE, "same device as line 2", devices[0]),
        InputRow(9, ("bad", "mine", "z"), RowVerdict.REJECTED, "is not a GUID"),
    ]
    return report_header(via, COLUMNS) + report_rows([*rows, *others], targets, via=via, columns=3)


def opened(text: str, *, via: Via = Via.MANAGED_DEVICES, options: IntakeOptions | None = None) -> DeviceList:
    return open_device_list(io.BytesIO(text.encode()), file_name=None, via=via, options=options or IntakeOptions())


def rows_of(device_list: DeviceList) -> list[InputRow]:
    return [row for page in device_list.pages() for row in page.rows]


def test_of_a_report_only_rows_that_need_another_try_are_taken() -> None:
    device_list = opened(a_report())

    rows = rows_of(device_list)

    wanted = [
        Device((each,))
        for each, status in zip(IDS, TargetStatus, strict=False)
        if status in {TargetStatus.WAITING, TargetStatus.FAILED, TargetStatus.UNCERTAIN, TargetStatus.CANCELLED}
    ]
    assert [row.device for row in rows] == wanted
    assert (device_list.left_out, device_list.report().left_out, device_list.report().rows) == (4, 4, 4)


def test_a_reports_own_columns_are_dropped_and_those_of_its_input_have_their_names_again() -> None:
    device_list = opened(a_report())

    rows = rows_of(device_list)

    assert device_list.columns == COLUMNS
    assert rows[0].cells == (IDS[0], "mine", "'=x")
    assert device_list.id_columns.names == ("managedDeviceId",)


def test_all_takes_every_row() -> None:
    device_list = opened(a_report(), options=IntakeOptions(take_all=True))

    rows = rows_of(device_list)

    assert [row.verdict for row in rows] == [None] * 6 + [RowVerdict.DUPLICATE, RowVerdict.REJECTED]
    assert device_list.left_out == 0


def test_a_report_that_excel_saved_again_is_recognised() -> None:
    text = "\n".join(line.lstrip("\ufeff") for line in a_report().replace(",", ";").splitlines())

    assert len(rows_of(opened(f"sep=;\n{text}\n"))) == len(rows_of(opened(text))) == 4


@pytest.mark.parametrize("identifier", ["-abc", "'-abc", "''=x", "=1", "+1", "@x", "plain", "'plain", "-42"])
def test_an_opaque_id_that_looks_like_a_formula_comes_back_as_it_was(identifier: str) -> None:
    devices = [Device((each, identifier)) for each in IDS]
    text = a_report(via=Via.DEVICE_HEALTH_SCRIPTS, devices=devices)

    rows = rows_of(opened(text, via=Via.DEVICE_HEALTH_SCRIPTS))

    assert rows[0].device == devices[0]
    assert f",{identifier}," not in text or identifier[0] not in "=+-@"


def test_a_report_of_a_longer_way_serves_a_shorter_one() -> None:
    via = Via.DEVICE_MANAGEMENT_SCRIPT_USERS
    text = a_report(via=via, devices=[Device((IDS[7], "state", IDS[7], each)) for each in IDS])

    rows = rows_of(opened(text))

    assert rows[0].device == Device((IDS[0],))


def test_a_report_without_anything_to_do_again_says_so() -> None:
    rows = [InputRow(2, (IDS[0],))]
    accepted = {2: TargetFacts(2, IDS[0], TargetStatus.ACCEPTED, http_status=204)}
    text = report_header(Via.MANAGED_DEVICES, ["Id"]) + report_rows(rows, accepted, via=Via.MANAGED_DEVICES, columns=1)

    with pytest.raises(IntakeFailed, match="nothing left to do"):
        rows_of(opened(text))


def test_of_a_report_failures_for_good_and_uncertain_rows_that_are_not_repeated_are_named_and_left_out() -> None:
    ended = [(TargetStatus.FAILED, 404), (TargetStatus.FAILED, 503), (TargetStatus.UNCERTAIN, None)]
    targets = {
        line: TargetFacts(line, IDS[line], status, http_status=http_status)
        for line, (status, http_status) in enumerate(ended, start=2)
    }
    rows = [InputRow(line, (IDS[line],)) for line in targets]
    text = report_header(Via.MANAGED_DEVICES, ["Id"]) + report_rows(rows, targets, via=Via.MANAGED_DEVICES, columns=1)
    repeated, costly = opened(text), opened(text, options=IntakeOptions(is_repeatable=False))
    everything = opened(text, options=IntakeOptions(is_repeatable=False, take_all=True))

    taken = [[row.line for row in rows_of(each)] for each in (repeated, costly, everything)]

    assert taken == [[3, 4], [3], [2, 3, 4]]
    assert repeated.report().ignored == ("1 row of the report that failed for good (line 2)",)
    assert costly.report().ignored[1:] == ("1 uncertain row of the report, whose action is not repeated (line 4)",)
    assert (repeated.left_out, costly.left_out) == (1, 2)


def test_a_list_with_some_of_the_same_names_is_no_report() -> None:
    device_list = opened(f"line,managedDeviceId,status,Name\n1,{IDS[0]},accepted,x\n")

    assert len(rows_of(device_list)) == 1
    assert device_list.columns == ("line", "managedDeviceId", "status", "Name")
