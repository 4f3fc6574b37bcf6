"""The bad lines of a device list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.domain.inventory import InventoryDevice


@dataclass(frozen=True, slots=True)
class LineProblem:
    """One bad line of a device list; lines are counted from 1 as in the file.

    Where the list names devices by something else than ids, `cells` is the row and `candidates` are the devices that
    it may mean.
    """

    line: int
    reason: str
    cells: tuple[str, ...] = ()
    candidates: tuple[InventoryDevice, ...] = ()


MOST_PROBLEMS = 100_000
"""Bad lines of a file that a service names; all are counted."""
