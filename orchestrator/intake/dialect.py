"""How a file separates its cells."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

DELIMITERS = ",;\t"


@dataclass(frozen=True, slots=True)
class Dialect:
    """The delimiter, whether a blank follows each, and whether a line for programs stands before the header."""

    delimiter: str
    skips_blank: bool = False
    has_preamble: bool = False


def detect_dialect(sample: str) -> Dialect:
    """The dialect of a file that starts with this text."""
    first, *rest = _LINE_END.split(sample.lstrip("\r\n"), maxsplit=1)
    declared = _DECLARATION.fullmatch(first)
    has_preamble = declared is not None or first.startswith(_TYPE_OF_OBJECTS)
    if has_preamble:
        sample = "".join(rest)
    delimiter = declared["delimiter"] if declared else _detect_delimiter(sample)
    return Dialect(delimiter, _skips_blank(sample, delimiter), has_preamble)


def _detect_delimiter(sample: str) -> str:
    # The library is asked only among delimiters that split the header: on one column it guesses letters or nothing,
    # and a comma inside names can outnumber the semicolons between cells.
    fitting = [delimiter for delimiter in DELIMITERS if _widths(sample, delimiter)[:1] > [1]]
    if len(fitting) < 2:
        return fitting[0] if fitting else ","
    sniffed = _sniff(sample, "".join(fitting))

    def fit(delimiter: str) -> tuple[bool, bool, int]:
        widths = _widths(sample, delimiter)
        return max(widths) <= widths[0], delimiter == sniffed, widths[0]

    return max(fitting, key=fit)


def _sniff(sample: str, delimiters: str) -> str | None:
    try:
        return csv.Sniffer().sniff(sample[:_SNIFFED], delimiters).delimiter
    except csv.Error:
        return None


def _widths(sample: str, delimiter: str) -> list[int]:
    """Cells in each of the first rows, less the last one, which the sample may have cut off."""
    rows = list(islice(_rows(sample, delimiter), _ROWS_LOOKED_AT))
    whole = rows[:-1] if len(rows) > 1 else rows
    return [len(row) for row in whole]


def _rows(sample: str, delimiter: str) -> Iterator[list[str]]:
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
    try:
        yield from (row for row in reader if row)
    except csv.Error:
        return


def _skips_blank(sample: str, delimiter: str) -> bool:
    line = _LINE_END.split(sample.lstrip("\r\n"), maxsplit=1)[0]
    return line.count(delimiter) == line.count(delimiter + " ") > 0


# Excel writes and reads `sep=;`; Export-Csv of Windows PowerShell 5.1 writes `#TYPE …` unless told not to.
_DECLARATION = re.compile(r'"?sep=(?P<delimiter>[^\w\s"]|\t)"?[,;\t]*', re.IGNORECASE)
_TYPE_OF_OBJECTS = ("#TYPE ", '"#TYPE ')
_LINE_END = re.compile(r"\r\n|\r|\n")
_SNIFFED = 8192
_ROWS_LOOKED_AT = 50
