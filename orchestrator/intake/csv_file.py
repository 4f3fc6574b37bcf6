"""Bytes to rows, streamed in flat memory, with the line of the file at which each row starts."""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, NamedTuple

from orchestrator.domain.errors import IntakeFailed
from orchestrator.intake.byte_stream import ByteStream
from orchestrator.intake.dialect import detect_dialect
from orchestrator.intake.encoding import BROKEN_BYTES, detect_encoding
from orchestrator.intake.file_kind import refuse_other_formats, refuse_printed_output
from orchestrator.intake.noise import Noise, before_quote

LONGEST_ROW = 1024 * 1024
"""Characters in one row; what is longer is no row but a quote that was never closed, or no device list."""

MOST_COLUMNS = 1000
"""Columns of a list, unless the settings say otherwise: the report pads every row to the width of the header."""


class CsvRow(NamedTuple):
    """One row as it stands in the file; `problem` says why it cannot be read, `size` is its characters.

    `has_marks` says whether invisible characters stood before the quote that it starts with, and were left out.
    """

    line: int
    cells: list[str]
    size: int = 0
    problem: str | None = None
    has_marks: bool = False


class CsvFile:
    """A file that is being read; `sha256` and `bytes_read` are of the whole once its rows are at an end."""

    def __init__(
        self,
        stream: BinaryIO,
        *,
        max_bytes: int,
        max_columns: int = MOST_COLUMNS,
        is_header: Callable[[Sequence[str]], bool] = bool,
    ) -> None:
        self._max_columns = max_columns
        self._bytes = ByteStream(stream, max_bytes=max_bytes)
        head = self._bytes.peek(_HEAD)
        refuse_other_formats(head)
        self.encoding = detect_encoding(head)
        sample = head.decode(self.encoding, BROKEN_BYTES)
        if not sample.strip("\ufeff\0 \t\r\n"):
            raise IntakeFailed("The file is empty. Give a CSV file with one device a row.")
        refuse_printed_output(sample)
        self._dialect = detect_dialect(sample, is_header=is_header)
        buffered = io.BufferedReader(self._bytes, _READ_AT_ONCE)
        self._lines = _Lines(io.TextIOWrapper(buffered, self.encoding, BROKEN_BYTES, newline=""))

    @property
    def delimiter(self) -> str:
        """The character between two cells."""
        return self._dialect.delimiter

    @property
    def object_type(self) -> str | None:
        """The type of the objects that were exported, where a `#TYPE` line before the header names it."""
        return self._dialect.object_type

    @property
    def preamble(self) -> tuple[tuple[int, Noise], ...]:
        """The lines for programs that stand before the header, with their numbers."""
        return self._dialect.noise

    @property
    def sha256(self) -> str:
        """Of the bytes read so far."""
        return self._bytes.sha256

    @property
    def bytes_read(self) -> int:
        """Returns the number of bytes that were read so far."""
        return self._bytes.count

    def rows(self) -> Iterator[CsvRow]:
        """Every row that is not blank, the header among them; a line for a program (`sep=;`, `#TYPE …`) is no row."""
        self._lines.skip(self._dialect.preamble)
        while True:
            try:
                yield from self._readable_rows()
            except _Unreadable as unreadable:
                yield unreadable.row
            else:
                return

    def _readable_rows(self) -> Iterator[CsvRow]:
        lines = self._lines
        # Strict, because a quote that was never closed would otherwise swallow the rows up to the next one in silence.
        reader = csv.reader(
            lines, delimiter=self._dialect.delimiter, skipinitialspace=self._dialect.skips_blank, strict=True
        )
        while True:
            lines.begin_row()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except (csv.Error, _RowTooLong) as error:
                raise _Unreadable(self._give_up(error)) from error
            text = "".join(cells)
            if not text or text.isspace():
                continue
            problem = "contains a NUL byte" if "\0" in text else None
            if len(cells) > self._max_columns:
                cells, problem = self._narrowed(cells, problem)
            yield CsvRow(lines.row_starts_at, cells, len(text), problem, lines.has_marks)

    def _narrowed(self, cells: list[str], problem: str | None) -> tuple[list[str], str | None]:
        """As many cells as a list may have columns, and what is wrong with the row if more of them hold anything."""
        most = self._max_columns
        if any(cell.strip() for cell in cells[most:]):
            problem = (
                f"has {len(cells):,} columns, and at most {most:,} are taken: leave out those that are not needed, or "
                "raise MUSTER_MAX_COLUMNS"
            )
        return cells[:most], problem

    def _give_up(self, error: Exception) -> CsvRow:
        """The row at hand as a bad one; what comes after the line that its quote opened on will be read again."""
        lines = self._lines
        if len(lines.held) == 1:
            if isinstance(error, _RowTooLong):
                return CsvRow(lines.row_starts_at, [], problem=_ROW_TOO_LONG)
            return _unreadable(lines.row_starts_at, self._leniently(lines.held), _reason(error))
        opened = self._opening_line(lines.held if lines.is_at_end else lines.held[:-1])
        line = lines.row_starts_at + opened
        *cells, last = self._leniently(lines.held[: opened + 1]) or [""]
        cells.append(last.rstrip("\r\n"))
        lines.go_back_to(opened + 1)
        reason = f"{_NOT_CLOSED}; its row starts at line {lines.row_starts_at}" if opened else _NOT_CLOSED
        return _unreadable(line, cells, reason)

    def _opening_line(self, held: list[str]) -> int:
        """Where among the lines of an unfinished row its last cell began."""
        last = (self._leniently(held) or [""])[-1]
        return max(0, sum(line.endswith(("\r", "\n")) for line in held) - len(_LINE_END.findall(last)))

    def _leniently(self, held: list[str]) -> list[str]:
        dialect = self._dialect
        try:
            reader = csv.reader(held, delimiter=dialect.delimiter, skipinitialspace=dialect.skips_blank)
            return next(reader, [])[: self._max_columns]
        except csv.Error:  # a cell beyond the field limit of the csv module: nothing of it is worth keeping
            return []


