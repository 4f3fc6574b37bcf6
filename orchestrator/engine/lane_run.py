"""One lane as one process drives it: permits, then a claim for them, then the calls at their departures."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Protocol

import structlog

from orchestrator.domain.batch import Claim
from orchestrator.domain.call import Call, EnvelopesRefused
from orchestrator.domain.clock import Clock
from orchestrator.domain.errors import TryLater
from orchestrator.domain.ids import JobNumber, LaneKey, client_request_id
from orchestrator.domain.lane import WriteLimit
from orchestrator.domain.outcome import Bar, Barred, Deferred, GraphError, Outcome, Uncertain
from orchestrator.domain.pacing import Keeper, Permit, Permits, Refusal
from orchestrator.domain.retry import Halt, NextStep, RetryPolicy, Settle
from orchestrator.domain.target import Target, TargetStatus
from orchestrator.engine.held_batch import HeldBatch
from orchestrator.engine.outages import Outages
from orchestrator.engine.recorder import Recorder
from orchestrator.engine.stop import StopSignal
from orchestrator.engine.throttle import Throttle

log = structlog.get_logger()

ENVELOPE = 20
"""Calls in one `$batch` at most. https://learn.microsoft.com/graph/json-batching"""

HOPELESS = 5
"""Closures in a row, with nothing ever answered, after which a job stops: what it should call is not there."""


class Caller(Protocol):
    """Whatever makes calls in the name of one tenant."""

    async def trigger(self, call: Call) -> Outcome:
        """One call."""
        ...

    async def trigger_together(self, calls: Sequence[Call]) -> list[Outcome] | EnvelopesRefused:
        """Several calls in one envelope, their outcomes in the same order."""
        ...


class Fence(Protocol):
    """What may still forbid a call that was claimed."""

    def allows(self, held: HeldBatch) -> bool:
        """Whether the batch is still ours and its job still runs."""
        ...

    def forbid(self, jobs: Iterable[JobNumber]) -> None:
        """No call of these jobs leaves any more."""
        ...


@dataclass(frozen=True, slots=True)
class Lane:
    """One lane, who calls in it, and how."""

    key: LaneKey
    limit: WriteLimit | None
    caller: Caller
    envelopes: bool
    at_once: int


@dataclass(frozen=True, slots=True)
class Ports:
    """What a lane run needs of the world."""

    claim: Callable[[LaneKey, int, Keeper | None], Awaitable[tuple[HeldBatch, Claim] | None]]
    throttle: Throttle
    recorder: Recorder
    fence: Fence
    policy: RetryPolicy
    clock: Clock
    chance: Random
    utc: Callable[[], datetime]
    outages: Outages = field(default_factory=Outages)


