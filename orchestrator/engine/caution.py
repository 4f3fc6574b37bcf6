"""How far the calls of a job may run ahead of its brake, as one process sees it.

The brake judges what is recorded, some tenths of a second after it was heard. Where nothing paces a lane, a thousand
calls leave in that time; so a job whose latest devices fared badly calls few more until it was judged.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

from orchestrator.domain.circuit_breaker import LATEST, BrakeOptions, OutcomeWindow, most_ahead
from orchestrator.domain.ids import JobNumber

_GOOD_BEFORE = 8
"""Devices without an error that are taken to have come before the first one with an error."""


class Caution:
    """Jobs whose latest devices fared badly, and how many devices of theirs have ended and were not judged yet."""

    def __init__(self) -> None:
        self._latest: dict[JobNumber, deque[bool]] = {}
        self._unjudged: dict[JobNumber, int] = {}
        self._shares: dict[JobNumber, int] = {}

    def add(self, job: JobNumber, *, is_error: bool) -> None:
        """A device of the job has ended."""
        latest = self._latest.get(job)
        if latest is None:
            if not is_error:
                return
            latest = self._latest[job] = deque([False] * _GOOD_BEFORE, maxlen=LATEST)
        latest.append(is_error)
        self._unjudged[job] = self._unjudged.get(job, 0) + 1
        if not any(latest):
            self._forget(job)

    def add_good(self, job: JobNumber, count: int) -> None:
        """So many devices of the job have ended, none of them with an error."""
        for _ in range(count):
            if job not in self._latest:
                return
            self.add(job, is_error=False)

    def room(self, job: JobNumber, under_way: int, wanted: int) -> int:
        """How many of so many calls may be added to those under way."""
        most = self._most(job)
        return wanted if most is None else max(0, min(wanted, most - under_way - self._unjudged.get(job, 0)))

    def is_cautious(self, job: JobNumber) -> bool:
        """Whether the job's next calls wait for its brake."""
        return self._most(job) is not None

    def unjudged(self) -> dict[JobNumber, int]:
        """What has ended so far, to be told to `mark_judged` once it was recorded and looked at."""
        return dict(self._unjudged)

    def mark_judged(self, ended: dict[JobNumber, int]) -> None:
        """So many of each job were looked at."""
        for job, count in ended.items():
            if job in self._unjudged:
                self._unjudged[job] = max(0, self._unjudged[job] - count)

    def judge_by(self, job: JobNumber, options: BrakeOptions) -> None:
        """What the job is judged by."""
        if job in self._latest:
            self._shares[job] = options.share

    def keep(self, jobs: Collection[JobNumber]) -> None:
        """Forget all others."""
        for job in [job for job in self._latest if job not in jobs]:
            self._forget(job)

    def _most(self, job: JobNumber) -> int | None:
        latest = self._latest.get(job)
        if latest is None:
            return None
        return most_ahead(OutcomeWindow(len(latest), sum(latest)), self._shares.get(job, BrakeOptions().share))

    def _forget(self, job: JobNumber) -> None:
        for known in (self._latest, self._unjudged, self._shares):
            known.pop(job, None)
