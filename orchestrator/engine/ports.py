"""The ports of the engine: protocols, each as narrow as its caller."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING

from orchestrator.domain.batching import Batching
from orchestrator.domain.caller import Caller
from orchestrator.domain.clock import Clock
from orchestrator.domain.ids import LaneKey
from orchestrator.domain.lane import WriteLimit
from orchestrator.domain.retry_policy import RetryPolicy
from orchestrator.domain.target import Target
from orchestrator.throttle.protocol import Throttle

if TYPE_CHECKING:
    from orchestrator.engine.leased_batch import LeasedBatch
    from orchestrator.engine.recorder import Recorder
    from orchestrator.telemetry.metrics import Metrics


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
    """The parts that the loop of a lane uses.

    `prefetch` leases something of the job that is served next, False where nothing in the lane can be leased; `draw`
    takes up to so many targets of it; `may_call` says whether a call of a batch may still leave. `lanes` says how many
    lanes are at work in this process; `preparing` is held by those that ask for permits and write their intents.
    """

    prefetch: Callable[[LaneKey], Awaitable[bool]]
    draw: Callable[[LaneKey, int], tuple[LeasedBatch, list[Target]] | None]
    throttle: Throttle
    recorder: Recorder
    may_call: Callable[[LeasedBatch], bool]
    policy: RetryPolicy
    clock: Clock
    chance: Random
    utc: Callable[[], datetime]
    preparing: asyncio.Semaphore
    metrics: Metrics
    lanes: Callable[[], int] = lambda: 1
