"""A device list from a person, as the use case that submits a job reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from types import MappingProxyType
from typing import BinaryIO

from orchestrator.domain.device import Via
from orchestrator.domain.errors import IntakeFailed
from orchestrator.domain.inventory import Found, Identifier, Match, MatchKey
from orchestrator.domain.line_problem import MOST_PROBLEMS
from orchestrator.domain.target import TargetStatus
from orchestrator.intake.columns import names_an_id
from orchestrator.intake.csv_file import MOST_COLUMNS, CsvFile, CsvRow
from orchestrator.intake.header import ROWS_LOOKED_AT, Expected, Header, read_header
from orchestrator.intake.input_row import InputRow
from orchestrator.intake.noise import Noise, shown, trimmed
from orchestrator.intake.own_report import TAKEN_AGAIN, reason_to_leave_out, restore_id
from orchestrator.intake.report import IntakeReport
from orchestrator.intake.tenant_column import TenantRows, place_of_tenants
from orchestrator.intake.validation import Validation


@dataclass(frozen=True, slots=True)
class IntakeOptions:
    """The options of the operator, and the limits of the installation.

    `match` says by what rows name their devices, None leaves it to the header. `has_inventory` says whether there is
    an inventory to match against; `prefer_newest` and `stale_ok` how it is used. `is_selection` marks a list that
    Muster wrote itself. `tenants` says whose rows are taken of a list with a tenant column; None takes all rows.
    `choices` are a person's decisions about bad rows by line: the id of the candidate that is meant, the name
    to read in place of the one in the line, or LEFT_OUT. Where the action is not `is_repeatable`, `uncertain` rows of a
    report are left out.
    """

    column: str | None = None
    skip_invalid: bool = False
    only_eligible: bool = False
    take_all: bool = False
    max_rows: int = 1_000_000
    max_bytes: int = 1024**3
    max_columns: int = MOST_COLUMNS
    match: Identifier | None = None
    has_inventory: bool = False
    is_selection: bool = False
    prefer_newest: bool = False
    stale_ok: bool = False
    most_problems: int = MOST_PROBLEMS
    tenants: TenantRows | None = None
    choices: Mapping[int, str] = field(default_factory=dict)
    is_repeatable: bool = True


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, in the order of the file; a row without verdict and device has yet to be matched (`settle`)."""

    rows: list[InputRow]


