"""The header of a device list: where it stands, what it names, and where the ids are; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from orchestrator.domain.device import Via
from orchestrator.domain.errors import IntakeFailed
from orchestrator.domain.inventory import Identifier
from orchestrator.intake.columns import (
    BARE_COLUMN,
    IdColumns,
    columns_of_guids,
    find_bare_column,
    find_id_columns,
    has_id_column,
    is_device,
    names_an_id,
    refuse_other_separators,
)
from orchestrator.intake.csv_file import CsvRow
from orchestrator.intake.dialect import DELIMITERS, split_line
from orchestrator.intake.eligibility import Eligibility
from orchestrator.intake.id_signs import refuse_group_template, refuse_unlike_ids
from orchestrator.intake.identifiers import (
    HOW_TO_MATCH,
    HOW_TO_NAME,
    IdentifierColumn,
    bare_identifier,
    identifier_columns,
    is_header_of_names,
    names_a_device,
)
from orchestrator.intake.noise import bare, has_marks, shown, trimmed, without_marks
from orchestrator.intake.own_report import name_in_input, own_width, recognise
from orchestrator.intake.selection import selection_layout
from orchestrator.intake.validation import Layout

ROWS_LOOKED_AT = 20
"""Rows at the start of a file among which its header is looked for."""


@dataclass(frozen=True, slots=True)
class Header:
    """The facts of the first rows: the input's columns, the places of the ids, and the kind of a report of ours.

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
    """The options that a header is read with, and the facts of the file besides its rows.

    `match` says by what the rows name devices, None leaves it to the header; `has_inventory` whether names can be
    matched at all.
    """

    via: Via
    column: str | None
    delimiter: str
    object_type: str | None = None
    match: Identifier | None = None
    has_inventory: bool = False
    is_selection: bool = False


def read_header(first: Sequence[CsvRow], expected: Expected) -> Header:
    """The header among the first rows of a file; IntakeFailed where the list below it cannot be taken."""
    if expected.is_selection:
        return Header((), selection_layout(expected.via, expected.delimiter), rows=1, line=1)
    place = _place_of_header(first, expected)
    row = first[place]
    if row.problem is not None:
        raise IntakeFailed(f"Line {row.line:,}, which should be the header, {row.problem}.")
    if is_device(row.cells) and expected.match in (None, Identifier.ID):
        _refuse_id_above_header(first, expected)
        return _without_header(row.cells, expected)
    if not names_an_id(row.cells, expected.via, column=expected.column):
        refuse_other_separators((each.line, each.cells) for each in first[place:])
    if (names := _bare_names(first, expected)) is not None:
        return names
    titles = tuple(first[:place])
    try:
        header = _with_header(row.cells, [each.cells for each in first[place + 1 :]], expected)
    except IntakeFailed as failed:
        if not titles:
            raise
        raise IntakeFailed(f"The header of the list is line {row.line:,}. {failed}") from failed
    marked = row.has_marks or any(map(has_marks, row.cells))
    return replace(header, titles=titles, rows=place + 1, line=row.line, has_marks=marked)


def _place_of_header(first: Sequence[CsvRow], expected: Expected) -> int:
    """The index of the header; 0 unless lines of a title stand before it."""
    if expected.column is None:
        refuse_group_template(first[0].cells)
    # A row with a device is the end of the search: nothing below it may be taken for the header of what stands above.
    device = next((place for place, row in enumerate(first) if is_device(row.cells)), len(first))
    for place, row in enumerate(first[:device]):
        if row.problem is None and names_an_id(row.cells, expected.via, column=expected.column):
            return place
    for place, row in enumerate(first[:device]):
        if row.problem is None and names_a_device(row.cells):
            return place
    if 0 < device < len(first):
        width = len(trimmed(first[device].cells))
        if len(trimmed(first[device - 1].cells)) == width != len(trimmed(first[0].cells)):
            return device - 1
    return 0


def _by_names(names: Sequence[str], expected: Expected) -> Layout | None:
    """The layout of a list that is matched against the inventory; None where it is read by its managed device ids."""
    if expected.match is Identifier.ID or len(expected.via.columns) > 1 or not expected.has_inventory:
        return None
    if expected.match is None and (expected.column is not None or has_id_column(names)):
        return None
    named = identifier_columns(names, match=expected.match, column=expected.column)
    if not named and expected.match is not None:
        if len(trimmed(names)) != 1:
            raise IntakeFailed(
                f"No column has a name under which exports write a {expected.match.label}. `--column NAME` says which "
                "one holds it."
            )
        named = (bare_identifier(expected.match, name=shown(names[0])),)
    elif not named and len(trimmed(names)) == 1 and is_header_of_names(names[0]):
        by = Identifier.SERIAL if "serial" in names[0].casefold() else Identifier.NAME
        named = (bare_identifier(by, name=shown(names[0])),)
    if not named:
        return None
    shown_names = tuple(column.name for column in named)
    return _layout(expected, IdColumns((), shown_names), len(names), named)


