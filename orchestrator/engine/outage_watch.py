"""Tells an outage of Graph from devices that are unwell, for one job, as one process sees it.

Answers are ordered by when their calls left, not by when they came: a call that left before Graph went out may be
answered well long after others were not.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

from orchestrator.domain.circuit_breaker import OUTAGE_AFTER, is_unwell, is_word
from orchestrator.domain.outcome import Deferred, GraphError, Outcome, Uncertain, is_cut_off
from orchestrator.domain.target import Target
from orchestrator.throttle.gcra import TRAVEL_SPREAD

_MOST_KEPT = 500
_KEPT_FOR = 120.0
"""Seconds after which an answer says nothing about an outage any more: longer than any answer is waited for."""


@dataclass(frozen=True, slots=True)
class Found:
    """Graph is out: the longest wait that it asked for, and its last answer."""

    wait: float
    error: GraphError


@dataclass(frozen=True, slots=True)
class StillOut:
    """A probe failed by the outage too."""

    wait: float
    error: GraphError


@dataclass(frozen=True, slots=True)
class Over:
    """Graph spoke again."""


OutageChange = Found | StillOut | Over


@dataclass(frozen=True, slots=True)
class News:
    """A change of one job that is to be written.

    How it stands with Graph, if that changed; and the lines whose last attempts met nothing but the outage, and are
    given back to them.
    """

    change: OutageChange | None = None
    forgiven: tuple[int, ...] = ()

    def then(self, later: News) -> News:
        """Returns both as one change; forgiven lines stay forgiven."""
        return News(later.change or self.change, self.forgiven + later.forgiven)


class _Failure(NamedTuple):
    """An answer that a Graph which is out would give."""

    left_at: float
    line: int
    is_fresh: bool
    wait: float


class OutageWatch:
    """Whether Graph is out for one job; news wait here until they are written.

    A job's own answers decide, and the database says what other processes found.
    """

    def __init__(self) -> None:
        self._answered_left_at = -math.inf
        self._failures: deque[_Failure] = deque(maxlen=_MOST_KEPT)
        self._cut_off: dict[int, float] = {}
        self._out_since: float | None = None
        self._news: News | None = None

    @property
    def is_out(self) -> bool:
        """Whether no call of the job but a probe may leave."""
        return self._out_since is not None

    @property
    def is_suspect(self) -> bool:
        """Whether the database may say more: other processes may have found Graph out, or back."""
        return self.is_out or bool(self._failures)

    @property
    def has_news(self) -> bool:
        """Whether anything waits to be written."""
        return self._news is not None

    @property
    def has_failures(self) -> bool:
        """Whether failures are kept that may belong to an outage."""
        return bool(self._failures)

    def forget_old(self, now: float) -> None:
        """Drops failures that say nothing about an outage any more at this monotonic time."""
        self._forget(now - _KEPT_FOR)

    def set_out(self, *, is_out: bool, now: float) -> None:
        """Takes over what the database says of the job; unwritten news of this process are stronger."""
        if is_out:
            if self._out_since is None:
                self._out_since = now
            self._forgive()
        elif self._news is None or self._news.change is None:
            self._out_since = None

    def add(self, target: Target, outcome: Outcome, *, left_at: float, now: float, is_probe: bool = False) -> bool:
        """Takes in the outcome of a call that left at `left_at`; returns whether it uses up no attempt.

        A device that fails again and again is no sign of an outage: only devices that were never called before count.
        """
        if is_cut_off(outcome):
            # The lane waits for the way to Graph; a probe that did not arrive is tried again as one that failed.
            if is_probe and self.is_out:
                self._add_news(News(StillOut(_wait(outcome), outcome.error)))
            return self._is_cut_off_again(target.line, left_at)
        if not is_unwell(outcome):
            if is_word(outcome):
                self.add_answer(left_at=left_at, is_probe=is_probe)
            return False
        if self.is_out:
            if is_probe:
                self._add_news(News(StillOut(_wait(outcome), outcome.error)))
            return True
        is_fresh = target.attempts == 0 and left_at > self._answered_left_at
        if not is_fresh or self._fresh_failures + 1 < OUTAGE_AFTER:
            self._failures.append(_Failure(left_at, target.line, is_fresh, _wait(outcome)))
            return False
        self._out_since = now
        longest = max(_wait(outcome), *(each.wait for each in self._failures))
        self._add_news(News(Found(longest, outcome.error)))
        self._forgive()
        return True

    def add_answer(self, *, left_at: float, is_probe: bool = False) -> None:
        """Takes in that Graph itself answered a call that left at `left_at`; that ends an outage found before.

        Calls that left well before it met a device that is unwell.
        """
        if left_at > self._answered_left_at:
            self._answered_left_at = left_at
            self._forget(left_at - TRAVEL_SPREAD)
        if self._out_since is not None and (is_probe or left_at > self._out_since):
            self._out_since = None
            self._add_news(News(Over()))

    def pop_news(self) -> News:
        """Takes what is to be written."""
        news, self._news = self._news or News(), None
        return news

    def restore_news(self, news: News) -> None:
        """Keeps news that could not be written; news since then are later."""
        later, self._news = self._news, news
        if later is not None:
            self._add_news(later)

    def _is_cut_off_again(self, line: int, left_at: float) -> bool:
        """Takes in that a device's call did not reach Graph; False where others did since that last befell the device.

        Then the way is there, and something on it objects to this device alone.
        """
        before = self._cut_off.pop(line, None)
        if len(self._cut_off) >= _MOST_KEPT:
            del self._cut_off[next(iter(self._cut_off))]
        self._cut_off[line] = left_at
        return before is None or self._answered_left_at <= before

    def _forget(self, until: float) -> None:
        if self._failures:
            self._failures = deque((each for each in self._failures if each.left_at > until), maxlen=_MOST_KEPT)

    @property
    def _fresh_failures(self) -> int:
        """Devices never called before that failed, with calls that left after every answered one."""
        return sum(each.is_fresh and each.left_at > self._answered_left_at for each in self._failures)

    def _forgive(self) -> None:
        if self._failures:
            self._add_news(News(forgiven=tuple(each.line for each in self._failures)))
            self._failures.clear()

    def _add_news(self, news: News) -> None:
        self._news = (self._news or News()).then(news)


def _wait(outcome: Deferred | Uncertain) -> float:
    named = outcome.retry_after if isinstance(outcome, Deferred) else None
    return 0.0 if named is None else named.total_seconds()