class DeviceList:
    """An opened device list: what its header says, then its rows once, in pages."""

    def __init__(self, file: CsvFile, rows: Iterator[CsvRow], header: Header, options: IntakeOptions) -> None:
        self.encoding, self.delimiter = file.encoding, file.delimiter
        self.columns, self.id_columns = header.columns, header.layout.id_columns
        self.report_via = header.report_via
        self.left_out = 0
        self._file, self._rows, self._options = file, rows, options
        self._width = len(header.columns)
        place = place_of_tenants(header.columns)
        self._tenant_place = None if place is None else header.layout.own + place
        self._validation = Validation(
            header.layout,
            options.most_problems,
            only_eligible=options.only_eligible,
            titles=tuple(trimmed(title.cells) for title in header.titles),
            choices=options.choices,
        )
        self._add_noise_above(header)

    def pages(self, size: int = 10_000) -> Iterator[Page]:
        """The rows, once, in pages of at most `size`, fewer where they are long; bad rows do not end it.

        IntakeFailed where the file turns out to be too long, or to hold nothing to do.
        """
        page: list[InputRow] = []
        room = _PAGE_ROOM
        for row in self._wanted_rows():
            judged = self._validation.judge(row)
            if judged is None:
                continue
            page.append(judged)
            # A report pads every row to the width of the header, so that is what a row costs at least.
            room -= row.size + _CELL_COST * max(len(row.cells), self._width)
            if len(page) >= size or room <= 0:
                yield Page(page)
                page, room = [], _PAGE_ROOM
        if page:
            yield Page(page)

    def tenants(self, of: TenantRows) -> list[str] | None:
        """The tenants that the rows name, in their order; None where there is no tenant column. It reads every row."""
        place = self._tenant_place
        if place is None:
            return None
        owners = (of.owner(row.cells[place] if place < len(row.cells) else "") for row in self._rows)
        return list(dict.fromkeys(owner for owner in owners if owner is not None))

    @property
    def is_matched(self) -> bool:
        """Whether its rows name devices by something that has to be matched against the inventory."""
        return bool(self._validation.layout.named)

    @property
    def doubt(self) -> str | None:
        """Why its ids are refused unless the inventory knows every one of them; None where they are accepted."""
        return self.id_columns.doubt

    def keys(self, page: Page) -> list[MatchKey | None]:
        """For each row of the page the key by which it is matched; None where it has a verdict, or names no device."""
        return self._validation.keys(page.rows)

    @property
    def has_several_kinds(self) -> bool:
        """Whether its rows may name a device in several ways, and so may contradict themselves."""
        return len(self._validation.layout.named) > 1

    def other_keys(self, page: Page, keys: Sequence[MatchKey | None]) -> list[Sequence[MatchKey]]:
        """For each row that is matched by its key the keys of its other cells."""
        return self._validation.other_keys(page.rows, keys)

    def settle(
        self,
        page: Page,
        keys: Sequence[MatchKey | None],
        found: Mapping[Identifier, Found],
        reason: Callable[[Match], str],
        contradictions: Mapping[int, Match] = MappingProxyType({}),
    ) -> Page:
        """The page, each open row with the device of its key or rejected for its match's reason; pages in order.

        `contradictions` has by its place in the page the match of a row whose cells are of different devices.
        """
        return Page(self._validation.settle(page.rows, keys, found, reason, contradictions))

    def report(self) -> IntakeReport:
        """Returns the result of the intake; complete after the last page."""
        found = self._validation
        return IntakeReport(
            rows=found.good + found.duplicates + found.rejected,
            good=found.good,
            duplicates=found.duplicates,
            rejected=found.rejected,
            bad=found.bad,
            ineligible=found.ineligible,
            left_out=self.left_out,
            ignored=found.ignored.sentences(),
            matched=dict(found.matched),
            problems=tuple(sorted(found.problems, key=lambda problem: problem.line)),
            mended=tuple(found.mended),
            sha256=self._file.sha256,
            bytes=self._file.bytes_read,
            columns=tuple(self.columns),
        )

    def _add_noise_above(self, header: Header) -> None:
        ignored = self._validation.ignored
        for line, noise in self._file.preamble:
            ignored.add(noise, line)
        for title in header.titles:
            ignored.add(Noise.TITLE, title.line)
        if header.has_marks:
            ignored.add(Noise.MARKS, header.line)

    def _wanted_rows(self) -> Iterator[CsvRow]:
        count = others = 0
        for count, each in enumerate(self._rows, start=1):
            if count > self._options.max_rows:
                raise IntakeFailed(
                    f"The file has more than {self._options.max_rows:,} rows, the most that is taken. "
                    "Split it, or raise MUSTER_MAX_ROWS."
                )
            row = self._of_tenant(each)
            if row is None:
                others += 1
            elif self.report_via is None:
                yield row
            elif self._is_wanted(row, self.report_via):
                yield _with_ids_restored(row, self.report_via)
            else:
                self.left_out += 1
        if self.left_out and count == self.left_out + others:
            raise IntakeFailed(
                f"This is a report of ours, and none of its {count:,} rows is {', '.join(sorted(TAKEN_AGAIN))} and can "
                f"be mended by another attempt: there is nothing left to do.{self._ignored()} `--all` takes every row."
            )

    def _of_tenant(self, row: CsvRow) -> CsvRow | None:
        tenants = self._options.tenants
        return row if tenants is None or self._tenant_place is None else tenants.select(row, self._tenant_place)

    def _is_wanted(self, row: CsvRow, via: Via) -> bool:
        if self._options.take_all or row.problem is not None:
            return True
        place = 1 + len(via.columns)
        status, http_status = [*(cell.strip().casefold() for cell in row.cells[place : place + 2]), "", ""][:2]
        if status not in TAKEN_AGAIN:
            return False
        reason = reason_to_leave_out(TargetStatus(status), http_status, is_repeatable=self._options.is_repeatable)
        if reason is not None:
            self._validation.ignored.add(reason, row.line)
        return reason is None

    def _ignored(self) -> str:
        sentences = self._validation.ignored.sentences()
        return f" Left out: {'; '.join(sentences)}." if sentences else ""


def tenants_of_list(stream: BinaryIO, *, via: Via, options: IntakeOptions, tenants: TenantRows) -> list[str] | None:
    """The tenants whose devices a list names, in its order; None where it has no tenant column."""
    # Whether names can be matched is asked of each tenant's inventory later.
    devices = _open(stream, via, replace(options, has_inventory=True, tenants=None))
    return devices.tenants(tenants)


def open_device_list(stream: BinaryIO, *, file_name: str | None, via: Via, options: IntakeOptions) -> DeviceList:
    """The device list in a binary stream, seekable or not; IntakeFailed for what is wrong with it as a whole."""
    try:
        return _open(stream, via, options)
    except IntakeFailed as failed:
        raise IntakeFailed(f"{shown(file_name)}: {failed}" if file_name else str(failed)) from failed


def _open(stream: BinaryIO, via: Via, options: IntakeOptions) -> DeviceList:
    file = CsvFile(
        stream,
        max_bytes=options.max_bytes,
        max_columns=options.max_columns,
        is_header=lambda cells: names_an_id(cells, via, column=options.column),
    )
    rows = file.rows()
    first = list(islice(rows, ROWS_LOOKED_AT))
    if not first:
        raise IntakeFailed("The file is empty. Give a CSV file with one device a row.")
    header = read_header(first, _expected(file, via, options))
    return DeviceList(file, _with_a_first(chain(first[header.rows :], rows)), header, options)


def _expected(file: CsvFile, via: Via, options: IntakeOptions) -> Expected:
    return Expected(
        via,
        options.column,
        file.delimiter,
        file.object_type,
        options.match,
        options.has_inventory,
        options.is_selection,
    )


def _with_a_first(rows: Iterator[CsvRow]) -> Iterator[CsvRow]:
    for first in rows:
        return chain([first], rows)
    raise IntakeFailed("The file has a header and no rows: there is no device in it.")


def _with_ids_restored(row: CsvRow, via: Via) -> CsvRow:
    past = 1 + len(via.columns)
    return row._replace(cells=[row.cells[0], *map(restore_id, row.cells[1:past]), *row.cells[past:]])


_PAGE_ROOM = 16 * 1024 * 1024
_CELL_COST = 50