def _bare_names(first: Sequence[CsvRow], expected: Expected) -> Header | None:
    """The header of a file that is one bare column of names; None for any other file."""
    can_match = expected.has_inventory and expected.match is not Identifier.ID and expected.column is None
    if not can_match or len(expected.via.columns) > 1:
        return None
    if any(len(trimmed(row.cells)) > 1 for row in first) or not trimmed(first[0].cells):
        return None
    cell = bare(first[0].cells[0])
    if names_an_id(first[0].cells, expected.via, column=None) or is_header_of_names(cell):
        return None
    column = bare_identifier(expected.match)
    return Header((column.name,), _layout(expected, IdColumns((), (column.name,)), 1, (column,)))


def _layout(expected: Expected, ids: IdColumns, width: int, named: tuple[IdentifierColumn, ...]) -> Layout:
    return Layout(
        expected.via,
        ids,
        width,
        Eligibility(),
        delimiter=expected.delimiter,
        object_type=expected.object_type,
        named=named,
    )


def _with_hint(failed: IntakeFailed, names: Sequence[str], expected: Expected) -> IntakeFailed:
    """The refusal, with how such a list could be matched where it names devices by something else than an id."""
    if len(expected.via.columns) > 1 or expected.column is not None:
        return failed
    if expected.has_inventory:
        no_ids = not has_id_column(names) and expected.match is None
        return IntakeFailed(f"{failed} {HOW_TO_NAME}") if no_ids else failed
    if not has_id_column(names) and (names_a_device(names) or len(trimmed(names)) == 1):
        return IntakeFailed(f"{failed} {HOW_TO_MATCH}")
    return failed


def _refuse_id_above_header(first: Sequence[CsvRow], expected: Expected) -> None:
    """IntakeFailed, if the first row holds an id beside other cells, and the header of a list stands below it."""
    if len(trimmed(first[0].cells)) == 1:
        return
    below = (row for row in first[1:] if names_an_id(row.cells, expected.via, column=expected.column))
    if (header := next(below, None)) is not None:
        raise IntakeFailed(
            f"Line {first[0].line:,} holds an id and stands above the header, which is line {header.line:,}. Remove "
            "the lines above the header if they are its title, or give each list by itself."
        )


def _without_header(cells: Sequence[str], expected: Expected) -> Header:
    id_columns = find_bare_column(cells, expected.via, column=expected.column)
    # Cells beside the ids would be columns without a name: rows that have any are bad.
    layout = Layout(
        expected.via, id_columns, 1, Eligibility(), delimiter=expected.delimiter, object_type=expected.object_type
    )
    return Header((BARE_COLUMN,), layout)


def _with_header(cells: list[str], below: Sequence[list[str]], expected: Expected) -> Header:
    via, column = expected.via, expected.column
    _refuse_row_in_quotes(cells, expected)
    names = [without_marks(cell) for cell in cells]
    report_via = recognise(names)
    own = 0 if report_via is None else own_width(names, report_via)
    # Its own ids come first: columns of its input that are called alike have not been read since.
    has_ids = report_via is not None and column is None and set(via.columns) <= set(report_via.columns)
    if not has_ids and (matched := _by_names(names, expected)) is not None:
        return Header(tuple(names), replace(matched, eligibility=Eligibility.of(names), header=trimmed(cells)))
    try:
        id_columns = find_id_columns(
            names[:own] if has_ids else names,
            via,
            column=column,
            object_type=expected.object_type,
            with_guids=columns_of_guids(below) if below else None,
            has_inventory=expected.has_inventory and expected.match is None,
        )
    except IntakeFailed as failed:
        raise _with_hint(failed, names, expected) from failed
    if column is None:
        refuse_unlike_ids([row[id_columns.indexes[-1]] for row in below if len(row) > id_columns.indexes[-1]])
    spelled = trimmed(cells)
    # A column that is taken because it stands alone has to stand alone in the rows as well.
    width = id_columns.indexes[0] + 1 if len([name for name in spelled if name]) == 1 else len(cells)
    columns = names[own:width] if report_via is None else [name_in_input(name, report_via) for name in names[own:width]]
    layout = Layout(
        via, id_columns, width, Eligibility.of(names), own, spelled, expected.delimiter, expected.object_type
    )
    if id_columns.doubt is not None:
        place = id_columns.indexes[0]
        layout = replace(layout, named=(IdentifierColumn(Identifier.ID, place, shown(names[place])),))
    return Header(tuple(columns), layout, report_via)


def _refuse_row_in_quotes(cells: Sequence[str], expected: Expected) -> None:
    """IntakeFailed, if the only cell of the header is a whole row in one pair of quotes."""
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
