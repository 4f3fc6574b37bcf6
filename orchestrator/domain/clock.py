"""The clock of all code here; tests pass another one."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The source of the time and of waiting; tests use one that they move by hand."""

    def now(self) -> datetime:
        """The UTC time of this machine: for people, never for leases or limits that machines share."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never jumps; meaningful inside one process."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Waits so many seconds."""
        ...
