"""Whether calls of a lane may have travelled longer than the throttle assumes; pure but for what it remembers."""

from __future__ import annotations

from orchestrator.domain.lane import LaneCalls
from orchestrator.throttle.gcra import TRAVEL_SPREAD

_REMEMBERED = 60.0
"""Seconds for which a quickest answer counts, and as long again: roads change."""


class Travel:
    """The quickest answer of late, and how many came later than that by more than TRAVEL_SPREAD.

    A client cannot see when a call arrives. The duration of an answer beyond the quickest one is an upper bound for the
    longer travel of its call, except for the time that the quickest one spent in Graph. A slow answer proves nothing:
    Graph's own time is in it.
    """

    def __init__(self) -> None:
        self._quickest = self._before = float("inf")
        self._since = 0.0

    def is_late(self, took: float, now: float) -> bool:
        """Whether an answer that took so many seconds came later than what is assumed."""
        if now - self._since >= _REMEMBERED:
            self._before, self._quickest, self._since = self._quickest, float("inf"), now
        self._quickest = min(self._quickest, took)
        return took - self.quickest > TRAVEL_SPREAD

    @property
    def quickest(self) -> float:
        """Seconds that the quickest answer of late took; infinite while there was none."""
        return min(self._quickest, self._before)


def assumption(last_hour: LaneCalls) -> str:
    """The throttle's assumption about a lane's calls, and whether it was seen to hold in the last hour, in words."""
    assumed = f"no call travels over {TRAVEL_SPREAD:g} s longer than another"
    if not last_hour.calls:
        return assumed
    if not last_hour.late:
        return f"{assumed}; so it was in the last hour"
    late = f"{last_hour.late:,} of {last_hour.calls:,} answers came so much later"
    return f"{assumed}; {late} in the last hour, Graph's own time included"
