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

_UNBOUNDED = 100_000
"""Columns of a table that goes into a file: nothing is cut off for want of a screen."""


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
    """A table as wide as the terminal, or as wide as it needs to be where there is none."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    is_terminal = sys.stdout.isatty()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        numeric = all(isinstance(row.get(column), int) for row in rows) and bool(rows)
        table.add_column(column, justify="right" if numeric else "left", no_wrap=not is_terminal)
    for row in rows:
        # Text, because what comes from a file or from Graph may look like rich's markup.
        table.add_row(*(Text(_cell(row.get(column))) for column in columns))
    Console(file=sys.stdout, width=None if is_terminal else _UNBOUNDED, highlight=False).print(table)


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
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list | tuple) else value


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
