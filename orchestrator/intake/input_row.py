"""One row of a device list, and what became of it."""

from __future__ import annotations

from typing import NamedTuple

from orchestrator.domain.device import Device
from orchestrator.domain.target import RowVerdict
from orchestrator.intake.noise import bare


class InputRow(NamedTuple):
    """A row as the report will show it again; without a verdict it is a target. A tuple, because there are so many.

    `matched_by` and `name` are set where the row was matched against the inventory.
    `device` is None where the row names none, and in a target's row that comes out of the store: its target has it.
    """

    line: int
    cells: tuple[str, ...]
    verdict: RowVerdict | None = None
    message: str | None = None
    device: Device | None = None
    matched_by: str | None = None
    name: str | None = None


def name_of(row: InputRow, place: int | None) -> str | None:
    """The name of the row's device: the list's own, whose column is at `place`, else that of the inventory."""
    name = bare(row.cells[place]) if place is not None and place < len(row.cells) else ""
    name = name or row.name or ""
    return name[:_LONGEST_NAME] or None


_LONGEST_NAME = 256