class _Lines:
    """The physical lines of a text, with those of the row at hand kept so that they can be read again."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._again: deque[str] = deque()
        self._size = 0
        self.held: list[str] = []
        self.number = 0
        self.row_starts_at = 1
        self.has_marks = False
        self.is_at_end = False

    def begin_row(self) -> None:
        self.held, self._size, self.has_marks = [], 0, False
        self.row_starts_at = self.number + 1

    def go_back_to(self, index: int) -> None:
        """Read again from the line of this index in `held`."""
        # Bounded: from an open quote to where it fails every quote is a doubled one, and read from the start of a line
        # a doubled quote leaves nothing open. So no line but the last is gone back for twice.
        back = self.held[index:]
        self._again.extendleft(reversed(back))
        self.number -= len(back)

    def skip(self, count: int) -> None:
        for _ in range(count):
            self.begin_row()
            next(self, None)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._text.readline(LONGEST_ROW)
        self.is_at_end = not line
        if not line:
            raise StopIteration
        if len(line) == LONGEST_ROW:
            line = self._without_rest(line)
        if line[0] > _LAST_ASCII and not self.held and (quoted := before_quote(line)) is not line:
            # A quote behind them would not open a cell, and the row would be cut at the wrong places.
            line, self.has_marks = quoted, True
        self.held.append(line)
        self.number += 1
        self._size += len(line)
        if self._size >= LONGEST_ROW:
            raise _RowTooLong
        return line

    def _without_rest(self, start: str) -> str:
        """The start of a line that is too long, as if it ended there; what is left of it is read past."""
        rest = start
        while len(rest) == LONGEST_ROW and not rest.endswith(("\r", "\n")):
            rest = self._text.readline(LONGEST_ROW)
        return start if rest is start else start + "\n"


class _RowTooLong(Exception):
    """More characters than a row can have."""


class _Unreadable(Exception):
    """The reader has lost its place; carries the row that says so."""

    def __init__(self, row: CsvRow) -> None:
        super().__init__()
        self.row = row


def _unreadable(line: int, cells: list[str], reason: str) -> CsvRow:
    return CsvRow(line, cells, sum(map(len, cells)), reason)


def _reason(error: Exception) -> str:
    words = str(error)
    if "expected after" in words:
        return "has text after a closing quote"
    if "field larger" in words:
        return f"has a cell of more than {csv.field_size_limit():,} characters"
    return _NOT_CLOSED


_HEAD = 64 * 1024
_LAST_ASCII = "\x7f"
_READ_AT_ONCE = 256 * 1024
_NOT_CLOSED = "has a quote that is not closed"
_ROW_TOO_LONG = f"has more than {LONGEST_ROW:,} characters"
_LINE_END = re.compile(r"\r\n|\r|\n")
