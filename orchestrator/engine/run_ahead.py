"""How far the calls of a job may run ahead of its circuit breaker, as one process sees it.

The breaker judges recorded outcomes, some tenths of a second after they arrived. Where no limit paces a lane, a
thousand calls leave in that time; so a job whose latest devices failed makes few more calls until it was judged.
"""

from __future__ import annotations

from collections import deque

from orchestrator.domain.brake_options import BrakeOptions
from orchestrator.domain.circuit_breaker import LATEST, OutcomeWindow, most_ahead

_GOOD_BEFORE = 8
"""Devices without an error that are taken to have come before the first one with an error."""


class RunAhead:
    """The latest devices of one job, once one of them failed, and how many ended since the last judgement."""

    def __init__(self) -> None:
        self._latest: deque[bool] | None = None
        self._share = BrakeOptions().share
        self.unjudged = 0

    def add(self, *, is_error: bool) -> None:
        """Counts a device of the job that has ended."""
        if self._latest is None:
            if not is_error:
                return
            self._latest = deque([False] * _GOOD_BEFORE, maxlen=LATEST)
        self._latest.append(is_error)
        self.unjudged += 1
        if not any(self._latest):
            self._latest, self._share, self.unjudged = None, BrakeOptions().share, 0

    def add_good(self, count: int) -> None:
        """Counts so many devices that have ended without an error."""
        for _ in range(count):
            if self._latest is None:
                return
            self.add(is_error=False)

    def room(self, under_way: int, wanted: int) -> int:
        """How many of the wanted calls may be added to those under way."""
        most = self._most
        return wanted if most is None else max(0, min(wanted, most - under_way - self.unjudged))

    @property
    def is_limited(self) -> bool:
        """Whether the job's next calls wait for its circuit breaker."""
        return self._most is not None

    def mark_judged(self, count: int) -> None:
        """So many of the devices that ended were judged."""
        self.unjudged = max(0, self.unjudged - count)

    def judge_by(self, options: BrakeOptions) -> None:
        """Sets the options that the job is judged by."""
        if self._latest is not None:
            self._share = options.share

    @property
    def _most(self) -> int | None:
        if self._latest is None:
            return None
        return most_ahead(OutcomeWindow(len(self._latest), sum(self._latest)), self._share)
