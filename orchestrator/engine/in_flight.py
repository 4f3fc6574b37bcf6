"""Calls of one lane from their departure to what they make of their targets."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime

from orchestrator.domain.call import Call, EnvelopesRefused
from orchestrator.domain.ids import client_request_id
from orchestrator.domain.lane import LaneCalls
from orchestrator.domain.outcome import Accepted, Deferred, GraphError, Outcome, Uncertain
from orchestrator.domain.retry import Again, Halt, NextStep, Settle, next_step
from orchestrator.domain.target import Target, TargetStatus
from orchestrator.engine.cooldown import Cooldown, is_answer
from orchestrator.engine.first_verdict import count_settled, end_first_answers
from orchestrator.engine.leased_batch import LeasedBatch
from orchestrator.engine.ports import Lane, Ports
from orchestrator.engine.stop import StopSignal
from orchestrator.telemetry.logger import get_logger
from orchestrator.telemetry.traces import spanned
from orchestrator.throttle.gcra import Permit, Refusal
from orchestrator.throttle.travel_time import Travel

log = get_logger(__name__)

Group = list[tuple[Target, Permit]]
"""The targets of one request."""


class InFlightCalls:
    """Makes the calls of one lane, and takes in what comes of them."""

    def __init__(self, lane: Lane, ports: Ports, stop: StopSignal, cooldown: Cooldown) -> None:
        self._lane, self._ports, self._stop, self._cooldown = lane, ports, stop, cooldown
        self._slots = asyncio.Semaphore(lane.at_once)
        self.at_once = lane.at_once
        self._travel = Travel()
        self._without_token: list[datetime] = []
        self.takes_envelopes = True
        self.round_trip = 0.0

    @property
    def token_awaited_since(self) -> datetime | None:
        """Since when the first call waits that needs a token; None where every call has one."""
        return self._without_token[0] if self._without_token else None

    async def make(self, held: LeasedBatch, group: Group) -> None:
        """Makes the calls of a group at their departure, and takes in their outcomes.

        No error leaves a target on its way. Targets whose calls may not leave wait as if they had never been taken.
        """
        ports = self._ports
        try:
            await self._until(group[-1][1].earliest)
            await self._slots.acquire()
        except asyncio.CancelledError:
            self._withdraw(held, [target for target, _ in group])
            raise
        try:
            # Waiting for a token comes before the last look at whether the calls may leave.
            unready = await self._unready(held, group)
            left_at, sent_at = ports.clock.monotonic(), ports.utc()
            # Without a token no call leaves, and the recorder learns that even where the permits have run out since.
            # Calls prepared before a job began to fail wait for its breaker like calls drawn after that.
            alive = [pair for pair in group if unready is not None or left_at <= pair[1].latest]
            leaving = alive[: self._room(held, len(alive))]
            if len(leaving) < len(group):
                self._withdraw(held, [pair[0] for pair in group if pair not in leaving])
            if not leaving:
                return
            targets = [target for target, _ in leaving]
            if unready is not None:
                await self._apply(held, targets, [unready] * len(targets), sent_at, left_at)
                return
            outcomes = await self._call(held, targets, min(permit.latest for _, permit in leaving))
            if outcomes is None:
                self._withdraw(held, targets)
                return
            self._measure(outcomes, ports.clock.monotonic() - left_at)
            accepted = [outcome for outcome in outcomes if isinstance(outcome, Accepted)]
            if len(accepted) == len(outcomes):
                self._accept(held, targets, accepted, sent_at, left_at)
            else:
                await self._apply(held, targets, outcomes, sent_at, left_at)
        finally:
            self._slots.release()

    def _widen(self, calls: int) -> None:
        """Lets one more request be on its way where nothing paces single calls and their answers take long.

        One with each answer, by the quickest answer of late: of any other a part is the time of this process, and a
        busy process would widen without end. Never fewer again: a lane whose answers become quick has no use for more.
        """
        if self._lane.limit is None and calls == 1 and self.at_once < requests_at_once(self._travel.quickest):
            self.at_once += 1
            self._slots.release()

    async def _until(self, instant: float) -> None:
        """Until that time and no sooner: a timer may ring early, by as much as its clock ticks (16 ms on Windows)."""
        while self._ports.clock.monotonic() < instant:
            await sleep_until(self._ports, instant)

    async def _unready(self, held: LeasedBatch, group: Group) -> Outcome | None:
        """Returns the outcome of calls that cannot even leave; None where they can."""
        self._without_token.append(since := self._ports.utc())
        try:
            return await self._lane.caller.ready()
        except asyncio.CancelledError:
            self._withdraw(held, [target for target, _ in group])
            raise
        except Exception as problem:
            log.exception("call.broke", job=held.claim.job, lines=[target.line for target, _ in group])
            return Deferred(GraphError("CallBroke", f"an error in Muster ({type(problem).__name__}, see the log)"))
        finally:
            self._without_token.remove(since)

    def _withdraw(self, held: LeasedBatch, targets: Iterable[Target]) -> None:
        held.give_back(targets)
        if not self._ports.may_call(held) or self._stop.is_requested:
            held.release_prefetched()
        self._ports.recorder.add(held)

    def _room(self, held: LeasedBatch, most: int) -> int:
        """How many of so many calls of the batch may leave now."""
        return held.job.run_ahead.room(held.job.sent, most) if self._may_leave(held) else 0

    def _may_leave(self, held: LeasedBatch) -> bool:
        return not self._stop.is_requested and self._cooldown.is_open and self._ports.may_call(held)

    async def _call(self, held: LeasedBatch, targets: Sequence[Target], latest: float) -> list[Outcome] | None:
        """The outcomes of calls to these targets, an error of ours among them; None where nothing was done.

        Nothing is sent after `latest`, on the monotonic clock.
        """
        job, action, via = held.claim.job, held.claim.action, held.claim.via
        calls = [
            Call(action, via, each.device, client_request_id(job, each.line, each.attempts + 1)) for each in targets
        ]
        held.job.sent += len(calls)
        try:
            with spanned(
                "graph.trigger", action=action.value, calls=len(calls), client_request_id=calls[0].client_request_id
            ):
                outcomes = await self._lane.caller.trigger(
                    calls,
                    # Making a connection can take ten seconds. A person may have paused the job, and later permits may
                    # have been used over connections that were there: more calls than the limit would arrive in one
                    # window.
                    may_leave=lambda: self._ports.clock.monotonic() <= latest and self._may_leave(held),
                )
        except asyncio.CancelledError:
            # The process ends before the answer came: the call is recorded as sent.
            lost = Uncertain(GraphError("Interrupted", "sent, and the answer was not waited for"))
        except Exception as problem:
            log.exception("call.broke", job=job, lines=[target.line for target in targets])
            lost = _broken(problem)
        else:
            if isinstance(outcomes, EnvelopesRefused):
                log.warning("lane.envelopes_refused", lane=self._lane.key, code=outcomes.error.code)
                self.takes_envelopes = False
                return None
            if outcomes is None or len(outcomes) == len(targets):
                return outcomes
            log.error("call.miscounted", job=job, outcomes=len(outcomes), targets=len(targets))
            lost = _broken(IndexError(f"{len(outcomes)} outcomes for {len(targets)} calls"))
        finally:
            held.job.sent -= len(calls)
        return [lost] * len(targets)

    def _measure(self, outcomes: Sequence[Outcome], took: float) -> None:
        """Counts a request and how long its answer took, and lets more be on their way where answers take long."""
        calls, throttled = len(outcomes), sum(_is_throttled(outcome) for outcome in outcomes)
        self._ports.metrics.graph.labels("envelope" if calls > 1 else type(outcomes[0]).__name__.lower()).observe(took)
        self.round_trip = took if not self.round_trip else self.round_trip + (took - self.round_trip) / 8
        late = calls if self._travel.is_late(took, self._ports.clock.monotonic()) else 0
        self._ports.recorder.add_calls(self._lane.key, LaneCalls(calls, throttled, late))
        self._widen(calls)

    async def _apply(
        self,
        held: LeasedBatch,
        targets: Sequence[Target],
        outcomes: Sequence[Outcome],
        sent_at: datetime,
        left_at: float,
    ) -> None:
        now = self._ports.clock.monotonic()
        refusals: list[Refusal] = []
        for target, given in zip(targets, outcomes, strict=True):
            try:
                outcome, refusal = self._cooldown.apply(given, now - left_at)
                step = self._step(held, target, outcome, sent_at=sent_at, left_at=left_at, now=now)
            except Exception as problem:
                log.exception("outcome.broke", job=held.claim.job, line=target.line)
                refusal, step = None, Settle(TargetStatus.UNCERTAIN, _broken(problem).error)
            if refusal is not None:
                refusals.append(refusal)
            self._ports.recorder.add(held, [held.apply(target, step, sent_at=sent_at)])
        end_first_answers(held, self._ports)
        if refusals:
            # Of one envelope the longest wait counts for all: https://learn.microsoft.com/graph/throttling
            await self._cooldown.share(max(refusals, key=lambda refusal: refusal.wait or 0.0))

    def _accept(
        self,
        held: LeasedBatch,
        targets: Sequence[Target],
        outcomes: Sequence[Accepted],
        sent_at: datetime,
        left_at: float,
    ) -> None:
        """Does the work of `_apply` at once for a request of which all was accepted: nearly every request."""
        ports, job = self._ports, held.job
        self._cooldown.mark_answered()
        job.outage.add_answer(left_at=left_at, is_probe=held.claim.is_probe)
        if not held.is_lost:
            job.run_ahead.add_good(len(targets))
        ports.recorder.mark_answered(job)
        ids = [outcome.request_id for outcome in outcomes]
        ports.recorder.add(held, held.accept(targets, ids, sent_at=sent_at))
        if held.first_answers is not None:
            held.first_answers.add(Accepted())
            end_first_answers(held, ports)

    def _step(
        self, held: LeasedBatch, target: Target, outcome: Outcome, *, sent_at: datetime, left_at: float, now: float
    ) -> NextStep:
        step = next_step(
            self._ports.policy,
            outcome,
            used=target.attempts - target.uncharged + 1,
            repeatable=held.claim.action.is_repeatable,
            # Drawn only where the target will wait: most calls are accepted.
            jitter=0.0 if isinstance(outcome, Accepted) else self._ports.chance.random(),
            doubtful=target.doubtful,
            accepted_before=held.accepted_before,
            is_outage=held.job.outage.add(target, outcome, left_at=left_at, now=now, is_probe=held.claim.is_probe),
            asked=target.attempts + 1,
            age=self._age(target),
        )
        first = held.first_answers
        if first is not None:
            first.add(outcome)
            if isinstance(step, Settle) and step.error is not None and first.keeps_back(outcome):
                # Recorded as waiting until the verdict: after a crash it is called again, which a refusal allows.
                first.hold_back(target, step, sent_at)
                return Again(0.0, step.error, charged=False)
        if isinstance(step, Settle) and not held.is_lost:
            count_settled(held, step)
        if isinstance(step, Halt):
            held.job.is_halted = True
            self._ports.recorder.add_halt(held.job.number, step)
        elif is_answer(outcome):
            self._ports.recorder.mark_answered(held.job)
        return step

    def _age(self, target: Target) -> float:
        first = target.first_attempt_at
        return 0.0 if first is None else (self._ports.utc() - first).total_seconds()


def requests_at_once(quickest: float) -> int:
    """How many requests of a lane without a limit may be on their way, where the quickest answer takes so many seconds.

    As many as keep a process busy (Little's law), within bounds; pure.
    """
    return int(min(_MOST_AT_ONCE, max(0.0, _CALLS_PER_SECOND * quickest)))


async def sleep_until(ports: Ports, instant: float) -> None:
    """Until that time of the monotonic clock, or a little less: the waiting task looks again."""
    wait = instant - ports.clock.monotonic()
    if wait > 0:
        await ports.clock.sleep(min(max(wait, _TICK), _LONGEST_NAP))


def _is_throttled(outcome: Outcome) -> bool:
    return isinstance(outcome, Deferred) and outcome.closes_lane


def _broken(problem: Exception) -> Uncertain:
    # Asking again would break again: a person has to look, at the log first.
    said = f"an error in Muster; the device may have been called ({type(problem).__name__}, see the log)"
    return Uncertain(GraphError("CallBroke", said), is_answer=True)


_MOST_AT_ONCE = 256
"""Requests on their way at most: what an end that finds calls hanging leaves uncertain, and half of the connections."""

_CALLS_PER_SECOND = 2_500
"""More single calls than a process makes in a second."""

_LONGEST_NAP = 1.0
_TICK = 0.001
