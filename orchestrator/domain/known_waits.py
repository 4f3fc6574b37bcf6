"""What this process works on, and what keeps it from calling: readers in the same process need no database for it."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.domain.ids import JobNumber, LaneKey
from orchestrator.domain.waiting import LaneWait


class KnownWaits:
    """The present waits of one process, lane by lane; replaced as a whole."""

    def __init__(self) -> None:
        self._waits: dict[LaneKey, LaneWait] = {}
        self._is_at_work = False
        self._only: JobNumber | None = None

    def begin_work(self, only: JobNumber | None) -> None:
        """Notes that this process calls devices from now on: of the job `only`, or of any job."""
        self._is_at_work, self._only = True, only

    def end_work(self) -> None:
        """Notes that this process starts no further call."""
        self._is_at_work = False
        self._waits = {}

    def work_on(self, job: JobNumber) -> bool:
        """Whether this process takes calls of the job."""
        return self._is_at_work and self._only in {None, job}

    def replace(self, waits: Mapping[LaneKey, LaneWait]) -> None:
        """Takes these in place of all before."""
        self._waits = dict(waits)

    def of(self, lane: LaneKey) -> LaneWait | None:
        """The cause that keeps this process from calling in the lane; None where nothing does."""
        return self._waits.get(lane)
