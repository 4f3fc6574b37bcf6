"""Rows to devices, or to what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass, field

from orchestrator.domain.device import BadId, Device, Via, parse_id
from orchestrator.domain.errors import MOST_PROBLEMS, LineProblem
from orchestrator.domain.target import RowVerdict
from orchestrator.intake.columns import IdColumns, shown
from orchestrator.intake.csv_file import CsvRow
from orchestrator.intake.eligibility import Eligibility
from orchestrator.intake.input_row import InputRow


@dataclass(frozen=True, slots=True)
class Layout:
    """What is known of a file from its header; the first `own` of its `width` columns are a report's own."""

    via: Via
    id_columns: IdColumns
    width: int
    eligibility: Eligibility
    own: int = 0

    def ids(self) -> tuple[tuple[str, int, str], ...]:
        """For each id its column of `Via.columns`, where it stands, and what the file calls it."""
        return tuple(zip(self.via.columns, self.id_columns.indexes, self.id_columns.names, strict=True))


@dataclass(slots=True)
class Validation:
    """Judges the rows of one file in their order, and keeps count."""

    layout: Layout
    most_problems: int = MOST_PROBLEMS
    only_eligible: bool = False
    good: int = 0
    duplicates: int = 0
    rejected: int = 0
    bad: int = 0
    ineligible: int = 0
    problems: list[LineProblem] = field(default_factory=list)
    _first_lines: dict[bytes | str, int] = field(default_factory=dict)
    _ids: tuple[tuple[str, int, str], ...] = field(init=False)

    def __post_init__(self) -> None:
        self._ids = self.layout.ids()

    def judge(self, row: CsvRow) -> InputRow:
        """The row with its device, or with its verdict and the reason."""
        layout = self.layout
        cells = tuple(row.cells[layout.own : layout.width])
        if row.problem is not None:
            return self._reject_bad(row.line, cells, row.problem)
        if len(row.cells) > layout.width:
            return self._reject_bad(row.line, cells, _too_wide(len(row.cells), layout.width))
        device = read_device(row.cells, self._ids)
        if isinstance(device, BadId):
            return self._reject_bad(row.line, cells, device.reason)
        # A rejected row is never called, so it is not what a later row could be a duplicate of.
        key = _compact(device)
        first = self._first_lines.get(key)
        if first is not None:
            self.duplicates += 1
            return InputRow(row.line, cells, RowVerdict.DUPLICATE, f"same device as line {first}", device)
        objection = layout.eligibility.objection(row.cells)
        self.ineligible += objection is not None
        if objection is not None and self.only_eligible:
            self.rejected += 1
            return InputRow(row.line, cells, RowVerdict.REJECTED, objection, device)
        self._first_lines[key] = row.line
        self.good += 1
        return InputRow(row.line, cells, device=device)

    def _reject_bad(self, line: int, cells: tuple[str, ...], reason: str) -> InputRow:
        self.rejected += 1
        self.bad += 1
        if len(self.problems) < self.most_problems:
            self.problems.append(LineProblem(line, reason))
        return InputRow(line, cells, RowVerdict.REJECTED, reason)


def read_device(cells: list[str], id_columns: tuple[tuple[str, int, str], ...]) -> Device | BadId:
    """The device that a row names; `id_columns` as `Layout.ids` answers."""
    ids = []
    for column, place, name in id_columns:
        text = cells[place] if place < len(cells) else ""
        canonical = parse_id(column, text)
        if isinstance(canonical, BadId):
            found = f"{shown(name)} {_quoted(text)}" if text.strip() else shown(name)
            return BadId(f"{found} {canonical.reason}")
        ids.append(canonical)
    return Device(tuple(ids))


def _compact(device: Device) -> bytes | str:
    # A million devices are remembered at once: the bytes of a GUID take half the memory of its text.
    if len(device.ids) == 1:
        return bytes.fromhex(device.ids[0].replace("-", ""))
    return device.key


def _too_wide(cells: int, width: int) -> str:
    return f"has {cells:,} cells, and the header has {width:,}"


def _quoted(text: str) -> str:
    text = text.strip()
    return repr(text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + "…")


_MOST_SHOWN = 60
