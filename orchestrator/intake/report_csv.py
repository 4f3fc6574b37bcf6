"""The report: every row of the input with what became of its device, as CSV text in pieces; pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime

from orchestrator.domain.device import Device, Via
from orchestrator.domain.inventory import Identifier
from orchestrator.domain.target import RowVerdict, TargetFacts
from orchestrator.intake.formulas import defuse, defused
from orchestrator.intake.input_row import InputRow
from orchestrator.intake.own_report import defuse_id, name_in_report, own_columns


def report_header(via: Via, columns: Sequence[str]) -> str:
    """The first line, with the byte-order mark by which Excel knows UTF-8."""
    names = (*own_columns(via), *(name_in_report(name, via) for name in columns))
    return "\ufeff" + _as_csv([[defuse(name) for name in names]])


def report_rows(
    rows: Iterable[InputRow],
    targets: Mapping[int, TargetFacts],
    *,
    via: Via,
    columns: int,
    statuses: AbstractSet[str] | None = None,
) -> str:
    """The lines of some rows of an input of so many columns; `targets` has, by line, each row without a verdict.

    `statuses` keeps only rows of these target statuses and verdicts.
    """
    return _as_csv(_report_lines(rows, targets, via, columns, statuses))


def rows_at_once(columns: int) -> int:
    """How many rows of an input with so many columns may be written in one piece, in bounded memory."""
    return max(1, _CELLS_AT_ONCE // (columns + 1))


def _report_lines(
    rows: Iterable[InputRow],
    targets: Mapping[int, TargetFacts],
    via: Via,
    columns: int,
    statuses: AbstractSet[str] | None,
) -> Iterator[Sequence[str]]:
    for row in rows:
        status = row.verdict or targets[row.line].status
        if statuses is not None and status not in statuses:
            continue
        facts = _target_facts(targets[row.line], row) if row.verdict is None else _verdict_facts(row, row.verdict, via)
        # Rows may be longer than their header only where they were rejected for it; the report stays rectangular.
        blank = [""] * (columns - len(row.cells))
        yield defused([str(row.line), *facts, *row.cells[:columns], *blank])


def verdicts_header(columns: Sequence[str]) -> str:
    """The first line of what is said of rows before anything is called."""
    return "\ufeff" + _as_csv([["line", "verdict", "reason", *defused([*columns])]])


def verdicts_rows(rows: Iterable[InputRow]) -> str:
    """Rows with their verdicts, for the person who mends the list."""
    return _as_csv(defused([str(row.line), row.verdict or "good", row.message or "", *row.cells]) for row in rows)


def list_header(via: Via, columns: Sequence[str]) -> str:
    """The first line of a saved list that is downloaded: the ids, then the list's own columns."""
    return "\ufeff" + _as_csv([[*via.columns, *(defuse(name_in_report(name, via)) for name in columns)]])


def list_rows(rows: Iterable[tuple[Device, Sequence[str]]]) -> str:
    """The devices of a saved list, each with the cells of its row."""
    return _as_csv([*map(defuse_id, device.ids), *defused([*cells])] for device, cells in rows)


def _target_facts(target: TargetFacts, row: InputRow) -> list[str]:
    return [
        *map(defuse_id, Device.from_key(target.device).ids),
        target.status,
        "" if target.http_status is None else str(target.http_status),
        target.error_code or "",
        target.error_message or "",
        str(target.attempts),
        "true" if target.maybe_repeated else "false",
        target.request_id or "",
        target.client_request_id or "",
        _instant(target.first_attempt_at),
        _instant(target.finished_at),
        target.name or row.name or "",
        row.matched_by or Identifier.ID,
    ]


def _verdict_facts(row: InputRow, verdict: RowVerdict, via: Via) -> list[str]:
    ids = row.device.ids if row.device else ("",) * len(via.columns)
    return [*map(defuse_id, ids), verdict, "", "", row.message or "", "0", "false", "", "", "", "", "", ""]


def _instant(instant: datetime | None) -> str:
    if instant is None:
        return ""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _as_csv(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


_CELLS_AT_ONCE = 200_000
