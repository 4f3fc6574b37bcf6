"""One lane in virtual time: a Graph that answers as told, permits from the arithmetic itself, and a batch to empty."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from itertools import cycle
from random import Random
from statistics import mean

import pytest
from structlog.testing import capture_logs

from orchestrator.domain.action import Action
from orchestrator.domain.batching import Batching
from orchestrator.domain.call import Call, EnvelopesRefused, MayLeave
from orchestrator.domain.circuit_breaker import UNREACHABLE_PATIENCE
from orchestrator.domain.claim import TargetChange
from orchestrator.domain.errors import StoreUnavailable
from orchestrator.domain.ids import JobNumber, LaneKey
from orchestrator.domain.lane import LaneCalls, WriteLimit
from orchestrator.domain.outcome import (
    NOT_FROM_GRAPH,
    Accepted,
    Bar,
    Barred,
    Deferred,
    GraphError,
    Outcome,
    Refused,
    Uncertain,
)
from orchestrator.domain.retry_policy import RetryPolicy
from orchestrator.domain.target import Target, TargetStatus
from orchestrator.engine.active_job import ActiveJob, ActiveJobs
from orchestrator.engine.lane_loop import LaneLoop
from orchestrator.engine.leased_batch import LeasedBatch
from orchestrator.engine.ports import Lane, Ports
from orchestrator.engine.recorder import Entry, Kept, Recorder
from orchestrator.engine.stop import StopSignal
from orchestrator.telemetry.metering import Metering
from orchestrator.throttle import gcra as pacing
from orchestrator.throttle.gcra import PERMIT_LIFE, TRAVEL_SPREAD, Pace, Permits, Refusal
from tests.support.arrivals import most_in_any_window
from tests.support.builders import LANE, a_claim, a_target, nothing_to_settle
from tests.support.clock import ManualClock, settle

LIMIT = WriteLimit(20, timedelta(seconds=2))
LANES = 60
GONE = Refused(GraphError("ResourceNotFound", "no such device", 404))
THROTTLED = Deferred(GraphError("TooManyRequests", "later", 429), timedelta(seconds=30), closes_lane=True)
NO_WAY = Deferred(GraphError("ConnectFailed", "no connection could be made"))
PROXY_PAGE = Deferred(GraphError(NOT_FROM_GRAPH, "something between here and Graph answered HTTP 403", 403))

Answer = Callable[[Call], Awaitable[Outcome]]


@dataclass
class Graph:
    """Counts what arrives and answers as it is told; a `Caller`."""

    clock: ManualClock
    latency: float = 0.05
    answer: Callable[[Call], Outcome] = lambda _: Accepted("request")
    envelopes_refused: bool = False
    arrivals: list[float] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    envelopes: list[int] = field(default_factory=list)
    unready: Outcome | None = None
    refused_after: float = 0.0
    token_at: float = 0.0
    connects_in: float = 0.0

    async def ready(self) -> Outcome | None:
        await self.clock.sleep(max(0.0, self.token_at - self.clock.monotonic()))
        if self.unready is not None:
            await self.clock.sleep(self.refused_after)
        return self.unready

    async def trigger(self, calls: Sequence[Call], may_leave: MayLeave) -> list[Outcome] | EnvelopesRefused | None:
        await self.clock.sleep(self.connects_in)
        if not may_leave():
            return None
        if len(calls) > 1:
            self.envelopes.append(len(calls))
            if self.envelopes_refused:
                await self.clock.sleep(self.latency)
                return EnvelopesRefused(GraphError("NotImplemented", "no envelopes here", 501))
        for call in calls:
            self._note(call)
        await self.clock.sleep(self.latency)
        return [self.answer(call) for call in calls]

    def _note(self, call: Call) -> None:
        self.arrivals.append(self.clock.monotonic())
        self.calls.append(call)


@dataclass
class Throttle:
    """`throttle/gcra.py` without anybody to share it with."""

    clock: ManualClock
    pace: Pace = field(default_factory=lambda: Pace(last_departure=-1000.0))
    cooldown: list[float | None] = field(default_factory=list)
    late: float = 0.0

    async def acquire(
        self, lane: LaneKey, want: int, limit: WriteLimit | None, together: int = 1, lead: float = pacing.LEAD
    ) -> Permits:
        assert lane == LANE
        now = self.clock.monotonic()
        self.pace, granted = pacing.grant(self.pace, now, want, limit, together, lead=lead)
        return pacing.localise(granted, granted_at=now, asked_at=now - self.late, answered_at=now)

    async def close(self, lane: LaneKey, refusal: Refusal, limit: WriteLimit | None) -> None:
        assert lane == LANE
        self.cooldown.append(refusal.wait)
        self.pace = pacing.close(self.pace, self.clock.monotonic(), refusal, limit, 0.0)


@dataclass
class Work:
    """One batch of targets in memory: what is claimed, what was recorded, and whether it may still be called."""

    clock: ManualClock
    waiting: dict[int, Target]
    held: LeasedBatch | None = None
    out: dict[int, Target] = field(default_factory=dict)
    recorded: dict[int, TargetChange] = field(default_factory=dict)
    halts: dict[JobNumber, str] = field(default_factory=dict)
    most: int = 500
    calls: LaneCalls = field(default_factory=LaneCalls)
    job: ActiveJob = field(default_factory=lambda: ActiveJob(JobNumber(1)))
    action: Action = Action.REFRESH_USER_POLICY

    async def ready(self, _lane: LaneKey) -> bool:
        if self.forbidden:
            return False
        if self.held is not None and self.held.prefetched:
            return True
        now = self.clock.now()
        due = [
            target
            for line, target in self.waiting.items()
            if line not in self.recorded or (self.recorded[line].not_before or now) <= now
        ][: self.most]
        for target in due:
            self.out[target.line] = self.waiting.pop(target.line)
        claim = a_claim(due, waiting=len(self.waiting), action=self.action)
        if self.held is None or self.held.is_done:
            self.held = LeasedBatch(claim, self.job, self.clock.now)
        else:
            self.held.extend(claim)
        return bool(due)

    def draw(self, _lane: LaneKey, most: int) -> tuple[LeasedBatch, list[Target]] | None:
        if self.held is None or not self.held.prefetched or self.forbidden:
            return None
        room = self.job.run_ahead.room(len(self.held.in_flight), most)
        return (self.held, self.held.draw(room)) if room else None

    async def write(self, entry: Entry) -> Kept:
        self.halts.update({job: halt.bar for job, halt in entry.halts.items()})
        self.recorded.update({change.line: change for change in entry.targets})
        self.calls += entry.calls.get(LANE, LaneCalls())
        for batch in entry.batches:
            assert batch.tally.waiting >= 0
            assert batch.tally.sending == len(batch.in_flight)
        here = {target.line for target in self.held._prefetched} if self.held else set()
        for line in self.out.keys() - here.union(*(batch.in_flight for batch in entry.batches)):
            self._comes_back(self.out.pop(line))
        return {batch.key for batch in entry.batches}

    def _comes_back(self, target: Target) -> None:
        change = self.recorded.get(target.line)
        if change is None:
            self.waiting[target.line] = target  # withdrawn
        elif change.status is TargetStatus.WAITING:
            self.waiting[target.line] = target._replace(
                attempts=change.attempts,
                uncharged=target.uncharged + change.uncharged,
                doubtful=change.doubtful,
                first_attempt_at=change.first_attempt_at,
            )

    @property
    def forbidden(self) -> bool:
        return self.job.is_halted

    def allows(self, held: LeasedBatch) -> bool:
        return self.job.allows(held)

    @property
    def statuses(self) -> Counter[TargetStatus]:
        return Counter(change.status for change in self.recorded.values())


class Stage:
    """A lane with everything around it, and time to let pass."""

    def __init__(
        self,
        clock: ManualClock,
        targets: int,
        *,
        limit: WriteLimit | None,
        envelopes: bool = False,
        batching: Batching | None = None,
        crowd: Callable[[], Awaitable[object]] | None = None,
        preparing: asyncio.Semaphore | None = None,
        action: Action = Action.REFRESH_USER_POLICY,
    ) -> None:
        self.clock = clock
        self.crowd = crowd
        self.targets = [a_target(line) for line in range(2, 2 + targets)]
        self.graph = Graph(clock)
        self.throttle = Throttle(clock)
        self.work = Work(clock, {target.line: target for target in self.targets}, action=action)
        self.stop = StopSignal()
        self.served = 0
        self.recorder = Recorder(self._write, clock, ActiveJobs(), nothing_to_settle)
        ports = Ports(
            prefetch=self.work.ready,
            draw=self.work.draw,
            throttle=self.throttle,
            recorder=self.recorder,
            may_call=self.work.allows,
            policy=RetryPolicy(),
            clock=clock,
            chance=Random(1),
            utc=clock.now,
            preparing=preparing or asyncio.Semaphore(1),
            metrics=Metering().metrics,
        )
        batching = batching or (Batching.ON if envelopes else Batching.OFF)
        self.run = LaneLoop(Lane(LANE, limit, self.graph, batching, at_once=64), ports, self.stop)

    async def _write(self, entry: Entry) -> Kept:
        self.served += sum(entry.served.values())
        written = await self.work.write(entry)
        if self.crowd is not None:
            await self.crowd()
        return written

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        """The lane on its way, and everything written down."""
        running, recording = asyncio.create_task(self.run.run()), asyncio.create_task(self.recorder.run())
        try:
            yield running
        finally:
            for task in (running, recording):
                task.cancel()
            await asyncio.gather(running, recording, return_exceptions=True)

    async def for_seconds(self, seconds: float) -> None:
        """Run the lane again and again, as its driver does."""
        until = self.clock.monotonic() + seconds
        recording = asyncio.create_task(self.recorder.run())
        while self.clock.monotonic() < until and not self.stop.is_requested:
            running = asyncio.create_task(self.run.run())
            while not running.done() and self.clock.monotonic() < until:
                await self.clock.run_for(seconds=min(0.25, until - self.clock.monotonic()))
            if running.done():
                running.result()
                await self.clock.run_for(seconds=0.1)
            else:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
        await self.clock.run_for(seconds=0.5)
        recording.cancel()
        await asyncio.gather(recording, return_exceptions=True)


async def test_calls_leave_at_their_permits_and_never_more_than_the_limit(clock: ManualClock) -> None:
    stage = Stage(clock, 100, limit=LIMIT)

    await stage.for_seconds(15)

    assert stage.work.statuses == {TargetStatus.ACCEPTED: 100}
    assert most_in_any_window(stage.graph.arrivals, 2.0) <= 20
    assert len({call.client_request_id for call in stage.graph.calls}) == 100
    # A little less than the limit is what the caution of pacing leaves.
    assert stage.graph.arrivals[-1] - stage.graph.arrivals[0] == pytest.approx(99 * pacing.interval(LIMIT), abs=0.2)


@pytest.mark.parametrize(("latency", "most"), [(0.02, 64), (0.05, 125), (0.1, 250), (1.0, 256)])
async def test_without_a_limit_the_requests_on_their_way_follow_the_latency(
    clock: ManualClock, latency: float, most: int
) -> None:
    stage = Stage(clock, 3_000, limit=None)
    stage.graph.latency = latency

    await stage.for_seconds(60)

    assert stage.work.statuses == {TargetStatus.ACCEPTED: 3_000}
    first = stage.graph.arrivals[0]
    assert sum(at < first + 0.99 * latency for at in stage.graph.arrivals) <= 64
    assert most_in_any_window(stage.graph.arrivals, 0.99 * latency) == most


async def test_a_permit_that_ran_out_while_its_call_waited_for_a_place_is_not_used(clock: ManualClock) -> None:
    stage = Stage(clock, 200, limit=WriteLimit(400, timedelta(seconds=2)))
    stage.graph.latency = 3.0

    await stage.for_seconds(40)

    assert stage.work.statuses == {TargetStatus.ACCEPTED: 200}
    assert len(stage.graph.calls) == 200
    assert most_in_any_window(stage.graph.arrivals, 2.9) <= 64


async def test_calls_that_waited_for_a_token_do_not_leave_together_when_it_comes(clock: ManualClock) -> None:
    stage = Stage(clock, 60, limit=LIMIT)
    stage.graph.token_at = clock.monotonic() + 3.0

    await stage.for_seconds(15)

    assert stage.work.statuses == {TargetStatus.ACCEPTED: 60}
    assert len(stage.graph.calls) == 60
    assert most_in_any_window(stage.graph.arrivals, 2.0) <= 20


@pytest.mark.parametrize("envelopes", [False, True])
async def test_calls_that_waited_for_new_connections_do_not_join_those_that_found_one(
    clock: ManualClock, *, envelopes: bool
) -> None:
    stage = Stage(clock, 60, limit=LIMIT, envelopes=envelopes)
    stage.graph.connects_in = 3.0

    async def find_connections() -> None:
        await clock.sleep(3.0)
        stage.graph.connects_in = 0.0

    finding = asyncio.create_task(find_connections())
    await stage.for_seconds(25)
    await finding

    assert stage.work.statuses == {TargetStatus.ACCEPTED: 60}
    assert len(stage.graph.calls) == 60
    assert most_in_any_window(stage.graph.arrivals, 2.0) <= 20


async def test_a_lane_that_was_closed_while_calls_waited_for_a_token_is_closed_for_them(clock: ManualClock) -> None:
    stage = Stage(clock, 5, limit=None)
    stage.graph.token_at = clock.monotonic() + 3.0
    async with stage.running():
        await clock.run_for(seconds=1.0)
        assert stage.run.in_flight
        stage.work.job.is_halted = True
        await clock.run_for(seconds=5.0)

    assert stage.graph.calls == []


@pytest.mark.parametrize("devices", [1, 5, 100])
@pytest.mark.parametrize("refused_after", [0.0, 0.3, 3.0])
async def test_where_there_is_no_token_nothing_is_sent_and_the_job_stops(
    clock: ManualClock, refused_after: float, devices: int
) -> None:
    stage = Stage(clock, devices, limit=LIMIT)
    stage.graph.unready = Barred(GraphError("SignInRefused", "no such app"), Bar.TOKEN_REFUSED)
    stage.graph.refused_after = refused_after

    await stage.for_seconds(10)

    assert stage.graph.calls == []
    assert stage.work.calls == LaneCalls()
    assert set(stage.work.halts.values()) == {Bar.TOKEN_REFUSED}
    assert stage.work.statuses.keys() <= {TargetStatus.WAITING}


async def test_a_sign_in_that_breaks_leaves_no_target_on_its_way(clock: ManualClock) -> None:
    stage = Stage(clock, 3, limit=None)

    async def broken() -> Outcome | None:
        raise KeyError("token")

    stage.graph.ready = broken  # type: ignore[method-assign] # the one thing that differs here
    async with stage.running():
        await clock.run_for(seconds=2.0)

    assert stage.graph.calls == []
    assert stage.work.held is None or not stage.work.held.in_flight


async def test_a_call_leaves_no_sooner_than_its_permit_though_timers_ring_early(clock: ManualClock) -> None:
    stage = Stage(clock, 40, limit=LIMIT)
    sleep, earliness = clock.sleep, cycle((0.0, 0.031))

    async def early(seconds: float) -> None:
        # As on Windows, where a timer may ring one or two ticks of its clock early.
        await sleep(max(0.001, seconds - next(earliness)))

    clock.sleep = early  # type: ignore[method-assign] # the one thing that differs here
    await stage.for_seconds(8)

    assert stage.work.statuses == {TargetStatus.ACCEPTED: 40}
    gaps = [later - sooner for sooner, later in zip(stage.graph.arrivals, stage.graph.arrivals[1:], strict=False)]
    assert min(gaps) >= pacing.interval(LIMIT) - 0.002


async def test_a_grant_that_took_longer_than_its_permits_live_is_not_even_written_down(clock: ManualClock) -> None:
    stage = Stage(clock, 20, limit=LIMIT)
    stage.throttle.late = pacing.PERMIT_LIFE + 0.01

    await stage.for_seconds(3)

    assert stage.graph.calls == []
    assert stage.served == 0

    stage.throttle.late = pacing.PERMIT_LIFE - 0.01
    await stage.for_seconds(10)

    assert len(stage.graph.calls) == stage.served == 20


async def test_without_a_limit_an_answer_of_the_throttle_may_take_its_time(clock: ManualClock) -> None:
    stage = Stage(clock, 20, limit=None)
    stage.throttle.late = 1.0

    await stage.for_seconds(3)

    assert len(stage.graph.calls) == 20


async def test_a_429_closes_the_lane_here_at_once_and_for_all_others(clock: ManualClock) -> None:
    stage = Stage(clock, 60, limit=LIMIT)
    refusals = iter([THROTTLED])
    stage.graph.answer = lambda call: next(refusals, Accepted(call.client_request_id))

    await stage.for_seconds(45)

    answered = stage.graph.arrivals[0] + stage.graph.latency
    between = [arrival for arrival in stage.graph.arrivals if answered < arrival < answered + 30]
    assert between == []
    assert stage.throttle.cooldown == [30.0]
    assert stage.work.statuses == {TargetStatus.ACCEPTED: 60}
    assert Counter(change.attempts for change in stage.work.recorded.values()) == {1: 59, 2: 1}


@pytest.mark.parametrize("named", [None, 2.0, 30.0])
async def test_a_storm_of_429_fails_nobody_however_few_there_are_to_be_asked(
    clock: ManualClock, named: float | None
) -> None:
    stage = Stage(clock, 3, limit=LIMIT)
    throttled = replace(THROTTLED, retry_after=None if named is None else timedelta(seconds=named))
    over_at = clock.monotonic() + 1200
    stage.graph.answer = lambda _: throttled if clock.monotonic() < over_at else Accepted("request")

    await stage.for_seconds(1200 + 240)

    assert stage.work.statuses == {TargetStatus.ACCEPTED: 3}
    # By attempts alone they would all have failed.
    assert len(stage.graph.calls) > 3 * RetryPolicy().attempts


async def test_a_device_that_graph_always_throttles_is_given_up_after_an_hour(clock: ManualClock) -> None:
    stage = Stage(clock, 1, limit=LIMIT)
    stage.graph.answer = lambda _: replace(THROTTLED, retry_after=timedelta(seconds=1))
    began = clock.monotonic()

    await stage.for_seconds(3600 + 240)

    assert stage.work.statuses == {TargetStatus.FAILED: 1}
    assert 3600 <= stage.graph.arrivals[-1] - began < 3600 + 200


async def test_where_devices_fare_badly_what_was_prepared_waits_until_they_were_judged(clock: ManualClock) -> None:
    stage = Stage(clock, 500, limit=None)
    stage.graph.answer = lambda _: Refused(GraphError("Conflict", "no", 409))

    # Nobody judges here: so nothing more leaves than was on its way.
    await stage.for_seconds(5)

    assert len(stage.graph.calls) == 64
    assert stage.work.statuses == {TargetStatus.FAILED: 64}


async def test_a_closure_that_cannot_be_shared_still_holds_here(clock: ManualClock) -> None:
    stage = Stage(clock, 10, limit=LIMIT)
    refusals = iter([THROTTLED])
    stage.graph.answer = lambda call: next(refusals, Accepted(call.client_request_id))

    async def nobody(_lane: LaneKey, _refusal: Refusal, _limit: WriteLimit | None) -> None:
        raise StoreUnavailable("away")

    stage.throttle.close = nobody  # type: ignore[assignment, method-assign] # the one thing that differs here
    await stage.for_seconds(20)

    answered = stage.graph.arrivals[0] + stage.graph.latency
    assert [arrival for arrival in stage.graph.arrivals if answered < arrival] == []


async def test_a_closure_that_could_not_be_shared_is_shared_as_soon_as_it_can_be(clock: ManualClock) -> None:
    stage = Stage(clock, 10, limit=LIMIT)
    refusals = iter([THROTTLED])
    stage.graph.answer = lambda call: next(refusals, Accepted(call.client_request_id))
    share, began = stage.throttle.close, clock.monotonic()
    told: list[tuple[float, Refusal]] = []

    async def away_for_five_seconds(lane: LaneKey, refusal: Refusal, limit: WriteLimit | None) -> None:
        if clock.monotonic() - began < 5:
            raise StoreUnavailable("away")
        told.append((clock.monotonic() - began, refusal))
        await share(lane, refusal, limit)

    stage.throttle.close = away_for_five_seconds  # type: ignore[method-assign] # the one thing that differs here
    await stage.for_seconds(20)

    ((instant, refusal),) = told
    assert 5 <= instant < 5.3
    assert refusal.wait == pytest.approx(30 + 0.1 - instant, abs=0.1)


async def test_envelopes_hold_twenty_at_most_and_lose_no_device(clock: ManualClock) -> None:
    stage = Stage(clock, 130, limit=None, envelopes=True)

    await stage.for_seconds(5)

    assert stage.work.statuses == {TargetStatus.ACCEPTED: 130}
    assert len(stage.graph.calls) == 130
    assert max(stage.graph.envelopes) == 20
    assert sum(stage.graph.envelopes) >= 120


async def test_what_is_sent_again_goes_by_itself(clock: ManualClock) -> None:
    stage = Stage(clock, 40, limit=None, envelopes=True)
    seen: Counter[str] = Counter()

    # Too few for an outage, which is waited out otherwise.
    weak = {target.device.key for target in stage.targets[::5]}

    def unwell_once(call: Call) -> Outcome:
        seen[call.device.key] += 1
        unwell = GraphError("ServiceUnavailable", "unwell", 503)
        return Deferred(unwell) if call.device.key in weak and seen[call.device.key] == 1 else Accepted("request")

    stage.graph.answer = unwell_once
    await stage.for_seconds(20)

    assert stage.work.statuses == {TargetStatus.ACCEPTED: 40}
    assert stage.graph.envelopes == [20, 20]
    assert len(stage.graph.calls) == 48


async def test_where_envelopes_are_refused_their_devices_go_singly_and_none_is_called_twice(
    clock: ManualClock,
) -> None:
    stage = Stage(clock, 130, limit=None, envelopes=True)
    stage.graph.envelopes_refused = True

    await stage.for_seconds(10)

    assert stage.work.statuses == {TargetStatus.ACCEPTED: 130}
    assert len(stage.graph.calls) == 130
    assert {change.attempts for change in stage.work.recorded.values()} == {1}


async def test_nothing_leaves_once_the_stop_is_requested_and_what_had_not_left_waits(clock: ManualClock) -> None:
    stage = Stage(clock, 300, limit=None)
    stage.graph.latency = 5.0

    async with stage.running() as running:
        await clock.run_for(seconds=1)
        stage.stop.request()
        await clock.run_for(seconds=20)
        await running
        await stage.recorder.flush()

    assert len(stage.graph.calls) == 64
    assert stage.work.statuses == {TargetStatus.ACCEPTED: 64}
    assert stage.work.held is not None
    assert stage.work.held.in_flight == frozenset()
    assert stage.work.held.snapshot().tally.waiting == 236
    assert stage.run.in_flight == 0


async def test_a_stop_does_not_wait_for_calls_that_hang(clock: ManualClock) -> None:
    stage = Stage(clock, 300, limit=None)
    stage.graph.latency = 3600.0

    async with stage.running() as running:
        await clock.run_for(seconds=1)
        stage.stop.request()
        await settle()
        await stage.run.drain(0.0)
        await stage.recorder.flush()
        was_done = running.done()

    held = stage.work.held
    assert was_done
    assert held is not None
    assert held.in_flight == frozenset()
    # The sent ones may have happened; the others never left, and know it.
    assert Counter((change.attempts, change.doubtful) for change in stage.work.recorded.values()) == {(1, True): 64}
    assert held.snapshot().tally.waiting == 300


@pytest.mark.parametrize("envelopes", [False, True])
async def test_a_call_whose_connection_is_made_while_its_job_is_paused_does_not_leave(
    clock: ManualClock, *, envelopes: bool
) -> None:
    stage = Stage(clock, 40, limit=None, envelopes=envelopes)
    stage.graph.connects_in = 3.0

    async def pause() -> None:
        await clock.sleep(1.0)
        stage.work.job.is_halted = True

    pausing = asyncio.create_task(pause())
    await stage.for_seconds(10)
    await pausing

    assert stage.graph.calls == []
    assert stage.graph.envelopes == []
    assert stage.work.statuses == {}


async def test_a_forbidden_job_makes_no_further_call(clock: ManualClock) -> None:
    stage = Stage(clock, 300, limit=None)
    stage.graph.latency = 1.0

    async with stage.running() as running:
        await clock.run_for(seconds=0.5)
        stage.work.job.is_halted = True
        await clock.run_for(seconds=10)
        await running

    assert len(stage.graph.calls) == 64
    assert stage.work.held is not None
    assert stage.work.held.is_done


async def test_no_call_leaves_before_its_intent_is_written(clock: ManualClock) -> None:
    stage = Stage(clock, 20, limit=None)

    running = asyncio.create_task(stage.run.run())
    await clock.run_for(seconds=5)
    before = len(stage.graph.calls)
    await stage.recorder.flush()
    await clock.run_for(seconds=1)

    assert before == 0
    assert len(stage.graph.calls) == 20
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize(
    ("writing", "batching", "least"),
    [
        (0.1, Batching.OFF, 0.9),
        (0.2, Batching.OFF, 0.7),
        (0.3, Batching.OFF, 0.4),
        (0.3, Batching.AUTO, 0.8),
        (0.9, Batching.AUTO, 0.8),
    ],
)
async def test_a_database_that_writes_slowly_makes_calls_fewer_and_does_not_end_them(
    clock: ManualClock, writing: float, batching: Batching, least: float
) -> None:
    limit = WriteLimit(200, timedelta(seconds=20))
    stage = Stage(clock, 2_000, limit=limit, batching=batching, crowd=partial(clock.sleep, writing))

    async with stage.running():
        await clock.run_for(seconds=100)

    assert len(stage.graph.calls) > least * 100 / pacing.interval(limit)
    assert most_in_any_window(stage.graph.arrivals, 20.0) <= 200


@pytest.mark.parametrize("slow", ["database", "throttle"])
async def test_where_no_permit_lives_until_its_call_can_leave_the_log_says_so(clock: ManualClock, slow: str) -> None:
    stage = Stage(clock, 100, limit=LIMIT, crowd=partial(clock.sleep, 3.0) if slow == "database" else None)
    if slow == "throttle":
        stage.throttle.late = PERMIT_LIFE + 0.1

    with capture_logs() as logs:
        async with stage.running():
            await clock.run_for(seconds=600)

    assert stage.graph.calls == []
    told = [each for each in logs if each["event"] == "lane.permits_run_out"]
    assert 1 <= len(told) <= 100


async def test_where_graph_is_slow_the_log_does_not_blame_the_database(clock: ManualClock) -> None:
    stage = Stage(clock, 3_000, limit=WriteLimit(400, timedelta(seconds=4)))
    stage.graph.latency = 12.0

    with capture_logs() as logs:
        await stage.for_seconds(60)

    assert stage.graph.calls
    assert [each for each in logs if each["event"] == "lane.permits_run_out"] == []


async def test_a_lane_asks_for_permits_when_those_before_it_have_written_their_intents(clock: ManualClock) -> None:
    one_writes = asyncio.Event()
    preparing = asyncio.Semaphore(1)
    one = Stage(clock, 20, limit=LIMIT, crowd=one_writes.wait, preparing=preparing)
    other = Stage(clock, 20, limit=LIMIT, preparing=preparing)
    unpaced = Stage(clock, 20, limit=None, preparing=preparing)
    untouched = other.throttle.pace

    async with one.running(), other.running(), unpaced.running():
        await clock.run_for(seconds=5.0)
        assert other.throttle.pace == untouched
        assert len(unpaced.graph.calls) == 20
        one_writes.set()
        await clock.run_for(seconds=10.0)

    assert len(one.graph.calls) == len(other.graph.calls) == 20


async def test_a_lane_that_is_told_to_stop_while_it_stands_in_line_asks_for_nothing(clock: ManualClock) -> None:
    preparing = asyncio.Semaphore(1)
    stage = Stage(clock, 20, limit=LIMIT, preparing=preparing)
    untouched = stage.throttle.pace

    await preparing.acquire()
    async with stage.running() as running:
        await clock.run_for(seconds=1.0)
        stage.stop.request()
        preparing.release()
        await clock.run_for(seconds=1.0)
        assert running.done()

    assert stage.throttle.pace == untouched
    assert not preparing.locked()


async def test_a_lane_that_closes_while_it_stands_in_line_asks_for_nothing_until_it_opens(clock: ManualClock) -> None:
    preparing = asyncio.Semaphore(1)
    stage = Stage(clock, 20, limit=LIMIT, preparing=preparing)
    untouched = stage.throttle.pace

    await preparing.acquire()
    async with stage.running():
        await clock.run_for(seconds=1.0)
        stage.run.close_for(1.0)
        preparing.release()
        await clock.run_for(seconds=0.9)
        assert stage.throttle.pace == untouched
        await clock.run_for(seconds=10.0)

    assert len(stage.graph.calls) == 20


async def test_lanes_that_want_more_than_can_be_written_have_even_shares_as_few_of_them_prepare_at_once(
    clock: ManualClock,
) -> None:
    few = await _calls_of_a_busy_process(clock, at_once=4)
    all_of_them = await _calls_of_a_busy_process(clock, at_once=LANES)

    assert min(few) > 0.9 * mean(few)
    assert min(all_of_them) < 0.9 * mean(all_of_them)
    # What does not leave in time was written in vain.
    assert sum(few) > sum(all_of_them)


async def _calls_of_a_busy_process(clock: ManualClock, *, at_once: int) -> list[int]:
    """What each lane calls in 100 s where all together might send 26 envelopes a second, and 15 things are written."""
    one_at_a_time, preparing = asyncio.Lock(), asyncio.Semaphore(at_once)

    async def write() -> None:
        async with one_at_a_time:
            await clock.sleep(1 / 15)

    limit = WriteLimit(200, timedelta(seconds=20))
    lanes = [Stage(clock, 1_000, limit=limit, envelopes=True, crowd=write, preparing=preparing) for _ in range(LANES)]
    async with AsyncExitStack() as running:
        for lane in lanes:
            await running.enter_async_context(lane.running())
        await clock.run_for(seconds=100.0)
    return [len(lane.graph.calls) for lane in lanes]


async def test_what_was_answered_is_counted_for_the_lane(clock: ManualClock) -> None:
    stage = Stage(clock, 30, limit=LIMIT)
    refusals = iter([THROTTLED])
    stage.graph.answer = lambda call: next(refusals, Accepted(call.client_request_id))

    await stage.for_seconds(60)

    assert stage.work.calls == LaneCalls(31, 1)


async def test_answers_that_take_longer_than_is_assumed_of_the_road_are_counted(clock: ManualClock) -> None:
    stage = Stage(clock, 30, limit=LIMIT)

    await stage.for_seconds(1)
    quick = len(stage.graph.calls)
    stage.graph.latency += TRAVEL_SPREAD + 0.01
    await stage.for_seconds(20)

    assert 0 < quick < 30
    assert stage.work.calls == LaneCalls(30, 0, 30 - quick)


async def test_an_error_of_ours_leaves_no_target_on_its_way(clock: ManualClock) -> None:
    stage = Stage(clock, 10, limit=None)

    def broken(call: Call) -> Outcome:
        if call.device == stage.targets[3].device:
            raise KeyError("a bug")
        return Accepted("request")

    stage.graph.answer = broken
    await stage.for_seconds(5)

    assert stage.work.statuses == {TargetStatus.ACCEPTED: 9, TargetStatus.UNCERTAIN: 1}
    change = stage.work.recorded[stage.targets[3].line]
    assert change.error_code == "CallBroke"
    assert "see the log" in (change.error_message or "")
    assert stage.work.held is not None
    assert stage.work.held.is_done


async def test_an_envelope_that_answers_for_too_few_is_uncertain_for_all(clock: ManualClock) -> None:
    stage = Stage(clock, 20, limit=None, envelopes=True)

    async def too_few(calls: Sequence[Call], may_leave: MayLeave) -> list[Outcome] | EnvelopesRefused | None:
        assert may_leave()
        return [Accepted("request") for _ in calls[1:]]

    stage.graph.trigger = too_few  # type: ignore[method-assign] # the one thing that differs here
    await stage.for_seconds(5)

    assert stage.work.statuses == {TargetStatus.UNCERTAIN: 20}


async def test_a_policy_that_breaks_leaves_no_target_on_its_way(clock: ManualClock) -> None:
    stage = Stage(clock, 3, limit=None)
    stage.graph.answer = lambda _: "no outcome at all"  # type: ignore[assignment,return-value] # that is the bug
    await stage.for_seconds(5)

    assert stage.work.statuses == {TargetStatus.UNCERTAIN: 3}


@pytest.mark.parametrize("answer", [NO_WAY, PROXY_PAGE], ids=["no connection", "page of a proxy"])
async def test_a_job_waits_for_the_way_to_graph_and_stops_when_it_stays_lost(
    clock: ManualClock, answer: Deferred
) -> None:
    stage = Stage(clock, 30, limit=LIMIT)
    stage.graph.answer = lambda _: answer

    await stage.for_seconds(200)

    assert stage.work.halts == {}
    assert stage.work.statuses.keys() <= {TargetStatus.WAITING}
    assert {change.attempts for change in stage.work.recorded.values()} == {0}
    assert stage.throttle.cooldown == []  # the way is broken from here; others may still get through
    gaps = [later - sooner for sooner, later in zip(stage.graph.arrivals, stage.graph.arrivals[1:], strict=False)]
    assert max(gaps) == pytest.approx(60, abs=10)

    # As if it had gone on like this for hours.
    assert stage.run._cooldown._cut_off_since is not None
    stage.run._cooldown._cut_off_since -= UNREACHABLE_PATIENCE.total_seconds()
    await stage.for_seconds(100)

    assert set(stage.work.halts.values()) == {Bar.UNREACHABLE}
    assert stage.work.statuses.keys() <= {TargetStatus.WAITING}


@pytest.mark.parametrize(
    ("action", "status"), [(Action.REFRESH_MACHINE_POLICY, "accepted"), (Action.FULL_SCAN, "uncertain")]
)
async def test_what_may_have_passed_a_stranger_is_repeated_only_where_that_is_harmless(
    clock: ManualClock, action: Action, status: str
) -> None:
    stage = Stage(clock, 1, limit=LIMIT, action=action)
    portal = iter([Uncertain(GraphError(NOT_FROM_GRAPH, "a sign-in page", 200))] * 8)
    stage.graph.answer = lambda call: next(portal, Accepted(call.client_request_id))

    await stage.for_seconds(1000)

    # More often than a device is given attempts: the page of a portal uses up none of them.
    assert stage.work.statuses == {TargetStatus(status): 1}


async def test_a_job_that_was_answered_before_sits_an_outage_out(clock: ManualClock) -> None:
    stage = Stage(clock, 60, limit=LIMIT)
    began = clock.monotonic()
    stage.graph.answer = lambda call: (
        NO_WAY if 2 < clock.monotonic() - began < 300 else Accepted(call.client_request_id)
    )

    await stage.for_seconds(400)

    assert stage.work.halts == {}
    assert stage.work.statuses == {TargetStatus.ACCEPTED: 60}
    assert {change.attempts for change in stage.work.recorded.values()} == {1}


async def test_a_refusal_of_one_device_concerns_no_other(clock: ManualClock) -> None:
    stage = Stage(clock, 10, limit=None)
    stage.graph.answer = lambda call: GONE if call.device == stage.targets[0].device else Accepted("request")

    await stage.for_seconds(5)

    assert stage.work.statuses == {TargetStatus.ACCEPTED: 9, TargetStatus.FAILED: 1}


async def test_a_claim_that_cannot_be_made_is_made_later(clock: ManualClock) -> None:
    stage = Stage(clock, 10, limit=None)
    ready, troubles = stage.work.ready, [StoreUnavailable("away")] * 3

    async def troubled(lane: LaneKey) -> bool:
        if troubles:
            raise troubles.pop()
        return await ready(lane)

    stage.run._ports = replace(stage.run._ports, prefetch=troubled)
    await stage.for_seconds(10)

    assert stage.work.statuses == {TargetStatus.ACCEPTED: 10}


async def test_silence_is_asked_again_and_doubted(clock: ManualClock) -> None:
    stage = Stage(clock, 5, limit=None)
    silent = iter([Uncertain(GraphError("ConnectionLost", "sent, and the connection was lost"))])
    stage.graph.answer = lambda call: next(silent, Accepted(call.client_request_id))

    await stage.for_seconds(20)

    assert stage.work.statuses == {TargetStatus.ACCEPTED: 5}
    assert Counter((change.attempts, change.maybe_repeated) for change in stage.work.recorded.values()) == {
        (1, False): 4,
        (2, True): 1,
    }
