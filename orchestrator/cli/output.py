"""Data to stdout: tables for people; JSON, YAML, CSV and TSV for programs; nothing else goes there."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from types import NoneType
from typing import Any

import click

from orchestrator.cli.column_fit import FREE_TEXT, LONGEST_ID, fit_columns
from orchestrator.cli.invocation import FIELDS, Format
from orchestrator.cli.terminal import Styled, console, say, write_data
from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.figures import local
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
    names: Iterable[str] = (),
    is_strict: bool = True,
) -> None:
    """A list of things; `columns` are those of a table for people, all of the first row's otherwise.

    `names` are the fields of a row: CSV and TSV have them as their header also where there is no row.
    """
    match output:
        case Format.JSON | Format.YAML:
            write(as_nested(chosen(rows, is_strict=is_strict), output))
        case Format.CSV | Format.TSV:
            write(as_flat(chosen(rows, is_strict=is_strict), output, names=names))
        case Format.TABLE:
            show_table(rows, columns or (list(rows[0]) if rows else []), rank=rank, folds=folds)


def show_facts(facts: Row, output: Format, *, is_strict: bool = True) -> None:
    """One thing, with its facts below each other; without `is_strict` a wrong name in --fields is only noted."""
    match output:
        case Format.JSON | Format.YAML:
            write(as_nested(chosen([facts], is_strict=is_strict)[0], output))
        case Format.CSV | Format.TSV:
            write(as_flat(chosen([facts], is_strict=is_strict), output))
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
    words = {
        column: _longest_words([cell_len(word) for line in cells for word in line[place].split()])
        for place, column in enumerate(columns)
        if column in folds
    }
    fitting = fit_columns(widths, room, rank=rank, folds=folds, words=words)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column, least in fitting.least.items():
        table.add_column(
            column,
            justify="right" if _is_numeric(rows, column) else "left",
            no_wrap=column not in folds,
            overflow="fold",
            min_width=least,
        )
    places = [place for place, column in enumerate(columns) if column in fitting.columns]
    for line in cells:
        table.add_row(*(Text(line[place]) for place in places))
    # Wider than the terminal where even the essential columns are: the terminal wraps a line, rich would cut it.
    console(sys.stdout, width=max(room, fitting.width)).print(table)
    if fitting.dropped:
        names = ", ".join(fitting.dropped)
        say(Styled(f"Columns left out: {names}. A wider window or `-o csv` shows them.", dim=True), err=True)


def _longest_words(lengths: Sequence[int]) -> tuple[int, int]:
    """The length of the longest word, and of the longest that may be an id."""
    return max(lengths, default=0), max((length for length in lengths if length <= LONGEST_ID), default=0)


def _show_plain_table(rows: Sequence[Row], columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    widths = [max(map(_cells_of, column)) for column in zip(columns, *cells, strict=True)]
    to_the_right = [_is_numeric(rows, column) for column in columns]
    for line in (columns, *cells):
        placed = []
        for cell, width, right in zip(line, widths, to_the_right, strict=True):
            room = " " * (width - _cells_of(cell))
            placed.append(room + cell if right else cell + room)
        click.echo("  ".join(placed).rstrip())


def _cells_of(text: str) -> int:
    """How many cells of a terminal the text takes: a Chinese or Japanese character takes two."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _is_numeric(rows: Sequence[Row], column: str) -> bool:
    return all(type(row.get(column)) in {int, NoneType} for row in rows)  # not bool, which is an int too


def chosen(rows: Sequence[Row], *, is_strict: bool = True) -> list[Row]:
    """The rows with the fields that --fields names; RequestRejected for a name that they do not have."""
    fields = FIELDS.get()
    if not fields or not rows:
        return list(rows)
    for name in fields:
        if not _has(rows[0], name):
            words = f"There is no field {name!r}; there are {', '.join(rows[0])}."
            if is_strict:
                raise RequestRejected(words)
            click.echo(f"muster: note: {words}", err=True)
    return [{name: _at(row, name) for name in fields} for row in rows]


def _has(row: Row, path: str) -> bool:
    *above, last = path.split(".")
    inner = _at(row, ".".join(above)) if above and above[0] in row else row
    return inner is None or (isinstance(inner, Mapping) and last in inner)


def _at(row: Any, path: str) -> Any:
    """The value at `counts.failed`, of a row of plain values the one at `failed`; None where there is none."""
    first, _, rest = path.partition(".")
    if not isinstance(row, Mapping):
        return None
    if rest:
        return _at(row.get(first), rest) if first in row else row.get(path.rpartition(".")[2])
    return row.get(first)


def as_nested(value: object, output: Format) -> str:
    """JSON or YAML for people and programs; ASCII alone where no person reads it, which every code page survives."""
    is_ascii = not sys.stdout.isatty()
    if output is Format.YAML:
        import yaml

        plain = json.loads(json.dumps(value))  # YAML's safe form knows no enumeration
        return str(yaml.safe_dump(plain, sort_keys=False, allow_unicode=not is_ascii))
    return escaped_json(json.dumps(value, indent=2, ensure_ascii=is_ascii)) + "\n"


def as_flat(rows: Sequence[Row], output: Format, *, with_header: bool = True, names: Iterable[str] = ()) -> str:
    """CSV, or TSV without any quotes; a value that is not plain is JSON in its cell.

    Without a row the header has the names of --fields, else `names`.
    """
    text = io.StringIO(newline="")
    names = list(rows[0]) if rows else list(FIELDS.get() or names)
    if not names:
        return ""
    if output is Format.TSV:
        lines = [[_on_one_line(defuse(name)) for name in names]] if with_header else []
        lines += [[_on_one_line(_plain(row.get(name))) for name in names] for row in rows]
        return "".join("\t".join(line) + "\n" for line in lines)
    writer = csv.writer(text, lineterminator="\n")
    if with_header:
        # Of bad rows they are the columns of a file from anywhere.
        writer.writerow(map(defuse, names))
    writer.writerows([_plain(row.get(name)) for name in names] for row in rows)
    return text.getvalue()


@contextmanager
def stream_rows(output: Format, *, names: Iterable[str] = ()) -> Iterator[Callable[[Sequence[Row]], None]]:
    """A long list, page by page, as one document; `names` as for `show_rows`."""
    count = 0

    def add(page: Sequence[Row]) -> None:
        nonlocal count
        rows = chosen(page)
        if not page:
            return
        if output.is_flat:
            write(as_flat(rows, output, with_header=not count))
        elif output is Format.YAML:
            write(as_nested(rows, output))
        else:
            is_ascii = not sys.stdout.isatty()
            each = ",\n".join(escaped_json(json.dumps(row, ensure_ascii=is_ascii)) for row in rows)
            write((",\n" if count else "[\n") + each)
        count += len(page)

    yield add
    if output.is_flat and not count:
        write(as_flat([], output, names=names))
    elif output is Format.JSON:
        write("\n]\n" if count else "[]\n")
    elif output is Format.YAML and not count:
        write("[]\n")


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


def _on_one_line(value: object) -> str:
    return "" if value is None else " ".join(str(value).split("\t")).replace("\r", " ").replace("\n", " ")


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
    return shown(_TIME.sub(_with_offset, str(value)))


def _with_offset(found: re.Match[str]) -> str:
    """Returns a time as tables show it: UTC as the local time with its offset, any other with its own offset."""
    text = found[0]
    return local(datetime.fromisoformat(text)) if text.endswith("Z") else text.replace("T", " ")


_TIME = re.compile(r"(?<![^\s(])\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?(?=[,;:.)]*(\s|$))")
"""A time that is a word of its own: one in the name of a file stays as the file is called."""
