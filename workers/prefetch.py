"""How many messages this process takes from the queue: one at a time, until its batch is held or the message ends."""

from __future__ import annotations

import time
from collections.abc import Hashable

from kombu.utils.scheduling import round_robin_cycle

from orchestrator.queueing.messages import own_queue_name

QUEUE_ORDER = "workers.prefetch:OpenQueues"
"""For kombu's option `queue_order_strategy`."""

_READ_FOR = 5.0
"""Seconds in which the own queue is read for a message that was published to it; after that it counts as lost."""


class Prefetch:
    """The messages that were taken and are neither running nor over; one at most comes from the shared queues."""

    def __init__(self) -> None:
        self._undecided: set[Hashable] = set()
        self._own_queue = ""
        self._own_until = 0.0

    def begin(self, node: str) -> None:
        """Sets the Celery name of this worker, and with it the name of its own queue."""
        self._own_queue = own_queue_name(node)

    @property
    def own_queue(self) -> str:
        """The queue for the batches that the driver of this process chose by itself."""
        return self._own_queue

    def expect_own(self) -> None:
        """Messages were published to the own queue."""
        self._own_until = time.monotonic() + _READ_FOR

    def mark_taken(self, message: Hashable) -> None:
        """A message was taken from a queue."""
        self._undecided.add(message)

    def mark_decided(self, message: Hashable) -> None:
        """Its batch is held here, or the message is over."""
        self._undecided.discard(message)

    def reads(self, queue: str) -> bool:
        """Whether the next message may come from this queue."""
        if queue == self._own_queue:
            return not self._undecided or time.monotonic() < self._own_until
        return not self._undecided


PREFETCH = Prefetch()
"""The one of this process: kombu makes its parts from their names, and can hand them nothing."""


class OpenQueues(round_robin_cycle):  # type: ignore[type-arg] # generic in kombu's types alone
    """The queues that the next blocking read names, the own one first."""

    def consume(self, n: int) -> list[str]:  # type: ignore[override] # kombu's types say an iterator
        """Up to n queues that may be read now."""
        queues = [queue for queue in super().consume(n) if PREFETCH.reads(queue)]
        return sorted(queues, key=lambda queue: queue != PREFETCH.own_queue)
