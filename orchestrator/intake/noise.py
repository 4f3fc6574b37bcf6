"""Characters and rows that exports carry besides devices: recognised, left out, and listed for the operator; pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum


class Noise(Enum):
    """A kind of noise; the value names one of the kind, and several."""

    SEPARATOR = ("`sep=` line", "`sep=` lines")
    OBJECT_TYPE = ("`#TYPE` line", "`#TYPE` lines")
    TITLE = ("title line before the header", "title lines before the header")
    HEADER = ("repeated header line", "repeated header lines")
    SURPLUS = ("row with empty surplus cells at its end", "rows with empty surplus cells at their end")
    MARKS = (
        "line with invisible characters at the edge of a cell",
        "lines with invisible characters at the edge of a cell",
    )
    FAILED_FOR_GOOD = ("row of the report that failed for good", "rows of the report that failed for good")
    NOT_REPEATED = (
        "uncertain row of the report, whose action is not repeated",
        "uncertain rows of the report, whose action is not repeated",
    )


@dataclass(slots=True)
class Ignored:
    """Counts what was left out of one file, and keeps the first lines of each kind."""

    _counts: dict[Noise, int] = field(default_factory=dict)
    _lines: dict[Noise, list[int]] = field(default_factory=dict)

    def add(self, noise: Noise, line: int) -> None:
        """Count one line of the file; several of a kind on one line are several calls."""
        self._counts[noise] = self._counts.get(noise, 0) + 1
        lines = self._lines.setdefault(noise, [])
        if len(lines) < _MOST_LINES_NAMED:
            lines.append(line)

    def sentences(self) -> tuple[str, ...]:
        """One clause for each kind, with its count and its first lines, such as "2 repeated header lines (5, 9)"."""
        return tuple(self._sentence(noise) for noise in Noise if noise in self._counts)

    def _sentence(self, noise: Noise) -> str:
        count, lines = self._counts[noise], self._lines[noise]
        places = ", ".join(f"{line:,}" for line in lines)
        more = f" and {count - len(lines):,} more" if count > len(lines) else ""
        one, several = noise.value
        return f"1 {one} (line {places})" if count == 1 else f"{count:,} {several} (lines {places}{more})"


def bare(text: str) -> str:
    """The text without blanks, no-break spaces, zero-width characters and byte order marks at its edges."""
    return text.strip() if text.isascii() else text.strip(_AT_EDGES)


def without_marks(text: str) -> str:
    """The text as it is; where invisible characters stand at its edges, without them and the blanks around them."""
    return text if text.isascii() or not has_marks(text) else text.strip(_AT_EDGES)


def has_marks(text: str) -> bool:
    """Whether a zero-width character, a byte order mark or a no-break space stands at an edge of this text."""
    if text.isascii():
        return False
    blank_less = text.strip(" \t")
    return blank_less[:1] in _MARKS or blank_less[-1:] in _MARKS if blank_less else False


def before_quote(line: str) -> str:
    """The line without the invisible characters before a quote that it starts with, where joined files have a BOM."""
    if line[:1] not in _MARKS:
        return line
    rest = line.lstrip(_AT_EDGES)
    return rest if rest.startswith('"') else line


def seen(text: str) -> str:
    """The text without invisible characters anywhere, and without blanks at its edges."""
    return bare(text if text.isascii() else text.translate(_WITHOUT_MARKS))


def folded(text: str) -> str:
    """A column's name without letter case, blanks, `_` and invisible characters, which people spell as they like."""
    if not text.isascii():
        text = text.translate(_WITHOUT_MARKS)
    return "".join(text.casefold().replace("_", "").split())


def letters_of(text: str) -> str:
    """A column's name as its letters and digits alone, the same for `Last check-in` and `LastCheckIn`."""
    return "".join(filter(str.isalnum, text.casefold()))


def shown(text: str) -> str:
    """The text of a file as a message shows it: one line, at most 80 characters, no control characters."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in bare(text)[:_LONGEST_SHOWN])


def trimmed(cells: Sequence[str]) -> list[str]:
    """The cells without empty ones at their end, and without invisible characters at their edges."""
    bared = [bare(cell) for cell in cells]
    while bared and not bared[-1]:
        bared.pop()
    return bared


def program_line(cells: Sequence[str]) -> Noise | None:
    """Which line for a program this row is, if it is one: Excel's `sep=;` or PowerShell's `#TYPE …`."""
    first = bare(cells[0]) if cells else ""
    if first[:6].casefold() == "#type ":
        return Noise.OBJECT_TYPE
    if first[:4].casefold() == "sep=" and len(first) <= len("sep=;") and not any(map(bare, cells[1:])):
        return Noise.SEPARATOR
    return None


def object_type(line: str) -> str:
    """The type of the objects that a `#TYPE …` line of `Export-Csv` names."""
    return bare(line).strip('"')[len("#TYPE ") :].strip(' ,;\t"')


_MOST_LINES_NAMED = 5
_LONGEST_SHOWN = 80
_FORMATTING = (
    "\u00ad\u061c\u180e"
    + "".join(map(chr, range(0x200B, 0x2010)))  # zero-width characters, marks of direction
    + "".join(map(chr, range(0x202A, 0x202F)))  # embeddings and overrides of direction
    + "".join(map(chr, range(0x2060, 0x2070)))  # word joiner, isolates of direction
    + "\ufeff\ufff9\ufffa\ufffb"
)
_NO_BREAK = "\u00a0\u2007\u202f"
_MARKS = frozenset(_FORMATTING + _NO_BREAK)
_BLANKS = re.sub(r"\S", "", "".join(map(chr, range(0x3001))))
_AT_EDGES = _FORMATTING + _BLANKS
_WITHOUT_MARKS = dict.fromkeys(map(ord, _FORMATTING))
