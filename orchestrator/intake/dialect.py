"""The dialect of a CSV file: how its cells are separated."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from orchestrator.intake.noise import Noise, before_quote, object_type, trimmed, without_marks

DELIMITERS = ",;\t"


@dataclass(frozen=True, slots=True)
class Dialect:
    """The delimiter, whether a blank follows each, and the lines for programs that stand before the header.

    `preamble` is how many physical lines come before the list; `noise` are those of them that are not blank.
    """

    delimiter: str
    skips_blank: bool = False
    preamble: int = 0
    noise: tuple[tuple[int, Noise], ...] = ()
    object_type: str | None = None


def detect_dialect(sample: str, *, is_header: Callable[[Sequence[str]], bool] = bool) -> Dialect:
    """The dialect of a file that starts with this text; `is_header` tells whether cells make sense as its header."""
    declared: str | None = None
    named_type: str | None = None
    noise: list[tuple[int, Noise]] = []
    lines = starts = 0
    # Matched at its place: a search in a text without line ends would take quadratic time.
    while (match := _LINE.match(sample, starts)) is not None:
        text = without_marks(match["text"])
        declaration = _DECLARATION.fullmatch(text)
        if declaration is not None:
            declared = declaration["delimiter"]
            noise.append((lines + 1, Noise.SEPARATOR))
        elif text.lstrip('"')[:6].casefold() == "#type ":
            named_type = object_type(text)
            noise.append((lines + 1, Noise.OBJECT_TYPE))
        elif text.strip():
            break
        lines, starts = lines + 1, match.end()
    sample = "".join(map(before_quote, sample[starts:].splitlines(keepends=True)))
    delimiter = declared or _detect_delimiter(sample, is_header)
    return Dialect(delimiter, _skips_blank(sample, delimiter), lines, tuple(noise), named_type)


def split_line(line: str, delimiter: str) -> list[str]:
    """The cells of one line; none where it cannot be read."""
    return next(_rows(line, delimiter), [])


def _detect_delimiter(sample: str, is_header: Callable[[Sequence[str]], bool]) -> str:
    # The library is asked only among delimiters that split the header: on one column it guesses letters or nothing,
    # and a comma inside names can outnumber the semicolons between cells.
    rows = {delimiter: list(islice(_rows(sample, delimiter), _ROWS_LOOKED_AT)) for delimiter in DELIMITERS}
    headers = {delimiter: _header_of(rows[delimiter], is_header) for delimiter in DELIMITERS}
    fitting = [delimiter for delimiter in DELIMITERS if len(headers[delimiter]) > 1]
    if len(fitting) < 2:
        return fitting[0] if fitting else ","
    sniffed = _sniff(sample, "".join(fitting))

    def fit(delimiter: str) -> tuple[bool, bool, bool, int]:
        header = headers[delimiter]
        is_widest = all(len(trimmed(row)) <= len(header) for row in rows[delimiter])
        return is_header(header), is_widest, delimiter == sniffed, len(header)

    return max(fitting, key=fit)


def _header_of(rows: list[list[str]], is_header: Callable[[Sequence[str]], bool]) -> list[str]:
    """The first row that makes sense as a header, since lines of a title may stand before it; else the first."""
    return next((row for row in rows[:_TITLES_LOOKED_PAST] if is_header(row)), rows[0] if rows else [])


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
_LINE = re.compile(r"(?P<text>[^\r\n]*)(?:\r\n|\r|\n)")
_LINE_END = re.compile(r"\r\n|\r|\n")
_SNIFFED = 4096  # its patterns take quadratic time on stray quotes
_ROWS_LOOKED_AT = 50
_TITLES_LOOKED_PAST = 20
