"""A stream of values that ends once its reader is no longer let in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress
from typing import Any, TypeVar, cast

from orchestrator.domain.clock import Clock
from orchestrator.domain.errors import TryLater

T = TypeVar("T")

ASKED_EVERY = 10.0
"""Seconds between two questions whether the reader is still let in. With an answer that takes a few seconds, a stream
closes within 15 seconds after its key is revoked or its session is ended, whether or not a value comes."""

_ASKED_AGAIN = 1.0
"""Seconds between two questions while the database is away."""


async def while_admitted(
    values: AsyncIterator[T], is_admitted: Callable[[], Awaitable[bool]], clock: Clock
) -> AsyncIterator[T]:
    """Yields the values until the reader is no longer let in.

    While the database is away the question cannot be answered: the stream stays open and yields nothing.
    """
    reader = _Reader(is_admitted, clock)
    async with aclosing(cast("AsyncGenerator[T]", values)) as stream:
        coming: asyncio.Future[T] | None = None
        try:
            while True:
                if coming is None:
                    coming = asyncio.ensure_future(anext(stream))
                await reader.wait(coming)
                is_let_in = await reader.is_let_in()
                if is_let_in is False:
                    return
                if is_let_in and coming.done():
                    try:
                        value = coming.result()
                    except StopAsyncIteration:
                        return
                    coming = None
                    yield value
        finally:
            if coming is not None:
                await _cancelled(coming)


class _Reader:
    """When the reader of a stream was last known to be let in."""

    def __init__(self, is_admitted: Callable[[], Awaitable[bool]], clock: Clock) -> None:
        self._is_admitted, self._clock = is_admitted, clock
        self._asked_at = clock.monotonic()
        self._is_known = True

    async def wait(self, coming: asyncio.Future[Any]) -> None:
        """Returns once a value may be looked at, or once it is time to ask."""
        if not self._is_known:
            await self._clock.sleep(_ASKED_AGAIN)
        elif (left := self._left()) > 0:
            pause: asyncio.Future[Any] = asyncio.ensure_future(self._clock.sleep(left))
            try:
                await asyncio.wait([coming, pause], return_when=asyncio.FIRST_COMPLETED)
            finally:
                await _cancelled(pause)

    async def is_let_in(self) -> bool | None:
        """Whether the reader is let in; None while that is not known."""
        if self._is_known and self._left() > 0:
            return True
        try:
            admitted = await self._is_admitted()
        except TryLater:
            self._is_known = False
            return None
        self._is_known, self._asked_at = True, self._clock.monotonic()
        return admitted

    def _left(self) -> float:
        return self._asked_at + ASKED_EVERY - self._clock.monotonic()


async def _cancelled(task: asyncio.Future[Any]) -> None:
    """Cancels the task and waits for its end: a generator cannot be closed while it is asked for a value."""
    task.cancel()
    await asyncio.wait([task])
    with suppress(asyncio.CancelledError):
        # Asked for, so that asyncio does not report an exception that was never retrieved.
        task.exception()
