"""Data to stdout: tables for people, JSON and CSV for programs; nothing else goes there."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click

from orchestrator.cli.invocation import Format

Row = Mapping[str, Any]


def show_rows(rows: Sequence[Row], output: Format, *, columns: Sequence[str] | None = None) -> None:
    """A list of things; `columns` are those of a table for people, all of the first row's otherwise."""
    match output:
        case Format.JSON:
            write(as_json(list(rows)))
        case Format.CSV:
            write(as_csv(rows))
        case Format.TABLE:
            show_table(rows, columns or (list(rows[0]) if rows else []))


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


def show_table(rows: Sequence[Row], columns: Sequence[str]) -> None:
    """A table that fits the terminal, or one that leaves nothing out where there is none."""
    if not sys.stdout.isatty():
        _show_plain_table(rows, columns)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if _is_numeric(rows, column) else "left")
    for row in rows:
        # Text, because what comes from a file or from Graph may look like rich's markup.
        table.add_row(*(Text(_cell(row.get(column))) for column in columns))
    Console(file=sys.stdout, highlight=False).print(table)


def _show_plain_table(rows: Sequence[Row], columns: Sequence[str]) -> None:
    cells = [list(columns), *([_cell(row.get(column)) for column in columns] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    to_the_right = [_is_numeric(rows, column) for column in columns]
    for line in cells:
        placed = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, to_the_right, strict=True)
        )
        click.echo("  ".join(placed).rstrip())


def _is_numeric(rows: Sequence[Row], column: str) -> bool:
    return all(isinstance(row.get(column), int | None) for row in rows)


def as_json(value: object) -> str:
    """JSON for people and programs."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


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
            each = ",\n".join(json.dumps(row, ensure_ascii=False) for row in page)
            write((",\n" if count else "[\n") + each)
        count += len(page)

    yield add
    if output is Format.JSON:
        write("\n]\n" if count else "[]\n")


def write(text: str) -> None:
    """Text to stdout as UTF-8, byte for byte: a Windows console's code page has no part in data."""
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()


def _plain(value: object) -> object:
    # As JSON has it: Python's True would be a third spelling.
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list | tuple | bool) else value


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case list() | tuple():
            return ", ".join(map(str, value))
    return str(value)
