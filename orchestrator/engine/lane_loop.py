"""The loop of one lane: prefetch targets, take permits, write the intent, call."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import timedelta

from orchestrator.domain.batching import ENVELOPE, together
from orchestrator.domain.errors import MusterError, TryLater
from orchestrator.domain.target import Target
from orchestrator.domain.waiting import LaneWait, WaitKind, clock_time
from orchestrator.engine.cooldown import Cooldown
from orchestrator.engine.in_flight import Group, InFlightCalls, sleep_until
from orchestrator.engine.ports import Lane, Ports
from orchestrator.engine.stop import StopSignal
from orchestrator.engine.task_set import TaskSet
from orchestrator.telemetry.logger import get_logger
from orchestrator.throttle.gcra import (
    LEAD,
    LONGEST_LEAD,
    LONGEST_LEAD_SINGLY,
    LONGEST_REACH,
    PERMIT_LIFE,
    Permit,
    Permits,
)

log = get_logger(__name__)


class LaneLoop:
    """Drives one lane until nothing in it is due; may be run again while slow answers are still on their way."""

    def __init__(self, lane: Lane, ports: Ports, stop: StopSignal) -> None:
        self._lane, self._ports, self._stop = lane, ports, stop
        self._cooldown = Cooldown(lane, ports)
        self._calls = InFlightCalls(lane, ports, stop, self._cooldown)
        self._under_way = TaskSet(stop)
        self._preparing = 0.0
        self._in_vain = 0
        self._is_running = False

    @property
    def in_flight(self) -> int:
        """Requests that wait for their departure or their answer."""
        return len(self._under_way)

    @property
    def wait(self) -> LaneWait | None:
        """Why no call of this process leaves in the lane, if only this process sees the cause; else None."""
        since = self._calls.token_awaited_since
        if since is not None and self._ports.utc() - since > _PROMPT:
            return LaneWait(WaitKind.SIGN_IN, f"The sign-in has not answered since {clock_time(since)}.")
        if self._is_running and self._in_vain >= _NO_ACCIDENT:
            return LaneWait(WaitKind.DATABASE_SLOW, f"No call can leave at present: {_RUN_OUT}.")
        return self._cooldown.wait

    async def run(self) -> None:
        """Leases batches and calls their devices until none is due, or until the stop is requested."""
        self._is_running = True
        try:
            await self._run()
        finally:
            self._is_running = False

    async def _run(self) -> None:
        if self._lane.limit is not None:
            await self._call_while_due()
            return
        # Where nothing paces them, one block of calls is prepared while others are written down and leave.
        try:
            async with asyncio.TaskGroup() as running:
                for _ in range(_BLOCKS):
                    running.create_task(self._call_while_due())
        except* MusterError as problems:
            raise problems.exceptions[0] from problems

    async def _call_while_due(self) -> None:
        while not self._stop.is_requested:
            await self._under_way.until_below(self._most_under_way)
            await self._cooldown.share_again()
            if not self._cooldown.is_open:
                await sleep_until(self._ports, self._cooldown.look_at)
                continue
            try:
                # Before the permits are there: they do not live long enough to wait for what they are for.
                if not await self._ports.prefetch(self._lane.key):
                    return
                async with self._in_line():
                    permits = await self._prepare()
                if permits is None:
                    await self._ports.clock.sleep(_PAUSE)
                    continue
            except TryLater as problem:
                log.warning("lane.waiting", lane=self._lane.key, reason=str(problem))
                await self._ports.clock.sleep(1.0)
                continue
            if not permits.each:
                # Sums are rounded: at exactly the named time the answer may still be the same.
                await sleep_until(self._ports, max(permits.ask_again_at, self._ports.clock.monotonic() + _TICK))
            elif self._lane.limit is not None:
                while self._ports.clock.monotonic() < permits.ask_again_at and not self._stop.is_requested:
                    await sleep_until(self._ports, permits.ask_again_at)

    def close_for(self, left: float) -> None:
        """Another process was refused; `left` seconds of the cooldown are left, and permits from before are void.

        The throttle's next answer says for how long.
        """
        self._cooldown.close_until(self._ports.clock.monotonic() + min(left, _LONGEST_OUTSTANDING))

    async def drain(self, patience: float) -> None:
        """Waits for the answers that are on their way; a later answer counts as none."""
        await self._under_way.drain(patience)

    def _in_line(self) -> AbstractAsyncContextManager[None]:
        """First come, first served: permits live too short for all lanes of a busy process to prepare calls at once.

        Those that wait hold none. Where nothing paces a lane, its permits do not run out.
        """
        return self._ports.preparing if self._lane.limit is not None else nullcontext()

    async def _prepare(self) -> Permits | None:
        """Take permits and use them; None where that is not to be done any more, or none of them could be used."""
        if self._stop.is_requested or not self._cooldown.is_open:
            return None
        lane, asked_at = self._lane, self._ports.clock.monotonic()
        permits = await self._ports.throttle.acquire(lane.key, self._want, lane.limit, self._together, self._lead)
        self._cooldown.close_until(permits.closed_until)
        return permits if not permits.each or await self._use(permits, asked_at) else None

    async def _use(self, permits: Permits, asked_at: float) -> bool:
        """Take targets for permits that were asked for then, write the intent down, and let their calls leave.

        False if none may.
        """
        if self._lane.limit is None:
            # Without a limit a permit only says that the lane is open.
            left = deque(Permit(permit.earliest, math.inf) for permit in permits.each)
        else:
            # Of a grant that took too long to arrive nothing can be used.
            left = deque(permit for permit in permits.each if permit.earliest <= permit.latest)
        usable = len(left)
        if not left:
            self._measure_preparation(asked_at, in_time=False)
        while left and (drawn := self._ports.draw(self._lane.key, len(left))) is not None:
            held, targets = drawn
            pairs = [(target, left.popleft()) for target in targets]
            try:
                may_leave = await self._ports.recorder.intend(held, len(pairs))
            except asyncio.CancelledError:
                held.give_back(targets)
                self._ports.recorder.add(held)
                raise
            self._measure_preparation(asked_at, in_time=self._ports.clock.monotonic() <= pairs[-1][1].latest)
            if not may_leave:
                held.give_back(targets)
                self._ports.recorder.add(held)
                return False
            for group in self._groups(pairs):
                self._under_way.start(self._calls.make(held, group))
        return len(left) < usable

    def _measure_preparation(self, asked_at: float, *, in_time: bool) -> None:
        """Calls were prepared, and may leave in time or not; a word in the log where they never do."""
        now = self._ports.clock.monotonic()
        self._preparing += (now - asked_at - self._preparing) / 4
        self._in_vain = 0 if in_time else self._in_vain + 1
        if self._in_vain and self._in_vain % _NO_HICCUP == 0:
            log.warning("lane.permits_run_out", lane=self._lane.key, in_a_row=self._in_vain, reason=_RUN_OUT)

    def _groups(self, pairs: list[tuple[Target, Permit]]) -> list[Group]:
        """Groups targets into requests: first attempts whose permits overlap; a repeated attempt goes singly."""
        if self._together == 1:
            return [[pair] for pair in pairs]
        groups: list[Group] = []
        for target, permit in pairs:
            last = groups[-1] if groups else None
            fits = (
                last is not None
                and len(last) < ENVELOPE
                and not target.attempts
                and not last[0][0].attempts
                and permit.earliest <= last[0][1].latest
            )
            if fits and last is not None:
                last.append((target, permit))
            else:
                groups.append([(target, permit)])
        return groups

    @property
    def _together(self) -> int:
        if not self._calls.takes_envelopes:
            return 1
        lane = self._lane
        return together(
            lane.batching,
            lane.limit,
            lanes=self._ports.lanes(),
            round_trip=self._calls.round_trip,
            at_once=lane.at_once,
            preparing=self._preparing,
        )

    @property
    def _lead(self) -> float:
        """How far away permits must be so that their intent can be written before."""
        # The longest writes take some four times as long as most.
        wanted = max(LEAD, 4 * self._preparing)
        if self._together > 1:
            return min(wanted, LONGEST_LEAD)
        # Permits of single calls are many, and most of them live until then: the lead is for where they would not.
        return min(wanted, LONGEST_LEAD_SINGLY) if self._preparing > PERMIT_LIFE else LEAD

    @property
    def _want(self) -> int:
        if self._lane.limit is not None:
            return _MOST_PERMITS
        return self._lane.at_once * 4 * (1 if self._together == 1 else _UNPACED_ENVELOPES)

    @property
    def _most_under_way(self) -> int:
        """Requests beyond which no more are prepared: enough to keep the connections busy meanwhile."""
        return self._calls.at_once * 2 if self._lane.limit is None else _MOST_IN_FLIGHT


_LONGEST_OUTSTANDING = LONGEST_REACH + PERMIT_LIFE
_MOST_PERMITS = 200
_MOST_IN_FLIGHT = 1000
_UNPACED_ENVELOPES = 2
_PAUSE = 0.05
_TICK = 0.001
_NO_HICCUP = 60
_NO_ACCIDENT = 3
_PROMPT = timedelta(seconds=1)
_RUN_OUT = "the database takes longer to answer than permits live"
_BLOCKS = 5
