"""The bad rows of a device list with every candidate in columns, to be mended and submitted again; pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from orchestrator.domain.errors import LineProblem
from orchestrator.domain.figures import rfc3339
from orchestrator.domain.inventory import InventoryDevice
from orchestrator.intake.columns import has_id_column
from orchestrator.intake.formulas import defused

MOST_CANDIDATES = 100
"""Candidates of one row that get columns; the reason counts all of them."""


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


def problem_objects(problems: Sequence[LineProblem]) -> list[dict[str, Any]]:
    """The bad lines as JSON: line and reason, and the candidates where there are any."""
    return [
        {"line": each.line, "reason": each.reason}
        | ({"candidates": [candidate_object(device) for device in each.candidates]} if each.candidates else {})
        for each in problems
    ]


def candidate_object(device: InventoryDevice) -> dict[str, Any]:
    """A candidate by what tells it from the others."""
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
        facts = candidate_object(devices[place]) if place < len(devices) else candidate_object(_NOBODY)
        cells |= {f"candidate{place + 1}.{name}": value for name, value in facts.items()}
    return cells


_NOBODY = InventoryDevice("")
_OWN = {"line", "reason"}
