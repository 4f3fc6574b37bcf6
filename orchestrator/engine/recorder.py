"""Writing outcomes down together: one transaction for all that landed since the last one, in all lanes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

import structlog

from orchestrator.domain.batch import BatchChange, TargetChange
from orchestrator.domain.clock import Clock
from orchestrator.domain.errors import TryLater
from orchestrator.domain.ids import JobNumber
from orchestrator.domain.retry import Halt
from orchestrator.engine.held_batch import HeldBatch

log = structlog.get_logger()

GATHER = 0.05
"""Seconds in which outcomes gather for one write; what a crash can cost in answers that arrived."""

_TRIES = 5
_LONGEST_PAUSE = 2.0


@dataclass(frozen=True, slots=True)
class Entry:
    """What is written in one transaction."""

    batches: tuple[BatchChange, ...]
    targets: tuple[TargetChange, ...]
    answered: frozenset[JobNumber] = frozenset()
    halts: dict[JobNumber, Halt] = field(default_factory=dict)


class Recorder:
    """Keeps what landed until it is written; what cannot be written now is offered again."""

    def __init__(self, write: Callable[[Entry], Awaitable[None]], clock: Clock) -> None:
        self._write = write
        self._clock = clock
        self._dirty: dict[int, HeldBatch] = {}
        self._targets: list[TargetChange] = []
        self._answered: set[JobNumber] = set()
        self._halts: dict[JobNumber, Halt] = {}
        self._something = asyncio.Event()
        self._closed = False
        self._writing = asyncio.Lock()

    def note(self, held: HeldBatch, change: TargetChange | None = None) -> None:
        """The batch stands otherwise, and so does a target of it; nothing is written of a batch that was lost."""
        if held.is_lost:
            return
        self._dirty[id(held)] = held
        if change is not None:
            self._targets.append(change)
        self._something.set()

    def note_answered(self, job: JobNumber) -> None:
        """Graph answered a call of this job."""
        self._answered.add(job)

    def note_halt(self, job: JobNumber, halt: Halt) -> None:
        """No call of this job can work."""
        self._halts.setdefault(job, halt)

    async def run(self) -> None:
        """Write until `close`; to be run as one task, which nobody cancels while it writes."""
        while not self._closed:
            await self._something.wait()
            if not self._closed:
                await self._clock.sleep(GATHER)
            await self.flush()
        await self.flush()

    def quiet(self) -> asyncio.Lock:
        """To be held by whoever changes held batches in the database otherwise: nothing is written meanwhile."""
        return self._writing

    def close(self) -> None:
        """Let `run` end after a last write."""
        self._closed = True
        self._something.set()

    async def flush(self) -> None:
        """Write everything that has landed; returns once it is written, however often that takes."""
        async with self._writing:
            pause, broken = 0.2, 0
            while self._dirty or self._targets:
                taken = self._take()
                try:
                    await self._write(taken[0])
                except TryLater as problem:
                    self._put_back(*taken)
                    log.warning("recorder.waiting", reason=str(problem), targets=len(taken[0].targets))
                except Exception:
                    # A recorder that ended here would leave every later answer unwritten without a word.
                    log.exception("recorder.broke", batches=len(taken[0].batches), targets=len(taken[0].targets))
                    broken += 1
                    if broken >= _TRIES:
                        # Their leases run out, and whoever recovers them counts the calls as unheard.
                        _lose(taken[1].values())
                        continue
                    self._put_back(*taken)
                else:
                    continue
                await self._clock.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)

    def _take(self) -> tuple[Entry, dict[int, HeldBatch]]:
        self._something.clear()
        dirty, self._dirty = self._dirty, {}
        targets, self._targets = self._targets, []
        answered, self._answered = self._answered, set()
        halts, self._halts = self._halts, {}
        batches = tuple(held.snapshot() for held in dirty.values() if not held.is_lost)
        return Entry(batches, tuple(targets), frozenset(answered), halts), dirty

    def _put_back(self, entry: Entry, dirty: dict[int, HeldBatch]) -> None:
        # Snapshots are taken anew: what lands while we wait belongs to the next write of the same batch.
        self._dirty = {**dirty, **self._dirty}
        self._targets = [*entry.targets, *self._targets]
        self._answered |= entry.answered
        self._halts = {**entry.halts, **self._halts}
        self._something.set()


def _lose(batches: Iterable[HeldBatch]) -> None:
    for held in batches:
        held.lose()
