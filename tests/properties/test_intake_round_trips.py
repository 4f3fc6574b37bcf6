from __future__ import annotations

import csv
import io
import uuid

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.domain.device import Device, Via
from orchestrator.domain.errors import IntakeFailed
from orchestrator.domain.target import RowVerdict, TargetFacts, TargetStatus
from orchestrator.intake.device_list import IntakeOptions, open_device_list
from orchestrator.intake.input_row import InputRow
from orchestrator.intake.own_report import defuse_id, restore_id
from orchestrator.intake.pages import pack, unpack
from orchestrator.intake.report_csv import report_header, report_rows

anything = st.text(max_size=20)
text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
guids = st.uuids().filter(lambda guid: guid.int != 0).map(str)
encodings = st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])
hard_cells = st.text(st.sampled_from("ab,;\t\"'\r\n =+-@\x1füß東"), max_size=8)


@st.composite
def input_rows(draw: st.DrawFn) -> InputRow:
    cells = tuple(draw(st.lists(anything, max_size=5)))
    verdict = draw(st.none() | st.sampled_from(RowVerdict))
    if verdict is None:
        return InputRow(draw(st.integers(1, 10**6)), cells)
    device = draw(st.none() | guids.map(lambda guid: Device((guid,))))
    return InputRow(draw(st.integers(1, 10**6)), cells, verdict, draw(st.none() | anything), device)


@settings(max_examples=30)
@given(st.lists(input_rows(), max_size=20))
def test_a_packed_page_comes_back_as_it_was(rows: list[InputRow]) -> None:
    assert unpack(pack(rows)) == rows


@given(
    st.lists(st.lists(hard_cells, min_size=2, max_size=2), min_size=1, max_size=8),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["\r\n", "\n", "\r"]),
    encodings,
)
def test_any_cells_that_a_csv_writer_wrote_are_read_as_they_were(
    cells: list[list[str]], delimiter: str, line_end: str, encoding: str
) -> None:
    rows = [[str(uuid.UUID(int=number + 1)), *each] for number, each in enumerate(cells)]
    written = io.StringIO(newline="")
    # Python's writer quotes only the line ends that it writes itself, unless it quotes everything.
    writer = csv.writer(
        written,
        delimiter=delimiter,
        lineterminator=line_end,
        quoting=csv.QUOTE_MINIMAL if line_end == "\r\n" else csv.QUOTE_ALL,
    )
    writer.writerows([["Device ID", "One", "Two"], *rows])

    device_list = open_device_list(
        io.BytesIO(written.getvalue().encode(encoding)),
        file_name=None,
        via=Via.MANAGED_DEVICES,
        options=IntakeOptions(),
    )
    read = [row for page in device_list.pages(size=3) for row in page.rows]

    assert device_list.delimiter == delimiter
    assert [list(row.cells) for row in read] == rows
    assert [row.device for row in read] == [Device((row[0],)) for row in rows]


@given(st.lists(st.tuples(guids, text, text), min_size=1, max_size=10, unique_by=lambda row: row[0]))
def test_a_report_that_is_read_again_names_the_same_devices_and_makes_the_same_report(
    inputs: list[tuple[str, str, str]],
) -> None:
    columns = ("status", "Name", "Note")
    rows = [InputRow(number, cells) for number, cells in enumerate(inputs, start=2)]
    targets = {row.line: TargetFacts(row.line, row.cells[0], TargetStatus.FAILED, http_status=500) for row in rows}
    header = report_header(Via.MANAGED_DEVICES, columns)
    body = report_rows(rows, targets, via=Via.MANAGED_DEVICES, columns=3)

    device_list = open_device_list(
        io.BytesIO((header + body).encode()), file_name=None, via=Via.MANAGED_DEVICES, options=IntakeOptions()
    )
    again = [row for page in device_list.pages() for row in page.rows]
    renumbered = [InputRow(row.line, new.cells) for row, new in zip(rows, again, strict=True)]

    assert [row.device and row.device.key for row in again] == [target.device for target in targets.values()]
    assert report_header(Via.MANAGED_DEVICES, device_list.columns) == header
    assert report_rows(renumbered, targets, via=Via.MANAGED_DEVICES, columns=3) == body


@given(st.text(st.sampled_from("'=+-@a1"), max_size=6))
def test_an_id_made_safe_for_a_report_is_restored(identifier: str) -> None:
    assert restore_id(defuse_id(identifier)) == identifier
    assert defuse_id(identifier)[:1] not in {"=", "+", "-", "@"}


@given(st.binary(max_size=300), st.sampled_from([b"", b"Device ID,Name\n", b"Device ID;Name\r\n", b"\xff\xfe"]))
def test_any_bytes_at_all_are_read_or_refused_and_every_row_is_accounted_for(content: bytes, before: bytes) -> None:
    try:
        device_list = open_device_list(
            io.BytesIO(before + content), file_name=None, via=Via.MANAGED_DEVICES, options=IntakeOptions()
        )
        rows = [row for page in device_list.pages() for row in page.rows]
    except IntakeFailed:
        return

    report = device_list.report()
    assert len(rows) == report.rows == report.good + report.duplicates + report.rejected
    assert [row.line for row in rows] == sorted({row.line for row in rows})
    assert report.bytes == len(before + content)
