"""A lane whose limit others take a share of: workers, a road and a stand-in for Graph, one event after the other."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from random import Random

import pytest

from orchestrator.domain.lane import GRAPH_WRITE_LIMIT
from orchestrator.throttle.adaptation import FIRST_CUT, LEAST, Learned, after_refusal, count_departures, share_at
from orchestrator.throttle.gcra import PERMIT_LIFE, Refusal, close, grant, unknown_past

_WINDOW = 20.0
_TAKEN, _FREED, _END = 100.0, 700.0, 840.0
_LEFT = 100


class Sliding:
    """At most so many calls, refused ones among them, in the last window."""

    def __init__(self) -> None:
        self._calls: deque[float] = deque()

    def admits(self, now: float, limit: int) -> bool:
        while self._calls and self._calls[0] <= now - _WINDOW:
            self._calls.popleft()
        self._calls.append(now)
        return len(self._calls) <= limit


class Fixed:
    """At most so many calls in each window by the clock."""

    def __init__(self) -> None:
        self._window, self._count = 0, 0

    def admits(self, now: float, limit: int) -> bool:
        if int(now // _WINDOW) != self._window:
            self._window, self._count = int(now // _WINDOW), 0
        self._count += 1
        return self._count <= limit


class Bucket:
    """A bucket of a whole window's calls that fills evenly."""

    def __init__(self) -> None:
        self._level, self._at = 200.0, 0.0

    def admits(self, now: float, limit: int) -> bool:
        self._level = min(limit, self._level + (now - self._at) * limit / _WINDOW)
        self._at = now
        if self._level < 1:
            return False
        self._level -= 1
        return True


@dataclass
class World:
    """Four workers that always want more."""

    window: Sliding | Fixed | Bucket
    there: float
    jitter: float
    named: float | None
    chance: Random = field(default_factory=lambda: Random(5))
    strays: deque[float] = field(default_factory=deque)
    accepted: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    def run(self, end: float = _END, taken: float = _TAKEN) -> None:
        self._taken = taken
        self._pace = unknown_past(0.0)
        self._closed = [0.0] * 4
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = count()
        for worker in range(4):
            self._at(self.chance.random(), self._asking(worker))
        while self._events and self._events[0][0] < end:
            instant, _, act = heapq.heappop(self._events)
            act(instant)

    def _at(self, instant: float, act: Callable[[float], None]) -> None:
        heapq.heappush(self._events, (instant, next(self._order), act))

    def _asking(self, worker: int) -> Callable[[float], None]:
        def ask(now: float) -> None:
            self._pace, granted = grant(self._pace, now, 200, GRAPH_WRITE_LIMIT)
            self._closed[worker] = max(self._closed[worker], granted.closed_until)
            for departure in granted.departures:
                self._at(departure + self.chance.uniform(0, 0.01), self._leaving(worker, departure))
            self._at(max(granted.ask_again_at, now) + 0.01, ask)

        return ask

    def _leaving(self, worker: int, departure: float) -> Callable[[float], None]:
        def leave(now: float) -> None:
            if now < self._closed[worker] or now > departure + PERMIT_LIFE:
                return
            self._at(now + self.there + self.chance.uniform(0, self.jitter), lambda at: self._arrive(at, worker, now))

        return leave

    def _arrive(self, now: float, worker: int, left: float) -> None:
        is_stray = bool(self.strays) and now >= self.strays[0]
        if is_stray:
            self.strays.popleft()
        elif self.window.admits(now, _LEFT if self._taken <= now < _FREED else 200):
            self.accepted.append(now)
            return
        self.refused.append(now)
        self._at(now + self.there, lambda at: self._hear(at, worker, left))

    def _hear(self, now: float, worker: int, left: float) -> None:
        self._closed[worker] = max(self._closed[worker], now + (1.0 if self.named is None else self.named))
        refusal = Refusal(self.named, now - left)
        self._pace = close(self._pace, now, refusal, GRAPH_WRITE_LIMIT, self.chance.random())


@pytest.mark.parametrize("named", [2.0, None])
@pytest.mark.parametrize(("there", "jitter"), [(0.005, 0.0), (0.05, 0.05)])
@pytest.mark.parametrize("window", [Sliding, Fixed, Bucket])
def test_what_others_leave_is_used_nearly_whole_with_few_refusals_and_a_freed_limit_soon(
    window: type[Sliding | Fixed | Bucket], there: float, jitter: float, named: float | None
) -> None:
    world = World(window(), there, jitter, named)

    world.run()

    taken = [at for at in world.accepted if _TAKEN <= at < _FREED]
    refused = [at for at in world.refused if at >= _TAKEN]
    afterwards = [at for at in world.accepted if _FREED + 3 * _WINDOW <= at < _FREED + 4 * _WINDOW]
    assert not [at for at in world.refused if at < _TAKEN]
    assert len(refused) <= 0.01 * (len(taken) + len(refused))
    assert len(taken) >= 0.9 * _LEFT * (_FREED - _TAKEN) / _WINDOW
    assert len(afterwards) >= 0.97 * 200


@pytest.mark.parametrize(("there", "jitter"), [(0.005, 0.0), (0.1, 0.1)])
@pytest.mark.parametrize("window", [Sliding, Fixed, Bucket])
@pytest.mark.parametrize(
    ("strays", "used"),
    [((60.0,), 0.93), ((1.0,), 0.85), ((60.0, 90.0, 120.0), 0.93), ((5.0, 35.0, 65.0), 0.8), ((60.0, 62.7), 0.9)],
)
def test_a_stray_refusal_that_names_its_wait_costs_little_more_than_that_wait(
    window: type[Sliding | Fixed | Bucket], there: float, jitter: float, strays: tuple[float, ...], used: float
) -> None:
    world = World(window(), there, jitter, 2.0, strays=deque(strays))

    world.run(strays[-1] + 100, taken=_FREED)

    assert len(world.refused) == len(strays)
    assert len([at for at in world.accepted if at >= strays[-1]]) >= used * 200 * 100 / _WINDOW


def test_strays_in_a_quiet_lane_leave_at_least_half() -> None:
    learned = Learned()

    for now in (1000.0, 1030.0, 1060.0):
        learned = count_departures(learned, 5, now - 1, _WINDOW)
        learned = after_refusal(learned, now, 2.0, 200, _WINDOW)

    assert learned.share == FIRST_CUT
    assert share_at(learned, 1060.0 + 2 + _WINDOW, _WINDOW) == 1.0


def test_a_lane_that_is_refused_again_and_again_as_it_opens_holds_its_cut_for_long() -> None:
    pace = unknown_past(0.0)

    for now in (100.0, 102.1, 104.2):
        pace = close(pace, now, Refusal(2.0), GRAPH_WRITE_LIMIT, 0.0)

    assert share_at(pace.learned, pace.closed_until + 2 * _WINDOW, _WINDOW) == FIRST_CUT


def test_a_share_is_held_then_tried_a_little_and_then_the_whole() -> None:
    learned = Learned(0.4, held_since=0.0)

    shares = [share_at(learned, now, _WINDOW) for now in (0.0, 49.9, 50.1, 51.9, 57.0, 60.0, 1e9)]

    assert shares[:2] == [0.4, 0.4]
    assert shares[2:4] == pytest.approx([0.44, 0.44])
    assert 0.44 < shares[4] < 1.0
    assert shares[5:] == [1.0, 1.0]


def test_refusal_after_refusal_leaves_a_little() -> None:
    learned = Learned()

    for now in range(100):
        learned = after_refusal(learned, float(now), 1.0, 200, _WINDOW)

    assert learned.share == LEAST
