"""Data to stdout: tables for people, JSON and CSV for programs; nothing else goes there."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click

from orchestrator.cli.column_fit import FREE_TEXT, fit_columns
from orchestrator.cli.invocation import Format
from orchestrator.cli.terminal import Styled, console, say, write_data
from orchestrator.domain.plain_text import escaped_json, shown, shown_lines
from orchestrator.intake.formulas import defuse

Row = Mapping[str, Any]


def show_rows(
    rows: Sequence[Row],
    output: Format,
    *,
    columns: Sequence[str] | None = None,
    rank: Sequence[str] | None = None,
    folds: Collection[str] = FREE_TEXT,
) -> None:
    """A list of things; `columns` are those of a table for people, all of the first row's otherwise."""
    match output:
        case Format.JSON:
            write(as_json(list(rows)))
        case Format.CSV:
            write(as_csv(rows))
        case Format.TABLE:
            show_table(rows, columns or (list(rows[0]) if rows else []), rank=rank, folds=folds)


def show_facts(facts: Row, output: Format) -> None:
    """One thing, with its facts below each other."""
    match output:
        case Format.JSON:
            write(as_json(facts))
        case Format.CSV:
            write(as_csv([facts]))
        case Format.TABLE:
            width = max(map(len, facts), default=0)
            for name, value in facts.items():
                if value not in (None, ""):
                    click.echo(f"{name:<{width}}  {_cell(value)}")


def show_table(
    rows: Sequence[Row],
    columns: Sequence[str],
    *,
    rank: Sequence[str] | None = None,
    folds: Collection[str] = FREE_TEXT,
) -> None:
    """A table that fits the terminal, or one that leaves nothing out where there is none.

    On a terminal that is too narrow, columns of free text (`folds`) are folded and whole columns are left out; no
    cell is cut.
    `rank` names the columns from the most to the least important; without it the columns further right matter less.
    """
    cells = [[_cell(row.get(column)) for column in columns] for row in rows]
    if sys.stdout.isatty():
        _show_fitting_table(rows, columns, cells, rank or columns, folds)
    else:
        _show_plain_table(rows, columns, cells)


def _show_fitting_table(
    rows: Sequence[Row],
    columns: Sequence[str],
    cells: Sequence[Sequence[str]],
    rank: Sequence[str],
    folds: Collection[str],
) -> None:
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    widths = {
        column: max(map(cell_len, (column, *(line[place] for line in cells)))) for place, column in enumerate(columns)
    }
    room = console(sys.stdout).width
    fitting = fit_columns(widths, room, rank=rank, folds=folds)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in fitting.columns:
        table.add_column(
            column,
            justify="right" if _is_numeric(rows, column) else "left",
            no_wrap=column not in folds,
            overflow="fold",
            min_width=None if column in folds else widths[column],
        )
    places = [place for place, column in enumerate(columns) if column in fitting.columns]
    for line in cells:
        table.add_row(*(Text(line[place]) for place in places))
    # Wider than the terminal where even the essential columns are: the terminal wraps a line, rich would cut it.
    console(sys.stdout, width=max(room, fitting.width)).print(table)
    if fitting.dropped:
        names = ", ".join(fitting.dropped)
        say(Styled(f"Columns left out: {names}. A wider window or `-o csv` shows them.", dim=True), err=True)


def _show_plain_table(rows: Sequence[Row], columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    to_the_right = [_is_numeric(rows, column) for column in columns]
    for line in (columns, *cells):
        placed = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, to_the_right, strict=True)
        )
        click.echo("  ".join(placed).rstrip())


def _is_numeric(rows: Sequence[Row], column: str) -> bool:
    return all(isinstance(row.get(column), int | None) for row in rows)


def as_json(value: object) -> str:
    """JSON for people and programs."""
    return escaped_json(json.dumps(value, indent=2, ensure_ascii=False)) + "\n"


def as_csv(rows: Sequence[Row], *, with_header: bool = True) -> str:
    """CSV; what is no plain value is JSON in its cell."""
    text = io.StringIO(newline="")
    if rows:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        if with_header:
            writer.writeheader()
        for row in rows:
            writer.writerow({name: _plain(value) for name, value in row.items()})
    return text.getvalue()


@contextmanager
def stream_rows(output: Format) -> Iterator[Callable[[Sequence[Row]], None]]:
    """A long list, page by page, as one JSON array or one CSV."""
    count = 0

    def add(page: Sequence[Row]) -> None:
        nonlocal count
        if output is Format.CSV:
            write(as_csv(page, with_header=not count))
        elif page:
            each = ",\n".join(escaped_json(json.dumps(row, ensure_ascii=False)) for row in page)
            write((",\n" if count else "[\n") + each)
        count += len(page)

    yield add
    if output is Format.JSON:
        write("\n]\n" if count else "[]\n")


def write(text: str) -> None:
    """Text to stdout as UTF-8, byte for byte, since a Windows console's code page has no part in data.

    On a terminal control characters are shown as symbols: a program reads what a device list held, a person does not.
    """
    if sys.stdout.isatty():
        sys.stdout.write(shown_lines(text.replace("\r\n", "\n")))
        sys.stdout.flush()
    else:
        write_data(text.encode(errors="backslashreplace"))


def _plain(value: object) -> object:
    # As JSON has it: Python's True would be a third spelling.
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list | tuple | bool) else value
    return defuse(text) if isinstance(text, str) else text


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case list() | tuple():
            return shown(", ".join(map(str, value)))
    return shown(str(value))
