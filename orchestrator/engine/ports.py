"""What the engine needs of the world, each as narrow as its caller."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING, Protocol

from orchestrator.domain.batching import Batching
from orchestrator.domain.caller import Caller
from orchestrator.domain.clock import Clock
from orchestrator.domain.ids import JobNumber, LaneKey
from orchestrator.domain.lane import WriteLimit
from orchestrator.domain.retry import RetryPolicy
from orchestrator.domain.target import Target
from orchestrator.engine.caution import Caution
from orchestrator.engine.outages import Outages
from orchestrator.throttle.protocol import Throttle

if TYPE_CHECKING:
    from orchestrator.engine.leased_batch import LeasedBatch
    from orchestrator.engine.recorder import Recorder


class CallGate(Protocol):
    """What may still forbid a call that was taken."""

    def allows(self, held: LeasedBatch) -> bool:
        """Whether the batch is still ours and its job still runs."""
        ...

    def forbid(self, jobs: Iterable[JobNumber]) -> None:
        """No call of these jobs leaves any more."""
        ...


@dataclass(frozen=True, slots=True)
class Lane:
    """One lane, who calls in it, and how; `at_once` requests may be on their way."""

    key: LaneKey
    limit: WriteLimit | None
    caller: Caller
    batching: Batching
    at_once: int


@dataclass(frozen=True, slots=True)
class Ports:
    """What a lane run needs of the world.

    `ready` holds something of the job whose turn it is, False where nothing in the lane can be held; `draw` takes up to
    so many targets of it. `lanes` says how many lanes are at work in this process; `preparing` is held by those that
    ask for permits and write their intents.
    """

    ready: Callable[[LaneKey], Awaitable[bool]]
    draw: Callable[[LaneKey, int], tuple[LeasedBatch, list[Target]] | None]
    throttle: Throttle
    recorder: Recorder
    gate: CallGate
    policy: RetryPolicy
    clock: Clock
    chance: Random
    utc: Callable[[], datetime]
    preparing: asyncio.Semaphore
    lanes: Callable[[], int] = lambda: 1
    outages: Outages = field(default_factory=Outages)
    caution: Caution = field(default_factory=Caution)
