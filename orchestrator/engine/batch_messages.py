"""The messages that this process took from the queue, each matched with the batch that it names.

The fair queue and the database decide which batches a process holds; a message is a hint. One that names a batch which
this process holds lasts as long as it is held; any other ends without having changed anything.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice

from orchestrator.domain.batch import NamedBatch
from orchestrator.domain.ids import BatchKey, JobId, JobNumber
from orchestrator.store.work.fair_queue import DueJob

PATIENCE = 60.0
"""Seconds that a message waits for its job's turn, while its batch is free. Others cannot be read meanwhile."""

_UNNAMED_FOR = 0.5
"""Seconds after which a batch that is held without a message is published: most are over, or named, by then."""

_PUBLISHED_FOR = 5.0
"""Seconds after which that message counts as lost."""

_MOST_AT_ONCE = 50
"""Messages published at once: a process that takes up a thousand lanes holds up no call by naming them."""


class Ending(StrEnum):
    """How a message ended, as Celery shows the result of its task."""

    RELEASED = "the batch was settled or released"
    DOUBLED = "the batch has a message already"
    NOT_HELD = "the batch is not held here: it is not its turn, or another worker holds it"


@dataclass(slots=True)
class _Message:
    """A message under way: `decided` says whether its batch is held here, `released` that it is no longer."""

    arrived_at: float
    decided: asyncio.Future[bool] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    released: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_waiting(self) -> bool:
        return not self.decided.done()

    def decide(self, *, is_held: bool) -> None:
        if self.is_waiting:
            self.decided.set_result(is_held)


@dataclass(slots=True)
class _HeldBatch:
    """A batch that this process holds: since when, and when it was last published, on the monotonic clock."""

    since: float
    published_at: float = -math.inf


class BatchMessages:
    """Messages and held batches of one process; everything here happens on its event loop."""

    def __init__(self, now: Callable[[], float], wake: Callable[[], None]) -> None:
        self._now, self._wake = now, wake
        self._messages: dict[NamedBatch, _Message] = {}
        self._held: dict[NamedBatch, _HeldBatch] = {}
        self._due: dict[JobId, DueJob] = {}

    @property
    def held(self) -> int:
        """The batches that this process holds."""
        return len(self._held)

    async def run(self, batch: NamedBatch, started: Callable[[], None]) -> Ending:
        """Waits until the batch is held here, calls `started`, and returns when it is settled or released.

        Returns at once where another message names the batch, and within `PATIENCE` seconds where it is not held here.
        """
        if batch in self._messages:
            return Ending.DOUBLED
        message = self._messages[batch] = _Message(self._now())
        try:
            if batch not in self._held and not await self._becomes_held(message):
                return Ending.NOT_HELD
            started()
            if batch in self._held:
                await message.released.wait()
            return Ending.RELEASED
        finally:
            del self._messages[batch]

    def wanted(self, jobs: Collection[JobNumber]) -> list[BatchKey]:
        """The batches of these jobs that waiting messages name: of several free ones these are to be claimed."""
        if not self._messages:
            return []
        keys = [BatchKey(self._due[job].place.job, number) for job, number in self.undecided if job in self._due]
        return [key for key in keys if key.job in jobs]

    @property
    def undecided(self) -> list[NamedBatch]:
        """The batches that messages name which wait for their turn."""
        return [batch for batch, message in self._messages.items() if message.is_waiting]

    def update_due(self, asked_at: float, due: Iterable[DueJob], waiting: Collection[NamedBatch]) -> None:
        """Ends the messages about jobs of which nothing is due, and about batches that do not wait for a worker.

        `due` and `waiting` are the database's answers to a question of that time: messages that came later go on.
        """
        self._due = {each.id: each for each in due}
        for batch, message in self._messages.items():
            if message.arrived_at < asked_at and (batch[0] not in self._due or batch not in waiting):
                message.decide(is_held=batch in self._held)

    def mark_held(self, batch: NamedBatch) -> None:
        """Starts the message about this batch, which is held from now on, and ends those about others of its lane."""
        self._held[batch] = _HeldBatch(self._now())
        chosen = self._due.get(batch[0])
        for named, message in self._messages.items():
            if named == batch:
                message.decide(is_held=True)
            elif chosen is not None and (other := self._due.get(named[0])) is not None and other.lane == chosen.lane:
                message.decide(is_held=named in self._held)

    def mark_released(self, batch: NamedBatch) -> None:
        """The batch was settled, released or lost."""
        self._held.pop(batch, None)
        if (message := self._messages.get(batch)) is not None:
            message.released.set()

    def pop_unnamed(self) -> list[NamedBatch]:
        """Held batches that no message names: each is to be published now, to this worker alone."""
        now = self._now()
        unnamed = (
            (batch, held)
            for batch, held in self._held.items()
            if now - held.since >= _UNNAMED_FOR
            and batch not in self._messages
            and now - held.published_at >= _PUBLISHED_FOR
        )
        taken = list(islice(unnamed, _MOST_AT_ONCE))
        for _, held in taken:
            held.published_at = now
        return [batch for batch, _ in taken]

    async def _becomes_held(self, message: _Message) -> bool:
        self._wake()
        try:
            async with asyncio.timeout(PATIENCE):
                return await message.decided
        except TimeoutError:
            return False
