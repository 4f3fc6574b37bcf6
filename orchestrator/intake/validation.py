"""Rows to devices, or to what is wrong with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from orchestrator.domain.device import BadId, Device, Via, parse_id
from orchestrator.domain.errors import IntakeFailed
from orchestrator.domain.inventory import (
    LEFT_OUT,
    Ambiguous,
    Found,
    Identifier,
    InventoryDevice,
    Match,
    Matched,
    MatchKey,
    Named,
    NotEligible,
    Unknown,
    compare_key,
    unidentified,
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
    matched: dict[str, int] = field(default_factory=partial(defaultdict, int))
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

    def keys(self, rows: Iterable[InputRow]) -> list[MatchKey | None]:
        """The key of each row that `judge` left open; None where it has a verdict, or no cell identifies a device.

        The most exact kind decides: a row is never matched by its name because its Entra id is unknown, since the name
        may have gone to another device.
        """
        return [None if row.verdict is not None else self._key(row) for row in rows]

    def _key(self, row: InputRow) -> MatchKey | None:
        if self.choices:
            keys = ((by, compare_key(by, text)) for by, text in self._named_in(row))
            return next(((by, key) for by, key in keys if key is not None), None)
        # Nearly every list has no choices: this loop makes no object for each cell, of which a large list has millions.
        cells = row.cells
        for by, place in self._named:
            text = cells[place] if place < len(cells) else ""
            if (key := compare_key(by, text)) is not None and (text.isascii() or bare(text)):
                return by, key
        return None

    def other_keys(self, rows: Sequence[InputRow], keys: Sequence[MatchKey | None]) -> list[Sequence[MatchKey]]:
        """The keys of the cells beside the one that decides; a name that a person typed stands for all cells."""
        found: list[Sequence[MatchKey]] = []
        for row, key in zip(rows, keys, strict=True):
            some = () if key is None else ((each.by, compare_key(each.by, each.text)) for each in self._named_in(row))
            found.append([(by, text) for by, text in some if text is not None and key is not None and by is not key[0]])
        return found

    def _named_in(self, row: InputRow) -> list[Named]:
        """The identifiers in a row, the most exact kind first; a name that a person typed stands for all of them."""
        cells = row.cells
        given = [Named(by, cells[place]) for by, place in self._named if place < len(cells) and bare(cells[place])]
        typed = self._typed(row.line)
        return given if typed is None else [Named(given[0].by if given else self._named[0][0], typed)]

    def _typed(self, line: int) -> str | None:
        """The name that a person typed in place of the one in this line; None where none was."""
        choice = self.choices.get(line) if self.choices else None
        if choice is None or choice == LEFT_OUT or compare_key(Identifier.ID, choice) is not None:
            return None
        return choice

    def settle(
        self,
        rows: Sequence[InputRow],
        keys: Sequence[MatchKey | None],
        found: Mapping[Identifier, Found],
        reason: Callable[[Match], str],
        contradictions: Mapping[int, Match],
    ) -> list[InputRow]:
        """The rows, those that were left open with the device of their key, or rejected for their match's reason."""
        settled = [*rows]
        kind: Identifier | None = None
        for place, (row, key) in enumerate(zip(rows, keys, strict=True)):
            if key is None:
                if row.verdict is None:
                    settled[place] = self._settle_row(row, unidentified(self._named_in(row)), reason)
                continue
            by, text = key
            if by is not kind:
                kind, single, others, matched_by = by, found[by].single, found[by].others, by.value
            if place in contradictions:
                settled[place] = self._settle_row(row, contradictions[place], reason)
            elif (device := single.get(text)) is None:
                settled[place] = self._settle_row(row, others.get(text) or Unknown(by), reason)
            elif self.choices:
                settled[place] = self._settle_row(row, Matched(InventoryDevice(*device), by), reason)
            else:
                settled[place] = self._settle_matched(row, *device, matched_by)
        return settled

    def _settle_row(self, row: InputRow, match: Match, reason: Callable[[Match], str]) -> InputRow:
        typed = self._typed(row.line)
        if isinstance(match, Matched):
            if typed is not None:
                self.mended.append(LineProblem(row.line, f"read as {typed!r}", row.cells))
            return self._settle_matched(row, match.device.id, match.device.name, match.matched_by)
        why = reason(match)
        if typed is not None:
            return self._reject_bad(row.line, row.cells, f"read as {typed!r}; {why}")
        if isinstance(match, Ambiguous) and (chosen := match.chosen(self.choices.get(row.line))) is not None:
            self.mended.append(LineProblem(row.line, why, row.cells, match.candidates))
            return self._settle_matched(row, chosen.device.id, chosen.device.name, chosen.matched_by)
        if isinstance(match, NotEligible) and self.only_eligible:
            self.rejected += 1
            self.ineligible += 1
            return InputRow(row.line, row.cells, RowVerdict.REJECTED, why)
        candidates = match.candidates if isinstance(match, Ambiguous | NotEligible) else ()
        return self._reject_bad(row.line, row.cells, why, candidates)

    def _settle_matched(self, row: InputRow, id_: str, name: str | None, matched_by: str) -> InputRow:
        line, device = row.line, Device((id_,))
        if (first := self._first_lines.setdefault(_compact_guid(id_), line)) != line:
            return self._duplicate(line, row.cells, device, first)
        self.matched[matched_by] += 1
        self.good += 1
        return InputRow._make((line, row.cells, None, None, device, matched_by, name))

    def _to_match(self, row: CsvRow, cells: tuple[str, ...]) -> InputRow | None:
        if self._noise(row.cells) is not None:
            return self._noise_or_bad(row, cells, "")
        if len(row.cells) > self.layout.width:
            self.ignored.add(Noise.SURPLUS, row.line)
        for _, place in self._named:
            if place < len(cells) and bare(cells[place]):
                return InputRow(row.line, cells)
        if self._typed(row.line) is not None:
            return InputRow(row.line, cells)
        columns = ", ".join(column.name for column in self.layout.named)
        return self._reject_bad(row.line, cells, f"names no device: {columns} is empty")

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
    return _compact_guid(device.ids[0]) if len(device.ids) == 1 else device.key


def _compact_guid(guid: str) -> bytes:
    # A million devices are remembered at once: the bytes of a GUID take half the memory of its text.
    return bytes.fromhex(guid.replace("-", ""))


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
