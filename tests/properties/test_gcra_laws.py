"""The throttle's promise against an adversary: late leavers, slow roads, lost state, closures, clocks put back."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orchestrator.domain.lane import GRAPH_WRITE_LIMIT, WriteLimit
from orchestrator.throttle.adaptation import LEAST, Learned
from orchestrator.throttle.gcra import (
    LEAD,
    LONGEST_COOLDOWN,
    LONGEST_LEAD,
    PERMIT_LIFE,
    TRAVEL_SPREAD,
    Pace,
    Permit,
    Refusal,
    close,
    grant,
    localise,
    lost_past,
    unknown_past,
)
from tests.support.arrivals import most_in_any_window
from tests.support.clock import ManualClock

_SHORTEST_TRAVEL = 0.02
_CLOCK_OFFSETS = (0.0, 1e6, -5.0, 0.123, 7e4, 3.0, 99.0, 1e3)


@dataclass(frozen=True, slots=True)
class Saturate:
    """For `seconds`, one taker asks whenever it may; `lateness` and `travel` say which share of each span is used."""

    seconds: float
    taker: int
    want: int
    lateness: float
    travel: float
    round_trip: float
    together: int = 1
    lead: float = LEAD


@dataclass(frozen=True, slots=True)
class Wait:
    seconds: float


@dataclass(frozen=True, slots=True)
class Close:
    wait: float | None
    jitter: float
    ago: float = 0.0


@dataclass(frozen=True, slots=True)
class SpoilPace:
    """The stored pace cannot be right, as the backend found."""


@dataclass(frozen=True, slots=True)
class PutClockBack:
    seconds: float


Event = Saturate | Wait | Close | SpoilPace | PutClockBack

share = st.sampled_from([0.0, 1.0]) | st.floats(0, 1)
events = st.lists(
    st.builds(
        Saturate,
        seconds=st.floats(0.05, 4),
        taker=st.integers(0, 7),
        want=st.integers(1, 50),
        lateness=share,
        travel=share,
        round_trip=st.sampled_from([0.0, 0.004]) | st.floats(0, 0.3),
        together=st.sampled_from([1, 1, 2, 5]),
        lead=st.sampled_from([LEAD, LEAD, 0.2, LONGEST_LEAD]),
    )
    | st.builds(Wait, st.floats(0, 3))
    | st.builds(Close, st.none() | st.floats(0, 10), st.floats(0, 1), st.sampled_from([0.0, 0.2, 3.0]))
    | st.builds(SpoilPace)
    | st.builds(PutClockBack, st.floats(0, 5)),
    min_size=1,
    max_size=25,
)
limits = st.builds(
    WriteLimit, st.integers(1, 60), st.sampled_from([0.5, 1, 2, 4, 20]).map(lambda seconds: timedelta(seconds=seconds))
)


@dataclass(slots=True)
class Lane:
    """One backend, the processes that ask it, and the way to Graph, on true time."""

    limit: WriteLimit
    pace: Pace
    true_time: float = 0.0
    clock_behind: float = 0.0
    closed_until: float = -math.inf
    arrivals: list[float] = field(default_factory=list)
    granted_in_closure: list[float] = field(default_factory=list)

    @property
    def backend_time(self) -> float:
        return self.true_time - self.clock_behind

    def face(self, event: Event) -> None:
        match event:
            case Saturate():
                self._saturate(event)
            case Wait(seconds):
                self.true_time += seconds
            case Close(wait, jitter, ago):
                self.pace = close(self.pace, self.backend_time, Refusal(wait, ago), self.limit, jitter)
                self.closed_until = self.true_time + self.pace.closed_until - self.backend_time
            case SpoilPace():
                self.pace = lost_past(self.backend_time, self.limit)
                self.closed_until = self.true_time + self.pace.closed_until - self.backend_time
            case PutClockBack(seconds):
                self.clock_behind += seconds

    def _saturate(self, event: Saturate) -> None:
        offset = _CLOCK_OFFSETS[event.taker]
        end = self.true_time + event.seconds
        while self.true_time < end:
            asked_at = self.true_time + offset
            self.true_time += event.round_trip / 2
            granted_at = self.backend_time
            together = min(event.together, self.limit.calls)
            self.pace, granted = grant(self.pace, granted_at, event.want, self.limit, together, lead=event.lead)
            self.granted_in_closure += [
                at for at in granted.departures if at + self.clock_behind < self.closed_until - 1e-6
            ]
            self.true_time += event.round_trip / 2
            permits = localise(granted, granted_at=granted_at, asked_at=asked_at, answered_at=self.true_time + offset)
            for permit in permits.each:
                self._use(permit, event, offset)
            ask_again_at = max(permits.ask_again_at - offset, self.true_time + 0.001)
            self.true_time = max(self.true_time, min(ask_again_at, end))

    def _use(self, permit: Permit, event: Saturate, offset: float) -> None:
        if permit.latest < permit.earliest:
            return
        left_at = permit.earliest + event.lateness * (permit.latest - permit.earliest) - offset
        self.arrivals.append(left_at + _SHORTEST_TRAVEL + event.travel * TRAVEL_SPREAD)


@settings(max_examples=500)
@given(limits, events)
@example(WriteLimit(10, timedelta(seconds=4)), [SpoilPace(), Wait(0.16), Saturate(0.05, 0, 1, 0, 0, 0)] * 25)
@example(WriteLimit(1, timedelta(seconds=4)), [Saturate(4, 0, 1, 1, 1, 0), Saturate(4, 1, 1, 0, 0, 0)] * 3)
def test_no_window_ever_holds_more_than_the_limit(limit: WriteLimit, script: list[Event]) -> None:
    lane = Lane(limit, unknown_past(0.0))

    for event in script:
        lane.face(event)

    assert most_in_any_window(lane.arrivals, limit.window.total_seconds()) <= limit.calls


@given(limits, events)
def test_nothing_is_granted_inside_a_closure(limit: WriteLimit, script: list[Event]) -> None:
    lane = Lane(limit, unknown_past(0.0))

    for event in script:
        lane.face(event)

    assert lane.granted_in_closure == []


@given(
    st.builds(
        Pace,
        st.floats(0, 1e10),
        st.floats(0, 10),
        st.floats(0, 1e10),
        st.floats(0, LONGEST_COOLDOWN),
        st.integers(0, 100),
        st.integers(1, 1),
        st.builds(Learned, st.floats(LEAST, 1), st.floats(0, 1e10), st.floats(0, 1e10), st.integers(0, 400)),
    ),
    st.floats(0, 2e9),
    st.integers(0, 500),
    limits,
)
def test_no_pace_however_damaged_closes_a_lane_for_longer_than_promised(
    pace: Pace, now: float, want: int, limit: WriteLimit
) -> None:
    longest = LONGEST_COOLDOWN + 10 + limit.window.total_seconds() * 2 / LEAST + 2

    _, granted = grant(pace, now, want, limit)

    assert granted.ask_again_at <= now + longest
    assert all(now <= at <= now + longest for at in granted.departures)
    assert len(granted.departures) <= want


@given(
    st.floats(0, 1e5),
    st.floats(-1e5, 1e5),
    st.floats(0, 1),
    st.floats(0, 1),
    st.integers(1, 20),
)
def test_a_localised_permit_never_opens_early_and_never_ends_late(
    granted_at: float, offset: float, there: float, back: float, want: int
) -> None:
    limit = WriteLimit(200, timedelta(seconds=20))
    _, granted = grant(Pace(0.0), granted_at, want, limit)

    permits = localise(
        granted,
        granted_at=granted_at,
        asked_at=granted_at + offset - there,
        answered_at=granted_at + offset + back,
    )

    for departure, permit in zip(granted.departures, permits.each, strict=True):
        assert permit.earliest >= departure + offset - 1e-6
        assert permit.latest <= departure + offset + PERMIT_LIFE + 1e-6


@pytest.mark.parametrize("instant", [1.0, 5.0, 11.7, 19.9])
@pytest.mark.parametrize(
    "limit", [GRAPH_WRITE_LIMIT, WriteLimit(400, timedelta(seconds=4)), WriteLimit(1, timedelta(seconds=1))]
)
def test_the_worst_road_fills_a_window_to_the_limit_and_no_further(limit: WriteLimit, instant: float) -> None:
    # Everything that departs before one moment leaves last and travels long, everything after leaves first and fast.
    lane = Lane(limit, unknown_past(0.0))
    lane.face(Saturate(instant + 0.05, 0, 50, 1, 1, 0))

    lane.face(Saturate(60, 1, 50, 0, 0, 0))

    most = most_in_any_window(lane.arrivals, limit.window.total_seconds())
    assert limit.calls * 0.95 - 1 <= most <= limit.calls


@pytest.mark.parametrize("takers", [1, 2, 8])
@pytest.mark.parametrize(
    ("limit", "least"),
    [
        (GRAPH_WRITE_LIMIT, 0.975),
        (WriteLimit(100, timedelta(seconds=20)), 0.97),
        (WriteLimit(400, timedelta(seconds=4)), 0.89),
    ],
)
async def test_takers_who_always_want_more_get_nearly_the_whole_limit(
    limit: WriteLimit, least: float, takers: int
) -> None:
    clock = ManualClock(auto=True)
    pace = unknown_past(0.0)
    departed = 0

    async def take() -> None:
        nonlocal pace, departed
        while clock.monotonic() < 600:
            pace, granted = grant(pace, clock.monotonic(), 10, limit)
            departed += len(granted.departures)
            # A worker is not there at the very moment: it is busy, or its question takes a while.
            await clock.sleep(max(granted.ask_again_at - clock.monotonic(), 0.0) + 0.05)

    async with asyncio.TaskGroup() as working:
        for _ in range(takers):
            working.create_task(take())

    assert departed >= least * limit.calls * 600 / limit.window.total_seconds()
