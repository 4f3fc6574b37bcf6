"""How a file separates its cells."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

DELIMITERS = ",;\t"


@dataclass(frozen=True, slots=True)
class Dialect:
    """The delimiter, whether a blank follows each, and whether a line for programs stands before the header."""

    delimiter: str
    skips_blank: bool = False
    has_preamble: bool = False


def detect_dialect(sample: str, *, is_header: Callable[[Sequence[str]], bool] = bool) -> Dialect:
    """The dialect of a file that starts with this text; `is_header` tells whether cells make sense as its header."""
    first, *rest = _LINE_END.split(sample.lstrip("\r\n"), maxsplit=1)
    declared = _DECLARATION.fullmatch(first)
    has_preamble = declared is not None or first.startswith(_TYPE_OF_OBJECTS)
    if has_preamble:
        sample = "".join(rest)
    delimiter = declared["delimiter"] if declared else _detect_delimiter(sample, is_header)
    return Dialect(delimiter, _skips_blank(sample, delimiter), has_preamble)


def _detect_delimiter(sample: str, is_header: Callable[[Sequence[str]], bool]) -> str:
    # The library is asked only among delimiters that split the header: on one column it guesses letters or nothing,
    # and a comma inside names can outnumber the semicolons between cells.
    rows = {delimiter: list(islice(_rows(sample, delimiter), _ROWS_LOOKED_AT)) for delimiter in DELIMITERS}
    fitting = [delimiter for delimiter in DELIMITERS if rows[delimiter] and len(rows[delimiter][0]) > 1]
    if len(fitting) < 2:
        return fitting[0] if fitting else ","
    sniffed = _sniff(sample, "".join(fitting))

    def fit(delimiter: str) -> tuple[bool, bool, bool, int]:
        header, *others = rows[delimiter]
        is_widest = all(len(row) <= len(header) for row in others)
        return is_header(header), is_widest, delimiter == sniffed, len(header)

    return max(fitting, key=fit)


def _sniff(sample: str, delimiters: str) -> str | None:
    try:
        return csv.Sniffer().sniff(sample[:_SNIFFED], delimiters).delimiter
    except csv.Error:
        return None


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
_SNIFFED = 4096  # its patterns take quadratic time on stray quotes
_ROWS_LOOKED_AT = 50
