"""Rows to devices, or to what is wrong with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.domain.device import BadId, Device, Via, parse_id
from orchestrator.domain.errors import IntakeFailed
from orchestrator.domain.inventory import (
    LEFT_OUT,
    Ambiguous,
    Identifier,
    InventoryDevice,
    Match,
    Matched,
    Named,
    NotEligible,
    compare_key,
)
from orchestrator.domain.line_problem import MOST_PROBLEMS, LineProblem
from orchestrator.domain.target import RowVerdict
from orchestrator.intake.columns import IdColumns, names_an_id
from orchestrator.intake.csv_file import CsvRow
from orchestrator.intake.dialect import DELIMITERS
from orchestrator.intake.eligibility import Eligibility
from orchestrator.intake.identifiers import IdentifierColumn
from orchestrator.intake.input_row import InputRow
from orchestrator.intake.noise import Ignored, Noise, bare, has_marks, object_type, program_line, shown, trimmed


@dataclass(frozen=True, slots=True)
class Layout:
    """The facts of a file from its header; the first `own` of its `width` columns are a report's own.

    `header` are the names of the columns without noise; `delimiter` is what stands between two cells,
    and `object_type` what a `#TYPE` line names. `named` are the columns by which rows are matched against an inventory;
    none where they hold managed device ids. `is_selection` marks a list that Muster wrote itself (intake/selection.py).
    """

    via: Via
    id_columns: IdColumns
    width: int
    eligibility: Eligibility
    own: int = 0
    header: Sequence[str] = ()
    delimiter: str = ","
    object_type: str | None = None
    named: tuple[IdentifierColumn, ...] = ()
    is_selection: bool = False

    def ids(self) -> tuple[tuple[str, int, str], ...]:
        """For each id its column of `Via.columns`, its place and what the file calls it; none in a list of names."""
        if self.named:
            return ()
        return tuple(zip(self.via.columns, self.id_columns.indexes, self.id_columns.names, strict=True))


@dataclass(slots=True)
class Validation:
    """Judges the rows of one file in their order, and keeps count; `titles` are the title lines above its header."""

    layout: Layout
    most_problems: int = MOST_PROBLEMS
    only_eligible: bool = False
    titles: Sequence[list[str]] = ()
    choices: Mapping[int, str] = field(default_factory=dict)
    good: int = 0
    duplicates: int = 0
    rejected: int = 0
    bad: int = 0
    ineligible: int = 0
    problems: list[LineProblem] = field(default_factory=list)
    mended: list[LineProblem] = field(default_factory=list)
    ignored: Ignored = field(default_factory=Ignored)
    matched: Counter[str] = field(default_factory=Counter)
    _first_lines: dict[bytes | str, int] = field(default_factory=dict)
    _ids: tuple[tuple[str, int, str], ...] = field(init=False)
    _named: tuple[tuple[Identifier, int], ...] = field(init=False)
    _noise_begins: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        layout = self.layout
        self._ids = layout.ids()
        self._named = tuple((column.by, column.place - layout.own) for column in layout.named)
        lines = (layout.header, *self.titles)
        self._noise_begins = frozenset(line[0].casefold() if line else "" for line in lines)

    def judge(self, row: CsvRow) -> InputRow | None:
        """The row with its device, or with its verdict and the reason; None where it is noise, which is counted."""
        layout = self.layout
        cells = tuple(row.cells[layout.own : layout.width])
        if row.problem is not None:
            return self._reject_bad(row.line, cells, row.problem)
        if len(row.cells) > layout.width and any(bare(cell) for cell in row.cells[layout.width :]):
            return self._noise_or_bad(row, cells, _too_wide(len(trimmed(row.cells)), layout.width))
        if layout.named:
            return self._to_match(row, cells)
        device = read_device(row.cells, self._ids)
        if isinstance(device, BadId):
            return self._noise_or_bad(row, cells, self._explained(row.cells, device.reason))
        if len(row.cells) > layout.width:
            self.ignored.add(Noise.SURPLUS, row.line)
        if row.has_marks or any(place < len(row.cells) and has_marks(row.cells[place]) for _, place, _ in self._ids):
            self.ignored.add(Noise.MARKS, row.line)
        compact = _compact(device)
        if (first := self._first_lines.get(compact)) is not None:
            return self._duplicate(row.line, cells, device, first)
        objection = layout.eligibility.objection(row.cells)
        self.ineligible += objection is not None
        if objection is not None and self.only_eligible:
            self.rejected += 1
            return InputRow(row.line, cells, RowVerdict.REJECTED, objection, device)
        good = InputRow(row.line, cells, device=device)
        if layout.is_selection:
            self.matched[row.cells[2]] += 1
            good = good._replace(matched_by=row.cells[2], name=row.cells[1] or None)
        return self._good(good, compact)

    def named(self, row: InputRow) -> tuple[Named, ...]:
        """Returns the identifiers in a row, the most exact kind first; empty where the row has a verdict already."""
        cells = row.cells
        if row.verdict is not None:
            return ()
        given = [Named(by, cells[place]) for by, place in self._named if place < len(cells) and bare(cells[place])]
        typed = self._typed(row.line)
        return tuple(given) if typed is None else (Named(given[0].by if given else self._named[0][0], typed),)

    def _typed(self, line: int) -> str | None:
        """The name that a person typed in place of the one in this line; None where none was."""
        choice = self.choices.get(line) if self.choices else None
        if choice is None or choice == LEFT_OUT or compare_key(Identifier.ID, choice) is not None:
            return None
        return choice

    def settle(self, row: InputRow, match: Match, reason: str) -> InputRow:
        """A row that `judge` left open, with the device that it was matched to, or rejected for this reason."""
        typed = self._typed(row.line)
        if isinstance(match, Matched):
            if typed is not None:
                self.mended.append(LineProblem(row.line, f"read as {typed!r}", row.cells))
            return self._settle_matched(row, match)
        if typed is not None:
            return self._reject_bad(row.line, row.cells, f"read as {typed!r}; {reason}")
        if isinstance(match, Ambiguous) and (chosen := match.chosen(self.choices.get(row.line))) is not None:
            self.mended.append(LineProblem(row.line, reason, row.cells, match.candidates))
            return self._settle_matched(row, chosen)
        if isinstance(match, NotEligible) and self.only_eligible:
            self.rejected += 1
            self.ineligible += 1
            return InputRow(row.line, row.cells, RowVerdict.REJECTED, reason)
        candidates = match.candidates if isinstance(match, Ambiguous | NotEligible) else ()
        return self._reject_bad(row.line, row.cells, reason, candidates)

    def _settle_matched(self, row: InputRow, match: Matched) -> InputRow:
        known, by, is_newest = match
        device, matched_by = Device((known.id,)), match.matched_by if is_newest else by.value
        compact = _compact(device)
        if (first := self._first_lines.get(compact)) is not None:
            return self._duplicate(row.line, row.cells, device, first)
        self.matched[matched_by] += 1
        return self._good(InputRow(row.line, row.cells, None, None, device, matched_by, known.name), compact)

    def _to_match(self, row: CsvRow, cells: tuple[str, ...]) -> InputRow | None:
        if self._noise(row.cells) is not None:
            return self._noise_or_bad(row, cells, "")
        if len(row.cells) > self.layout.width:
            self.ignored.add(Noise.SURPLUS, row.line)
        is_empty = not any(place < len(cells) and bare(cells[place]) for _, place in self._named)
        if is_empty and self._typed(row.line) is None:
            columns = ", ".join(column.name for column in self.layout.named)
            return self._reject_bad(row.line, cells, f"names no device: {columns} is empty")
        return InputRow(row.line, cells)

    def _good(self, row: InputRow, compact: bytes | str) -> InputRow:
        # A rejected row is never called, so it is not what a later row could be a duplicate of.
        self._first_lines[compact] = row.line
        self.good += 1
        return row

    def _duplicate(self, line: int, cells: tuple[str, ...], device: Device, first: int) -> InputRow:
        self.duplicates += 1
        return InputRow(line, cells, RowVerdict.DUPLICATE, f"same device as line {first}", device)

    def _noise_or_bad(self, row: CsvRow, cells: tuple[str, ...], reason: str) -> InputRow | None:
        # Only rows that name no device can be noise, so the million others are not compared with the header.
        noise = self._noise(row.cells)
        if noise is Noise.OBJECT_TYPE and object_type(row.cells[0]) != self.layout.object_type:
            raise _another_list(row.line)
        if noise is None:
            if not names_an_id(row.cells, self.layout.via, column=None):
                return self._reject_bad(row.line, cells, reason)
            # Its rows may have other ids under the same column, and --skip-invalid would call them.
            raise _another_list(row.line)
        self.ignored.add(noise, row.line)
        return None

    def _noise(self, cells: Sequence[str]) -> Noise | None:
        """The kind of noise that a row without a device is: joined exports repeat all that stands above their rows."""
        # A million rows are asked: only one that begins as such a line does is looked at cell by cell.
        first = bare(cells[0] if cells else "").casefold()
        if first not in self._noise_begins:
            return program_line(cells) if first.startswith(("#type", "sep=")) else None
        spelled, header = trimmed(cells), self.layout.header
        if header and [cell.casefold() for cell in spelled] == [name.casefold() for name in header]:
            return Noise.HEADER
        return Noise.TITLE if spelled in self.titles else program_line(cells)

    def _explained(self, cells: Sequence[str], reason: str) -> str:
        """The reason, with what is wrong with the whole row where that can be told."""
        text = cells[0] if len(trimmed(cells)) == 1 and self.layout.width > 1 else ""
        if self.layout.delimiter in text:
            return f"{reason}: the whole row stands in one pair of quotes"
        other = next((each for each in DELIMITERS if each in text), None)
        if other is None:
            return reason
        names = {"\t": "tabs", ";": "semicolons", ",": "commas"}
        expected = names.get(self.layout.delimiter, repr(self.layout.delimiter))
        return f"{reason}: its cells are separated by {names[other]}, and those of the header by {expected}"

    def _reject_bad(
        self, line: int, cells: tuple[str, ...], reason: str, candidates: tuple[InventoryDevice, ...] = ()
    ) -> InputRow:
        self.rejected += 1
        if self.choices.get(line) == LEFT_OUT:
            self.mended.append(LineProblem(line, reason, cells, candidates))
            return InputRow(line, cells, RowVerdict.REJECTED, f"left out by a person; {reason}")
        self.bad += 1
        if len(self.problems) < self.most_problems:
            is_mendable = bool(self.layout.named) and len(self.problems) < MOST_PROBLEMS
            kept = (cells, candidates) if is_mendable else ((), ())
            self.problems.append(LineProblem(line, reason, *kept))
        return InputRow(line, cells, RowVerdict.REJECTED, reason)


def read_device(cells: list[str], id_columns: tuple[tuple[str, int, str], ...]) -> Device | BadId:
    """The device that a row names; `id_columns` as `Layout.ids` answers."""
    ids = []
    for column, place, name in id_columns:
        text = cells[place] if place < len(cells) else ""
        canonical = parse_id(column, text if text.isascii() else bare(text))
        if isinstance(canonical, BadId):
            found = f"{shown(name)} {_quoted(text)}" if bare(text) else shown(name)
            return BadId(f"{found} {canonical.reason}")
        ids.append(canonical)
    return Device(tuple(ids))


def _compact(device: Device) -> bytes | str:
    # A million devices are remembered at once: the bytes of a GUID take half the memory of its text.
    if len(device.ids) == 1:
        return bytes.fromhex(device.ids[0].replace("-", ""))
    return device.key


def _another_list(line: int) -> IntakeFailed:
    return IntakeFailed(
        f"At line {line:,} another list begins, with another header. Join lists that have the same columns, or give "
        "each list by itself."
    )


def _too_wide(cells: int, width: int) -> str:
    return f"has {cells:,} cells, and the header has {width:,}"


def _quoted(text: str) -> str:
    text = bare(text)
    return repr(text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + "…")


_MOST_SHOWN = 60