class LaneRun:
    """Drives one lane until nothing in it is due; may be run again while slow answers are still on their way."""

    def __init__(self, lane: Lane, ports: Ports, stop: StopSignal) -> None:
        self._lane = lane
        self._ports = ports
        self._stop = stop
        self._calls: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(lane.at_once)
        self._closed_until = 0.0
        self._closures = 0
        self._answered = False
        self._envelopes = lane.envelopes

    @property
    def in_flight(self) -> int:
        """Calls that wait for their departure or their answer."""
        return len(self._calls)

    async def run(self) -> None:
        """Claim and call until nothing is due, or until told to stop."""
        while not self._stop.is_requested:
            await self._room()
            if self._ports.clock.monotonic() < self._closed_until:
                await self._until(self._closed_until)
                continue
            try:
                permits = await self._ports.throttle.take(self._lane.key, self._want(), self._lane.limit)
                self._closed_until = max(self._closed_until, permits.closed_until)
                if permits.each and not await self._use(permits):
                    return
            except TryLater as problem:
                log.warning("lane.waiting", lane=self._lane.key, reason=str(problem))
                await self._ports.clock.sleep(1.0)
                continue
            if self._lane.limit is not None or not permits.each:
                await self._until(permits.ask_again_at)

    async def drain(self, patience: float) -> None:
        """Wait for the answers that are on their way; those that take longer count as never heard."""
        if self._calls:
            await asyncio.wait(self._calls, timeout=patience)
        for call in tuple(self._calls):
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    async def _use(self, permits: Permits) -> bool:
        """Claim targets for these permits and start their calls; False if nothing was due."""
        left = deque(permits.each)
        if self._lane.limit is None:
            # Nothing paces here: the permit only said that the lane is open.
            left = deque(Permit(permit.earliest, math.inf) for permit in permits.each)
        while left:
            taken = await self._ports.claim(self._lane.key, len(left), permits.keeper)
            if taken is None:
                break
            held, claim = taken
            pairs = [(target, left.popleft()) for target in claim.targets]
            for group in self._groups(pairs):
                call = asyncio.create_task(self._call(held, group))
                self._calls.add(call)
                call.add_done_callback(self._calls.discard)
        return len(left) < len(permits.each)

    def _groups(self, pairs: list[tuple[Target, Permit]]) -> list[list[tuple[Target, Permit]]]:
        """What travels together: first attempts whose permits hold at one moment; a repeat always goes by itself."""
        if not self._envelopes:
            return [[pair] for pair in pairs]
        groups: list[list[tuple[Target, Permit]]] = []
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

    async def _call(self, held: HeldBatch, group: list[tuple[Target, Permit]]) -> None:
        """From its departure to what it makes of its targets: whatever breaks, none of them stays on its way."""
        try:
            await self._until(group[-1][1].earliest)
            await self._slots.acquire()
        except asyncio.CancelledError:
            self._withdraw(held, [target for target, _ in group])
            raise
        try:
            targets = self._leaving(held, group)
            if not targets:
                return
            sent_at = self._ports.utc()
            outcomes = await self._heard(held.claim, targets)
            if outcomes is None:
                self._withdraw(held, targets)
                return
            for target, outcome in zip(targets, outcomes, strict=True):
                await self._take_in(held, target, outcome, sent_at)
        finally:
            self._slots.release()

    def _withdraw(self, held: HeldBatch, targets: Iterable[Target]) -> None:
        for target in targets:
            held.withdraw(target)
        self._ports.recorder.note(held)

    def _leaving(self, held: HeldBatch, group: list[tuple[Target, Permit]]) -> list[Target]:
        """Those that may still leave now; the others wait as if they had never been claimed."""
        now = self._ports.clock.monotonic()
        open_now = not self._stop.is_requested and now >= self._closed_until and self._allows(held)
        leaving = [target for target, permit in group if open_now and now <= permit.latest]
        if len(leaving) < len(group):
            lines = {target.line for target in leaving}
            self._withdraw(held, [target for target, _ in group if target.line not in lines])
        return leaving

    def _allows(self, held: HeldBatch) -> bool:
        is_out = self._ports.outages.is_out(held.claim.key.job) and not held.claim.is_probe
        return not is_out and self._ports.fence.allows(held)

    async def _heard(self, claim: Claim, targets: Sequence[Target]) -> list[Outcome] | None:
        """The outcomes of calls to these targets, an error of ours among them; None where nothing was done."""
        try:
            outcomes = await self._send([self._named(claim, target) for target in targets])
        except asyncio.CancelledError:
            # We end before the answer came. What we know is recorded: that it was sent.
            lost = Uncertain(GraphError("Interrupted", "sent, and the answer was not waited for"))
        except Exception as problem:
            log.exception("call.broke", job=claim.job, lines=[target.line for target in targets])
            lost = _broken(problem)
        else:
            if outcomes is None or len(outcomes) == len(targets):
                return outcomes
            log.error("call.miscounted", job=claim.job, outcomes=len(outcomes), targets=len(targets))
            lost = _broken(IndexError(f"{len(outcomes)} outcomes for {len(targets)} calls"))
        return [lost] * len(targets)

    async def _send(self, calls: list[Call]) -> list[Outcome] | None:
        """The outcomes; None where envelopes are refused and nothing was done."""
        if len(calls) == 1:
            return [await self._lane.caller.trigger(calls[0])]
        outcomes = await self._lane.caller.trigger_together(calls)
        if isinstance(outcomes, EnvelopesRefused):
            log.warning("lane.envelopes_refused", lane=self._lane.key, code=outcomes.error.code)
            self._envelopes = False
            return None
        return outcomes

    def _named(self, claim: Claim, target: Target) -> Call:
        request = client_request_id(claim.job, target.line, target.attempts + 1)
        return Call(claim.action, claim.via, target.device, request)

    async def _take_in(self, held: HeldBatch, target: Target, outcome: Outcome, sent_at: datetime) -> None:
        closure = None
        try:
            outcome, closure = self._note_lane(outcome, sent_at)
            step = self._step(held, target, outcome)
        except Exception as problem:
            log.exception("outcome.broke", job=held.claim.job, line=target.line)
            step = Settle(TargetStatus.UNCERTAIN, _broken(problem).error)
        self._ports.recorder.note(held, held.apply(target, step, sent_at=sent_at))
        if closure is not None:
            await self._share(closure)

    def _step(self, held: HeldBatch, target: Target, outcome: Outcome) -> NextStep:
        job = held.claim.key.job
        step = self._ports.policy.next_step(
            outcome,
            used=target.attempts - target.uncharged + 1,
            repeatable=held.claim.action.is_repeatable,
            jitter=self._ports.chance.random(),
            doubtful=target.doubtful,
            accepted_before=held.accepted_before,
            is_outage=self._ports.outages.note(job, target, outcome, is_probe=held.claim.is_probe),
        )
        if isinstance(step, Halt):
            self._ports.fence.forbid([job])
            self._ports.recorder.note_halt(job, step)
        elif _is_answer(outcome):
            self._answered = True
            self._ports.recorder.note_answered(job)
        return step

    def _note_lane(self, outcome: Outcome, sent_at: datetime) -> tuple[Outcome, Refusal | None]:
        """Close the lane here where the outcome says that no call can work now; what of it concerns everybody."""
        if not isinstance(outcome, Deferred) or not (outcome.closes_lane or outcome.never_left):
            self._closures = 0 if _is_answer(outcome) else self._closures
            return outcome, None
        now = self._ports.clock.monotonic()
        first = now >= self._closed_until
        self._closures += first
        if outcome.never_left:
            # The way from here is broken, perhaps only from here: the others go on.
            self._closed_until = max(self._closed_until, now + min(2.0**self._closures, _LONGEST_OUTAGE_NAP))
            if not self._answered and self._closures >= HOPELESS:
                return Barred(outcome.error, Bar.UNREACHABLE), None
            return outcome, None
        wait = outcome.retry_after.total_seconds() if outcome.retry_after is not None else None
        # Here at once, for all others as soon as it is written.
        self._closed_until = max(self._closed_until, now + (wait if wait is not None else 1.0))
        return outcome, Refusal(wait, max(0.0, (self._ports.utc() - sent_at).total_seconds()))

    async def _share(self, closure: Refusal) -> None:
        try:
            await self._ports.throttle.close(self._lane.key, closure, self._lane.limit)
        except TryLater as problem:
            log.warning("lane.close_unshared", lane=self._lane.key, reason=str(problem))
        except Exception:
            # The others find out by themselves; what else is to be recorded here must not suffer for it.
            log.exception("lane.close_broke", lane=self._lane.key)

    def _want(self) -> int:
        return self._lane.at_once * 4 if self._lane.limit is None else _MOST_PERMITS

    async def _room(self) -> None:
        """Wait while enough is under way to keep the connections busy."""
        most = self._lane.at_once if self._lane.limit is None else _MOST_IN_FLIGHT
        if len(self._calls) <= most:
            return
        stopping = asyncio.create_task(self._stop.wait())
        try:
            while len(self._calls) > most and not self._stop.is_requested:
                await asyncio.wait({stopping, *self._calls}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()

    async def _until(self, moment: float) -> None:
        wait = moment - self._ports.clock.monotonic()
        if wait > 0:
            await self._ports.clock.sleep(min(wait, _LONGEST_NAP))


def _broken(problem: Exception) -> Uncertain:
    # Asking again would break again: a person has to look, at the log first.
    said = f"an error in Muster; the device may have been called ({type(problem).__name__}, see the log)"
    return Uncertain(GraphError("CallBroke", said), is_answer=True)


def _is_answer(outcome: Outcome) -> bool:
    match outcome:
        case Barred() | Deferred(closes_lane=True):
            return False
        case Deferred(error):
            # A refused token says nothing yet about whether the next one will do.
            return error.http_status not in {None, 401}
        case _:
            return getattr(getattr(outcome, "error", None), "http_status", 204) is not None


_MOST_PERMITS = 200
_MOST_IN_FLIGHT = 1000
_LONGEST_NAP = 1.0
_LONGEST_OUTAGE_NAP = 60.0
