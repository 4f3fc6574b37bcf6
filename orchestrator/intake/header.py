"""The header of a device list: where it stands, what it names, and where the ids are; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from orchestrator.domain.device import Via
from orchestrator.domain.errors import IntakeFailed
from orchestrator.intake.columns import (
    BARE_COLUMN,
    columns_of_guids,
    find_bare_column,
    find_id_columns,
    is_device,
    names_an_id,
)
from orchestrator.intake.csv_file import CsvRow
from orchestrator.intake.dialect import DELIMITERS, split_line
from orchestrator.intake.eligibility import Eligibility
from orchestrator.intake.id_signs import refuse_group_template, refuse_unlike_ids
from orchestrator.intake.noise import bare, has_marks, trimmed, without_marks
from orchestrator.intake.own_report import name_in_input, own_columns, recognise
from orchestrator.intake.validation import Layout

ROWS_LOOKED_AT = 20
"""Rows at the start of a file among which its header is looked for."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the first rows say: the input's columns, where the ids are, and whose report it is, if it is one of ours.

    `titles` are the rows before the header, `rows` how many of the first rows are no devices, `line` is the header's,
    and `has_marks` says whether invisible characters stood at the edge of a name.
    """

    columns: tuple[str, ...]
    layout: Layout
    report_via: Via | None = None
    titles: tuple[CsvRow, ...] = ()
    rows: int = 0
    line: int = 0
    has_marks: bool = False


@dataclass(frozen=True, slots=True)
class Expected:
    """What is looked for in a header, and what is known of the file besides its rows."""

    via: Via
    column: str | None
    delimiter: str
    object_type: str | None = None


def read_header(first: Sequence[CsvRow], expected: Expected) -> Header:
    """The header among the first rows of a file; IntakeFailed where the list below it cannot be taken."""
    place = _place_of_header(first, expected)
    row = first[place]
    if row.problem is not None:
        raise IntakeFailed(f"Line {row.line:,}, which should be the header, {row.problem}.")
    if is_device(row.cells):
        return _without_header(row.cells, expected)
    titles = tuple(first[:place])
    try:
        header = _with_header(row.cells, [each.cells for each in first[place + 1 :]], expected)
    except IntakeFailed as failed:
        if not titles:
            raise
        raise IntakeFailed(f"The header of the list is line {row.line:,}. {failed}") from failed
    return replace(header, titles=titles, rows=place + 1, line=row.line, has_marks=any(map(has_marks, row.cells)))


def _place_of_header(first: Sequence[CsvRow], expected: Expected) -> int:
    """The index of the header; 0 unless lines of a title stand before it."""
    if expected.column is None:
        refuse_group_template(first[0].cells)
    # A row with a device is the end of the search: nothing below it may be taken for the header of what stands above.
    device = next((place for place, row in enumerate(first) if is_device(row.cells)), len(first))
    for place, row in enumerate(first[:device]):
        if row.problem is None and names_an_id(row.cells, expected.via, column=expected.column):
            return place
    if 0 < device < len(first):
        width = len(trimmed(first[device].cells))
        if len(trimmed(first[device - 1].cells)) == width != len(trimmed(first[0].cells)):
            return device - 1
    return 0


def _without_header(cells: Sequence[str], expected: Expected) -> Header:
    id_columns = find_bare_column(cells, expected.via, column=expected.column)
    # Cells beside the ids would be columns that nobody named: rows that have any are bad.
    layout = Layout(
        expected.via, id_columns, 1, Eligibility(), delimiter=expected.delimiter, object_type=expected.object_type
    )
    return Header((BARE_COLUMN,), layout)


def _with_header(cells: list[str], below: Sequence[list[str]], expected: Expected) -> Header:
    via, column = expected.via, expected.column
    _refuse_row_in_quotes(cells, expected)
    names = [without_marks(cell) for cell in cells]
    report_via = recognise(names)
    own = 0 if report_via is None else len(own_columns(report_via))
    # Its own ids come first: columns of its input that are called alike have not been read since.
    has_ids = report_via is not None and column is None and set(via.columns) <= set(report_via.columns)
    id_columns = find_id_columns(
        names[:own] if has_ids else names,
        via,
        column=column,
        object_type=expected.object_type,
        with_guids=columns_of_guids(below) if below else None,
    )
    if column is None:
        refuse_unlike_ids([row[id_columns.indexes[-1]] for row in below if len(row) > id_columns.indexes[-1]])
    named = trimmed(cells)
    # A column that is taken because it stands alone has to stand alone in the rows as well.
    width = id_columns.indexes[0] + 1 if len([name for name in named if name]) == 1 else len(cells)
    columns = names[own:width] if report_via is None else [name_in_input(name, report_via) for name in names[own:width]]
    layout = Layout(via, id_columns, width, Eligibility.of(names), own, named, expected.delimiter, expected.object_type)
    return Header(tuple(columns), layout, report_via)


def _refuse_row_in_quotes(cells: Sequence[str], expected: Expected) -> None:
    """IntakeFailed, if the only cell of the header is a whole row that somebody put in one pair of quotes."""
    if len(trimmed(cells)) != 1:
        return
    text = next(cell for cell in cells if bare(cell))
    for delimiter in DELIMITERS:
        inner = split_line(text, delimiter)
        if len(inner) > 1 and names_an_id(inner, expected.via, column=expected.column):
            raise IntakeFailed(
                "Each row of this file stands in one pair of quotes as a whole, so it has a single column. "
                "Remove the quotes around the rows, or export the list again."
            )
