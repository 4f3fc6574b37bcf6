"""The throttle: one row a lane in the database, shared by every process on it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from orchestrator.domain.clock import Clock
from orchestrator.domain.ids import LaneKey
from orchestrator.domain.lane import WriteLimit
from orchestrator.store.engine.database import Store
from orchestrator.throttle import gcra as pacing
from orchestrator.throttle.gcra import Pace, Permit, Permits, Refusal, unknown_past

if TYPE_CHECKING:
    from orchestrator.store.work.lanes import PaceRead

_MOST_AT_ONCE = 100
"""Questions that one round answers: some milliseconds, in which the others wait."""

_AFTER_A_LOST_RACE = 0.01
"""Seconds until a question whose row was changed meanwhile is asked again: the other commit has ended by then."""

_OPEN = 0.25
"""Seconds for which a lane without a limit that was never refused is not read again: closed lanes are read as often."""


@dataclass(eq=False, slots=True)
class _Question:
    """The arguments of one `take`, and its answer once there is one."""

    lane: LaneKey
    want: int
    limit: WriteLimit | None
    together: int
    lead: float
    answer: Permits | Exception | None = None


class RowThrottle:
    """`throttle/gcra.py` over rows that outlive the processes that use them, by compare and swap.

    A round reads the rows of all lanes that ask, computes the grants, and writes each row that did not change
    meanwhile. No process waits for a lock, and a process that stalls between the two holds up no other. Questions
    during a round are answered by the next one, so no question is older than two rounds.
    """

    def __init__(self, store: Store, clock: Clock, chance: Random) -> None:
        self._store = store
        self._clock = clock
        self._chance = chance
        self._waiting: list[_Question] = []
        self._round = asyncio.Lock()
        # On the database's clock: a row that knows of no departure as late has lost others as well.
        self._granted_until: dict[LaneKey, float] = {}
        # Lanes without a limit, on our monotonic clock.
        self._open_until: dict[LaneKey, float] = {}

    async def acquire(
        self, lane: LaneKey, want: int, limit: WriteLimit | None, together: int = 1, lead: float = pacing.LEAD
    ) -> Permits:
        """Up to `want` permits; recorded as they are granted, and worthless after their life. StoreUnavailable."""
        if limit is None and (now := self._clock.monotonic()) < self._open_until.get(lane, 0.0):
            return Permits((Permit(now, now + pacing.PERMIT_LIFE),) * want, now)
        question = _Question(lane, want, limit, together, lead)
        self._waiting.append(question)
        try:
            async with self._round:
                while question.answer is None:
                    await self._answer_waiting()
        finally:
            if question in self._waiting:
                self._waiting.remove(question)
        if isinstance(question.answer, Exception):
            raise question.answer
        return question.answer

    async def _answer_waiting(self) -> None:
        asked, self._waiting = self._waiting[:_MOST_AT_ONCE], self._waiting[_MOST_AT_ONCE:]
        try:
            answers = await self._grant(asked)
        except Exception as problem:  # noqa: BLE001 - raised by every `take` that waits
            # A caller that waits for this round would wait as long for the next: seconds each where nothing answers.
            asked, self._waiting = [*asked, *self._waiting], []
            for question in asked:
                question.answer = problem
        except BaseException:
            self._waiting[:0] = asked
            raise
        else:
            for question, answer in zip(asked, answers, strict=True):
                question.answer = answer

    async def _grant(self, asked: Sequence[_Question]) -> list[Permits]:
        lanes: dict[LaneKey, list[_Question]] = defaultdict(list)
        for question in asked:
            lanes[question.lane].append(question)
        granted: dict[_Question, Permits] = {}
        changes: dict[LaneKey, tuple[Pace, str | None]] = {}
        async with self._store.autocommit() as tx:
            asked_at = self._clock.monotonic()
            read = await tx.lanes.read(lanes, tx.now)
            # How long the write takes says nothing about when the clock was read.
            answered_at = self._clock.monotonic()
            for lane, questions in lanes.items():
                pace = self._pace_before(lane, read[lane], questions[0].limit)
                for each in questions:
                    pace, grant = pacing.grant(
                        pace, read[lane].now, each.want, each.limit, each.together, lead=each.lead
                    )
                    granted[each] = pacing.localise(
                        grant, granted_at=read[lane].now, asked_at=asked_at, answered_at=answered_at
                    )
                if each.limit is None and grant.departures and not pace.refusals:
                    self._open_until[lane] = asked_at + _OPEN
                if pace != read[lane].pace or read[lane].version is None:
                    changes[lane] = pace, read[lane].version
            written = await tx.lanes.save_unchanged(changes) if changes else frozenset[LaneKey]()
        # Told after the commit: what was not written was not granted.
        lost = Permits((), answered_at + _AFTER_A_LOST_RACE)
        for each in asked:
            if each.lane not in changes:
                continue
            if each.lane not in written:
                granted[each] = lost
            elif granted[each].each:
                self._granted_until[each.lane] = changes[each.lane][0].last_departure
        return [granted[each] for each in asked]

    def _pace_before(self, lane: LaneKey, read: PaceRead, limit: WriteLimit | None) -> Pace:
        if pacing.contradicts(read.pace, self._granted_until.get(lane, 0.0), read.now):
            return pacing.lost_past(read.now, limit)
        return read.pace

    async def close(self, lane: LaneKey, refusal: Refusal, limit: WriteLimit | None) -> None:
        """Closes the lane for as long as the refusal says, and lowers its share afterwards."""
        self._open_until.pop(lane, None)
        async with self._store.transaction() as tx:
            before = await tx.lanes.lock(lane)
            now = (await tx.now()).timestamp()
            pace = pacing.close(before or unknown_past(now), now, refusal, limit, self._chance.random())
            await tx.lanes.save_pace(lane, pace)
