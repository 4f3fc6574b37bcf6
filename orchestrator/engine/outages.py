"""Telling an outage of Graph from devices that are unwell, job by job, as one process sees it.

Answers are ordered by when their calls left, not by when they came: a call that left before Graph went out may be
answered well long after others were not.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from orchestrator.domain.circuit_breaker import OUTAGE_AFTER, is_unwell, is_word
from orchestrator.domain.ids import JobNumber
from orchestrator.domain.outcome import Deferred, GraphError, Outcome, Uncertain, is_cut_off
from orchestrator.domain.target import Target
from orchestrator.throttle.gcra import TRAVEL_SPREAD

_MOST_KEPT = 500
_KEPT_FOR = 120.0
"""Seconds after which an answer says nothing about an outage any more: longer than any answer is waited for."""


@dataclass(frozen=True, slots=True)
class Found:
    """Graph is out; the longest wait that it asked for, and what it said last."""

    wait: float
    error: GraphError


@dataclass(frozen=True, slots=True)
class StillOut:
    """A probe met the outage too."""

    wait: float
    error: GraphError


@dataclass(frozen=True, slots=True)
class Over:
    """Graph spoke again."""


OutageChange = Found | StillOut | Over


@dataclass(frozen=True, slots=True)
class News:
    """What is to be written down of one job.

    How it stands with Graph, if that changed; and the lines whose last attempts met nothing but the outage, and are
    given back to them.
    """

    change: OutageChange | None = None
    forgiven: tuple[int, ...] = ()

    def then(self, later: News) -> News:
        """Both in one; what is given back is given back whatever came afterwards."""
        return News(later.change or self.change, self.forgiven + later.forgiven)


class _Met(NamedTuple):
    """An answer of a Graph that is unwell."""

    left_at: float
    line: int
    is_fresh: bool
    wait: float


@dataclass(slots=True)
class _Row:
    """What was met lately, and when the latest call left that was answered by Graph itself."""

    word_left_at: float = -math.inf
    met: deque[_Met] = field(default_factory=lambda: deque(maxlen=_MOST_KEPT))
    cut_off: dict[int, float] = field(default_factory=dict)

    def hear(self, left_at: float) -> None:
        """A word: what had left well before it met a device that is unwell."""
        if left_at > self.word_left_at:
            self.word_left_at = left_at
            self.forget(left_at - TRAVEL_SPREAD)

    def cut_off_again(self, line: int, left_at: float) -> bool:
        """Takes in that a device's call did not reach Graph; False where others did since that last befell the device.

        Then the way is there, and something on it objects to this device alone.
        """
        before = self.cut_off.pop(line, None)
        if len(self.cut_off) >= _MOST_KEPT:
            del self.cut_off[next(iter(self.cut_off))]
        self.cut_off[line] = left_at
        return before is None or self.word_left_at <= before

    def forget(self, until: float) -> None:
        """What left by then says nothing any more."""
        if self.met:
            self.met = deque((each for each in self.met if each.left_at > until), maxlen=_MOST_KEPT)

    @property
    def fresh_since_word(self) -> int:
        """Devices never called before that met an unwell Graph, with calls that left after every word's."""
        return sum(each.is_fresh and each.left_at > self.word_left_at for each in self.met)


class Outages:
    """Which jobs find Graph out; news of it wait here until they are written down."""

    def __init__(self) -> None:
        self._rows: dict[JobNumber, _Row] = {}
        self._out: dict[JobNumber, float] = {}
        self._news: dict[JobNumber, News] = {}

    def is_out(self, job: JobNumber) -> bool:
        """Whether no call of the job but a probe may leave."""
        return job in self._out

    @property
    def suspects(self) -> set[JobNumber]:
        """The jobs of which the database may say more: others may have found Graph out, or back."""
        return {job for job, row in self._rows.items() if row.met} | self._out.keys()

    def apply_claim(self, job: JobNumber, *, is_probe: bool, now: float) -> None:
        """What a claim said of the job: others may have found Graph out, or back."""
        self.mark_seen({job: is_probe}, now)

    def mark_seen(self, seen: Mapping[JobNumber, bool], now: float) -> None:
        """So the database has it of these jobs, whose Graph others may have found out, or back."""
        for job, is_out in seen.items():
            if is_out:
                self._out.setdefault(job, now)
                self._forgive(job)
            elif job not in self._news or self._news[job].change is None:
                self._out.pop(job, None)

    @property
    def has_news(self) -> bool:
        """Whether anything waits to be written down."""
        return bool(self._news)

    def keep(self, jobs: Collection[JobNumber], now: float) -> None:
        """Forget what was met too long ago to say anything, and what is known of jobs that have no part in it."""
        for row in self._rows.values():
            row.forget(now - _KEPT_FOR)
        self._rows = {job: row for job, row in self._rows.items() if row.met or job in jobs}
        # Of a job that was stopped or cancelled meanwhile nobody will say that Graph is back.
        self._out = {job: since for job, since in self._out.items() if job in self._news or job in jobs}

    def note(
        self, job: JobNumber, target: Target, outcome: Outcome, *, left_at: float, now: float, is_probe: bool = False
    ) -> bool:
        """Take in the outcome of a call that left at that moment; whether it met an outage, which uses up no attempt.

        A device that fails again and again is no sign of one: only devices that were never called before count.
        """
        if is_cut_off(outcome):
            # The lane waits for the way to Graph; a probe that did not arrive is tried again as one that failed.
            if is_probe and job in self._out:
                self._tell(job, News(StillOut(_wait(outcome), outcome.error)))
            return self._row(job).cut_off_again(target.line, left_at)
        if not is_unwell(outcome):
            if is_word(outcome):
                self.note_word(job, left_at=left_at, is_probe=is_probe)
            return False
        row = self._row(job)
        if job in self._out:
            if is_probe:
                self._tell(job, News(StillOut(_wait(outcome), outcome.error)))
            return True
        is_fresh = target.attempts == 0 and left_at > row.word_left_at
        if not is_fresh or row.fresh_since_word + 1 < OUTAGE_AFTER:
            row.met.append(_Met(left_at, target.line, is_fresh, _wait(outcome)))
            return False
        self._out[job] = now
        longest = max(_wait(outcome), *(each.wait for each in row.met))
        self._tell(job, News(Found(longest, outcome.error)))
        self._forgive(job)
        return True

    def note_word(self, job: JobNumber, *, left_at: float, is_probe: bool = False) -> None:
        """Graph itself answered calls that left at that moment."""
        self._row(job).hear(left_at)
        if job in self._out and (is_probe or left_at > self._out[job]):
            del self._out[job]
            self._tell(job, News(Over()))

    def take_news(self) -> dict[JobNumber, News]:
        """What was found since the last time."""
        news, self._news = self._news, {}
        return news

    def put_back(self, news: Mapping[JobNumber, News]) -> None:
        """It could not be written down; what came meanwhile is newer."""
        later, self._news = self._news, dict(news)
        for job, each in later.items():
            self._tell(job, each)

    def _row(self, job: JobNumber) -> _Row:
        return self._rows.get(job) or self._rows.setdefault(job, _Row())

    def _forgive(self, job: JobNumber) -> None:
        row = self._rows.get(job)
        if row is not None and row.met:
            self._tell(job, News(forgiven=tuple(each.line for each in row.met)))
            row.met.clear()

    def _tell(self, job: JobNumber, news: News) -> None:
        self._news[job] = self._news.get(job, News()).then(news)


def _wait(outcome: Deferred | Uncertain) -> float:
    named = outcome.retry_after if isinstance(outcome, Deferred) else None
    return 0.0 if named is None else named.total_seconds()
