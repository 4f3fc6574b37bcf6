"""Telling an outage of Graph from devices that are unwell, job by job, as one process sees it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator.domain.brake import OUTAGE_AFTER, is_unwell, is_word
from orchestrator.domain.ids import JobNumber
from orchestrator.domain.outcome import Deferred, Outcome
from orchestrator.domain.target import Target

_MOST_LINES = 1000


@dataclass(frozen=True, slots=True)
class Found:
    """Graph is out. The attempts of these lines met nothing else, and are given back to them."""

    lines: tuple[int, ...]
    wait: float


@dataclass(frozen=True, slots=True)
class StillOut:
    """A probe met the outage too."""

    wait: float


@dataclass(frozen=True, slots=True)
class Over:
    """Graph spoke again."""


News = Found | StillOut | Over


@dataclass(slots=True)
class _Row:
    """What came in a row without a word of Graph between."""

    fresh: int = 0
    wait: float = 0.0
    lines: deque[int] = field(default_factory=lambda: deque(maxlen=_MOST_LINES))


class Outages:
    """Which jobs find Graph out; news of it wait here until they are written down."""

    def __init__(self) -> None:
        self._rows: dict[JobNumber, _Row] = {}
        self._out: set[JobNumber] = set()
        self._news: dict[JobNumber, News] = {}

    def is_out(self, job: JobNumber) -> bool:
        """Whether no call of the job but a probe may leave."""
        return job in self._out

    def note_claim(self, job: JobNumber, *, is_probe: bool) -> None:
        """What a claim said of the job: others may have found Graph out, or back."""
        if is_probe:
            self._out.add(job)
            if (row := self._rows.pop(job, None)) is not None:
                self._news[job] = Found(tuple(row.lines), 0.0)
        elif job not in self._news:
            self._out.discard(job)

    def note_seen(self, seen: Mapping[JobNumber, bool]) -> None:
        """So the database has it of these jobs, whose Graph others may have found out, or back."""
        for job, is_out in seen.items():
            if is_out:
                self._out.add(job)
            elif job not in self._news:
                self._out.discard(job)

    def note(self, job: JobNumber, target: Target, outcome: Outcome, *, is_probe: bool = False) -> bool:
        """Take in an outcome; whether it met an outage, which uses up no attempt.

        A device that fails again and again is no sign of one: only devices that were never called before count.
        """
        if not is_unwell(outcome):
            if is_word(outcome):
                self._rows.pop(job, None)
                if job in self._out:
                    self._out.discard(job)
                    self._news[job] = Over()
            return False
        if job in self._out:
            if is_probe:
                self._news[job] = StillOut(_wait(outcome))
            return True
        row = self._rows.setdefault(job, _Row())
        row.fresh += target.attempts == 0
        row.wait = max(row.wait, _wait(outcome))
        if row.fresh < OUTAGE_AFTER:
            row.lines.append(target.line)
            return False
        self._out.add(job)
        self._news[job] = Found(tuple(row.lines), row.wait)
        del self._rows[job]
        return True

    def take_news(self) -> dict[JobNumber, News]:
        """What was found since the last time."""
        news, self._news = self._news, {}
        return news

    def put_back(self, news: dict[JobNumber, News]) -> None:
        """It could not be written down; what came meanwhile is newer."""
        self._news = {**news, **self._news}


def _wait(outcome: Outcome) -> float:
    named = outcome.retry_after if isinstance(outcome, Deferred) else None
    return 0.0 if named is None else named.total_seconds()
