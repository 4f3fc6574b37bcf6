"""Publishes which batches wait for a worker; a lost message costs a second and no device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from orchestrator.domain.batch import NamedBatch, WaitingBatch


class BatchQueue(Protocol):
    """Messages to workers. Publishing never fails, since every worker also looks by itself."""

    async def is_low(self) -> bool:
        """Whether more messages may be published now; False where the broker is away."""
        ...

    async def publish(self, waiting: Sequence[WaitingBatch]) -> None:
        """Send a message for each of these batches, as far as their queue has room."""
        ...

    async def top_up(self, waiting: Sequence[WaitingBatch]) -> None:
        """Send messages for as many of all waiting batches as there are more of them than messages."""
        ...

    async def publish_to(self, queue: str, batches: Sequence[NamedBatch]) -> None:
        """Send a message for each of these batches to the queue of one worker."""
        ...

    async def check(self) -> None:
        """Raises QueueUnavailable where the broker does not answer."""
        ...

    @property
    def described(self) -> str:
        """The broker, for people."""
        ...


class NoQueue:
    """The queue of an embedded installation: the process that works on the file looks into it every second."""

    async def is_low(self) -> bool:
        """False: nothing is ever published."""
        return False

    async def publish(self, waiting: Sequence[WaitingBatch]) -> None:
        """Does nothing: the worker looks by itself."""

    async def top_up(self, waiting: Sequence[WaitingBatch]) -> None:
        """Does nothing, as `publish`."""

    async def publish_to(self, queue: str, batches: Sequence[NamedBatch]) -> None:
        """Does nothing, as `publish`."""

    async def check(self) -> None:
        """Does nothing: there is no broker that could be away."""

    @property
    def described(self) -> str:
        """The broker, for people."""
        return "none is needed: embedded"
