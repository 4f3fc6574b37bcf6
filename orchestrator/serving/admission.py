"""What is streamed to somebody, for as long as they may see it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar, cast

from orchestrator.domain.clock import Clock

T = TypeVar("T")

TRUSTED_FOR = 30.0
"""Seconds: whose key was revoked, or who signed out elsewhere, sees nothing that comes later than that."""


async def while_admitted(
    values: AsyncIterator[T], is_admitted: Callable[[], Awaitable[bool]], clock: Clock
) -> AsyncIterator[T]:
    """The values, until one comes whose reader may see it no more; asked at most every half minute."""
    asked_at = clock.monotonic()
    async with aclosing(cast("AsyncGenerator[T]", values)) as stream:
        async for value in stream:
            if clock.monotonic() - asked_at >= TRUSTED_FOR:
                if not await is_admitted():
                    return
                asked_at = clock.monotonic()
            yield value
