"""Writing intents and outcomes down together: one transaction for all that came up since the last one, in all lanes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from orchestrator.domain.claim import BatchChange, TargetChange
from orchestrator.domain.clock import Clock
from orchestrator.domain.errors import TryLater
from orchestrator.domain.ids import BatchKey, JobNumber, LaneKey
from orchestrator.domain.lane import LaneCalls
from orchestrator.domain.retry import Halt
from orchestrator.domain.target import TargetStatus
from orchestrator.engine.active_job import ActiveJob, ActiveJobs
from orchestrator.engine.leased_batch import LeasedBatch
from orchestrator.engine.outage_watch import News
from orchestrator.telemetry.logger import get_logger

log = get_logger(__name__)

GATHER = 0.05
"""Seconds in which outcomes gather for one write; what a crash can cost in answers that arrived."""

GATHER_INTENTS = 0.005
"""Seconds in which intents of several lanes gather; their calls wait for it."""

_MOST_AT_ONCE = 2_000
"""Outcomes in one write beside those that go with intents: the next intents wait for it, and their permits run out."""

_TRIES = 5
_LONGEST_PAUSE = 2.0


@dataclass(frozen=True, slots=True)
class Entry:
    """The content of one transaction.

    `served` are the calls that jobs are given now, `calls` what was answered in each lane. A `careful` write leaves out
    the rows that cannot be written. `news` of Graph are those that this process knows with these outcomes: what they
    give back to a target must not be overwritten by the target's outcome. `unjudged` targets have ended before.
    """

    batches: tuple[BatchChange, ...]
    targets: tuple[TargetChange, ...]
    answered: frozenset[JobNumber] = frozenset()
    halts: dict[JobNumber, Halt] = field(default_factory=dict)
    served: dict[JobNumber, int] = field(default_factory=dict)
    calls: dict[LaneKey, LaneCalls] = field(default_factory=dict)
    careful: bool = False
    news: dict[JobNumber, News] = field(default_factory=dict)
    unjudged: dict[JobNumber, int] = field(default_factory=dict)


Kept = AbstractSet[BatchKey]
"""The batches of a written entry that are still ours; nothing was written of the others."""


@dataclass(frozen=True, slots=True)
class _Intent:
    """Calls that leave as soon as this is written."""

    held: LeasedBatch
    calls: int
    written: asyncio.Future[bool]


class Recorder:
    """Keeps intents and outcomes until they are written; a failed write is repeated.

    `settle` is called with each written entry, before its intents are answered; it raises nothing.
    """

    def __init__(
        self,
        write: Callable[[Entry], Awaitable[Kept]],
        clock: Clock,
        jobs: ActiveJobs,
        settle: Callable[[Entry, Kept], Awaitable[None]],
    ) -> None:
        self._write, self._settle = write, settle
        self._clock, self._jobs = clock, jobs
        self._landed: _Landed = {}
        self._intents: list[_Intent] = []
        self._answered: dict[JobNumber, ActiveJob] = {}
        self._halts: dict[JobNumber, Halt] = {}
        self._calls: dict[LaneKey, LaneCalls] = {}
        self._something = asyncio.Event()
        self._urgent = asyncio.Event()
        self._closed = self._nudged = False
        # Writes of one batch each that are still to come, after a write of several failed by a fault.
        self._alone = 0
        self._writing = asyncio.Lock()
        self._writing_since: float | None = None

    async def intend(self, held: LeasedBatch, calls: int) -> bool:
        """Write down that calls of this batch are about to leave; False where they must not.

        It was not written, or another process holds the batch now.
        """
        written: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._intents.append(_Intent(held, calls, written))
        self.add(held)
        self._something.set()
        self._urgent.set()
        return await written

    def add(self, held: LeasedBatch, changes: Iterable[TargetChange] = ()) -> None:
        """Records that the batch, and these targets of it, have changed; a lost batch is not written."""
        if held.is_lost:
            return
        self._landed.setdefault(id(held), (held, []))[1].extend(changes)
        self._something.set()

    def replace_changes(self, held: LeasedBatch, changes: Sequence[TargetChange]) -> None:
        """Adds changes in place of unwritten ones of the same targets.

        One write must not hold two changes of one target: the database would take either.
        """
        noted = self._landed.get(id(held))
        if noted is not None and noted[1]:
            lines = {change.line for change in changes}
            noted[1][:] = [change for change in noted[1] if change.line not in lines]
        self.add(held, changes)

    def add_calls(self, lane: LaneKey, calls: LaneCalls) -> None:
        """So many calls were answered in this lane."""
        self._calls[lane] = self._calls.get(lane, LaneCalls()) + calls

    def mark_answered(self, job: ActiveJob) -> None:
        """Writes that Graph answered a call of this job, unless the database knows; sets `is_answered` once written."""
        if not job.is_answered:
            self._answered[job.number] = job
            # No more of the job can be claimed before it is written.
            self._urgent.set()

    def add_halt(self, job: JobNumber, halt: Halt) -> None:
        """Writes soon that no call of this job can work, even where its batch was lost and nothing of it is written."""
        self._halts.setdefault(job, halt)
        self.nudge()

    def nudge(self) -> None:
        """Write soon, even if nothing lands: there is news that goes with a write."""
        self._nudged = True
        self._something.set()

    async def run(self) -> None:
        """Write until `close`; to be run as one task, which is not cancelled while it writes."""
        while not self._closed:
            await self._something.wait()
            if not self._closed:
                await self._gather()
            await self.flush()
        await self.flush()

    def quiet(self) -> asyncio.Lock:
        """The lock for other changes of held batches in the database: nothing is written while it is held."""
        return self._writing

    def close(self) -> None:
        """Let `run` end after a last write."""
        self._closed = True
        self._something.set()
        self._urgent.set()

    async def flush(self) -> None:
        """Write everything that has landed; returns once it is written, however often that takes."""
        while self._has_news:
            # Let go between two writes: where many lanes write there is always something more.
            async with self._writing:
                if self._has_news:
                    await self._write_down()

    async def flush_in_quiet(self, batches: AbstractSet[BatchKey]) -> None:
        """Write until the database knows every outcome in these batches; the caller holds `quiet`."""
        while any(changes and held.claim.key in batches for held, changes in self._landed.values()):
            await self._write_down()

    @property
    def _has_news(self) -> bool:
        return bool(self._landed or self._intents or self._nudged)

    @property
    def writing_for(self) -> float:
        """Seconds that the write under way has taken so far; 0 where nothing is being written."""
        return 0.0 if self._writing_since is None else self._clock.monotonic() - self._writing_since

    async def _write_down(self) -> None:
        """Write what has landed by now, and what lands until it can be written."""
        self._writing_since = self._clock.monotonic()
        try:
            await self._write_until_written()
        finally:
            self._writing_since = None

    async def _write_until_written(self) -> None:
        pause, broken = 0.2, 0
        while True:
            entry, landed, intents, answered = self._collect()
            try:
                kept = await self._write(entry)
                await self._settle(entry, kept)
            except TryLater as problem:
                self._put_back(entry, landed, answered)
                log.warning("recorder.waiting", reason=str(problem), targets=len(entry.targets))
            except Exception:
                # A recorder that ended here would leave every later answer unwritten without a word.
                log.exception("recorder.broke", batches=len(entry.batches), targets=len(entry.targets))
                # Perhaps nothing of it is ever written, and then it would never be judged.
                self._jobs.mark_judged(entry.unjudged)
                # One of several cannot be written, and it is not known which: each is tried by itself.
                broken = 0 if len(landed) > 1 else broken + 1
                if broken >= _TRIES:
                    self._give_up(entry, landed)
                    return
                self._alone = len(landed) if len(landed) > 1 else self._alone + (not entry.careful)
                self._put_back(entry, landed, answered)
            except BaseException:
                # Cancelled in the middle: perhaps it is written, and written again it says the same.
                self._put_back(entry, landed, answered)
                raise
            else:
                for job in answered.values():
                    job.is_answered = True
                _answer(intents, kept)
                return
            finally:
                # Also where this task is cancelled: no caller waits for an intent that will not be written.
                _answer(intents, frozenset())
            await self._clock.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _gather(self) -> None:
        if not self._urgent.is_set():
            urgent = asyncio.create_task(self._urgent.wait())
            enough = asyncio.create_task(self._clock.sleep(GATHER))
            try:
                await asyncio.wait({urgent, enough}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (urgent, enough):
                    task.cancel()
                    with suppress(asyncio.CancelledError):
                        await task
        if self._urgent.is_set() and not self._closed:
            await self._clock.sleep(GATHER_INTENTS)

    def _collect(self) -> _Collected:
        self._something.clear()
        self._urgent.clear()
        self._nudged = False
        intents, self._intents = self._intents, []
        landed, self._landed = self._split({id(intent.held) for intent in intents})
        is_careful = self._alone > 0
        if is_careful and len(landed) > 1:
            intents = self._leave_all_but_one(landed, intents)
        self._alone = max(0, self._alone - 1)
        answered, self._answered = self._answered, {}
        halts, self._halts = self._halts, {}
        calls, self._calls = self._calls, {}
        served: dict[JobNumber, int] = {}
        for intent in intents:
            job = intent.held.claim.key.job
            served[job] = served.get(job, 0) + intent.calls
        entry = Entry(
            batches=tuple(held.snapshot() for held, _ in landed.values()),
            targets=tuple(change for _, changes in landed.values() for change in changes),
            answered=frozenset(answered),
            halts=halts,
            served=served,
            calls=calls,
            careful=is_careful,
            news=self._jobs.pop_news(),
            unjudged=self._jobs.unjudged(),
        )
        return _Collected(entry, landed, intents, answered)

    def _leave_all_but_one(self, landed: _Landed, intents: list[_Intent]) -> list[_Intent]:
        """Take all batches but the first, and the intents of them, out of what is written now; they follow at once."""
        _, *others = landed
        self._landed = {key: landed.pop(key) for key in others} | self._landed
        self._intents = [intent for intent in intents if id(intent.held) in self._landed]
        return [intent for intent in intents if id(intent.held) not in self._landed]

    def _split(self, urgent: AbstractSet[int]) -> tuple[_Landed, _Landed]:
        """Splits what landed: for this write, and acceptances beyond _MOST_AT_ONCE for the next, which follows at once.

        Only of jobs whose calls were all accepted: the circuit breaker must see the outcomes of any other job together.
        """
        # A batch that was lost since is left out: this process may hold it again, under another fencing token.
        landed = {key: each for key, each in self._landed.items() if not each[0].is_lost}
        room = _MOST_AT_ONCE
        if sum(len(changes) for _, changes in landed.values()) <= room:
            return landed, {}
        news = {held.claim.key.job for held, changes in landed.values() if not _is_all_accepted(changes)}
        later: _Landed = {}
        for key, (held, changes) in landed.items():
            if changes and key not in urgent and held.claim.key.job not in news:
                room -= len(changes)
                if room < 0:
                    later[key] = held, changes
        return {key: each for key, each in landed.items() if key not in later}, later

    def _give_up(self, entry: Entry, landed: _Landed) -> None:
        # The lease runs out, and recovery counts the calls as calls without an answer.
        for held, _ in landed.values():
            held.lose()
        self._jobs.restore_news(entry.news)

    def _put_back(self, entry: Entry, landed: _Landed, answered: dict[JobNumber, ActiveJob]) -> None:
        # Snapshots are taken anew: what lands while we wait belongs to the next write of the same batch.
        since, self._landed = self._landed, landed
        for held, changes in since.values():
            self.replace_changes(held, changes)
        # Written like any other now, it would fail by the same fault again, and be given up in the end.
        self._alone += entry.careful
        self._jobs.restore_news(entry.news)
        self._answered = answered | self._answered
        self._halts = {**entry.halts, **self._halts}
        for lane, calls in entry.calls.items():
            self.add_calls(lane, calls)
        self._something.set()


def _answer(intents: Iterable[_Intent], kept: Kept) -> None:
    for intent in intents:
        if not intent.written.done():
            intent.written.set_result(not intent.held.is_lost and intent.held.claim.key in kept)


def _is_all_accepted(changes: Iterable[TargetChange]) -> bool:
    return all(change.status is TargetStatus.ACCEPTED for change in changes)


class _Collected(NamedTuple):
    """An entry, and the parts that get its result."""

    entry: Entry
    landed: _Landed
    intents: list[_Intent]
    answered: dict[JobNumber, ActiveJob]


_Landed = dict[int, tuple[LeasedBatch, list[TargetChange]]]
"""Changed batches, each with the changes of its targets; by identity, because a batch may be held twice."""
