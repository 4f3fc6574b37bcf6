"""A device list as it was judged: its preview, and its bad rows with every candidate, to be mended."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, NotRequired

from typing_extensions import TypedDict

from orchestrator.domain.figures import rfc3339
from orchestrator.domain.inventory import InventoryDevice
from orchestrator.domain.line_problem import MOST_PROBLEMS, LineProblem
from orchestrator.intake.columns import has_id_column
from orchestrator.intake.formulas import defused
from orchestrator.views.description import Description

if TYPE_CHECKING:
    from orchestrator.usecases.jobs.submit_job import Preview

MOST_CANDIDATES = 100
"""Candidates of one row that get columns; the reason counts all of them."""


class Candidate(TypedDict):
    """A device that a row of a list may mean, by what tells it from the others."""

    id: str
    name: str | None
    serialNumber: str | None
    managementAgent: str | None
    lastContactAt: str | None


class BadLine(TypedDict):
    """One bad line of a device list."""

    line: int
    reason: str
    candidates: NotRequired[Annotated[list[Candidate], Description("The devices that the row may mean.")]]


class ForecastFacts(TypedDict):
    """When it would be done; without numbers, nothing paces it."""

    seconds: float | None
    perSecond: float | None
    ahead: int


class PreviewFacts(TypedDict):
    """A device list as it was judged, and the forecast of its end."""

    rows: int
    devices: int
    duplicates: int
    rejected: int
    ineligible: int
    leftOut: int
    idColumns: list[str]
    matched: dict[str, int]
    ignored: Annotated[list[str], Description("What was found in the list that is no device and no error.")]
    notes: NotRequired[Annotated[list[str], Description("What was left out of a group, in sentences.")]]
    unknownToInventory: Annotated[
        int | None, Description("Managed device ids that the inventory does not have; they are called all the same.")
    ]
    forecast: ForecastFacts
    problems: Annotated[list[BadLine], Description(f"The bad lines, or the first {MOST_PROBLEMS:,} of them.")]


def preview_object(preview: Preview) -> PreviewFacts:
    """Returns the verdict on a device list as it is shown, without notes."""
    report, forecast = preview.report, preview.forecast
    return {
        "rows": report.rows,
        "devices": report.good,
        "duplicates": report.duplicates,
        "rejected": report.rejected,
        "ineligible": report.ineligible,
        "leftOut": report.left_out,
        "idColumns": list(preview.id_columns),
        "matched": report.matched,
        "ignored": list(report.ignored),
        "forecast": {"seconds": forecast.seconds, "perSecond": forecast.per_second, "ahead": forecast.ahead},
        "unknownToInventory": preview.unknown,
        "problems": [bad_line(each) for each in report.problems],
    }


def bad_rows(problems: Sequence[LineProblem], columns: Sequence[str]) -> list[dict[str, Any]]:
    """A row for each bad line: its number and reason, then, where devices are named, what is needed to mend it.

    These are an empty `managedDeviceId`, which wins over names once it is filled in, the columns of the list, and the
    id, name, serial number, management agent and last contact of each candidate.
    """
    most = min(MOST_CANDIDATES, max((len(each.candidates) for each in problems), default=0))
    if not any(each.cells for each in problems):
        return [{"line": each.line, "reason": each.reason} for each in problems]
    own = {} if has_id_column(columns) else {"managedDeviceId": ""}
    names = [f"input.{name}" if name.strip().casefold() in _OWN else name for name in columns]
    return [
        {
            "line": each.line,
            "reason": each.reason,
            **own,
            **dict(zip(names, (*each.cells, *[""] * len(names)), strict=False)),
            **_candidates(each.candidates[:most], most),
        }
        for each in problems
    ]


def bad_rows_csv(problems: Sequence[LineProblem], columns: Sequence[str]) -> str:
    """Returns the bad rows as CSV, with formulas defused."""
    rows = bad_rows(problems, columns)
    header = list(rows[0]) if rows else ["line", "reason"]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(defused(header))
    writer.writerows(defused(["" if cell is None else str(cell) for cell in row.values()]) for row in rows)
    return "\ufeff" + text.getvalue()


def bad_line(problem: LineProblem) -> BadLine:
    """Returns a bad line with its candidates, also where there are none."""
    return {"line": problem.line, "reason": problem.reason, "candidates": [*map(_candidate, problem.candidates)]}


def problem_objects(problems: Sequence[LineProblem]) -> list[BadLine]:
    """Returns bad lines as errors have them: with candidates only where there are any."""
    return [bad_line(each) if each.candidates else {"line": each.line, "reason": each.reason} for each in problems]


def _candidate(device: InventoryDevice) -> Candidate:
    return {
        "id": device.id,
        "name": device.name,
        "serialNumber": device.serial_number,
        "managementAgent": device.management_agent,
        "lastContactAt": rfc3339(device.last_contact_at),
    }


def _candidates(devices: Sequence[InventoryDevice], most: int) -> dict[str, Any]:
    cells: dict[str, Any] = {}
    for place in range(most):
        facts = _candidate(devices[place] if place < len(devices) else _NOBODY)
        cells |= {f"candidate{place + 1}.{name}": value for name, value in facts.items()}
    return cells


_NOBODY = InventoryDevice("")
_OWN = {"line", "reason"}
