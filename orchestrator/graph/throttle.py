"""One pace for all workers, kept in Redis on Redis' own clock."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from orchestrator.domain import pacing
from orchestrator.domain.clock import Clock
from orchestrator.domain.errors import QueueUnavailable
from orchestrator.domain.ids import LaneKey
from orchestrator.domain.lane import WriteLimit
from orchestrator.domain.pacing import Grant, Keeper, Permits
from orchestrator.graph.pace_scripts import CLOSE, CONSTANTS, TAKE


@asynccontextmanager
async def open_redis_throttle(url: str, clock: Clock, random: Random, *, prefix: str) -> AsyncIterator[RedisThrottle]:
    """A throttle with a connection pool of its own; nothing is connected before it is used."""
    # An answer later than a permit lives is worth nothing, but the server may be busy saving. One more try, at once,
    # is for a connection that broke while it was idle; who waits longer for Redis decides whoever asked.
    client = redis.Redis.from_url(url, socket_timeout=2.0, socket_connect_timeout=2.0, retry=Retry(NoBackoff(), 1))
    async with client:
        yield RedisThrottle(client, clock, random, prefix=prefix)


class RedisThrottle:
    """`domain/pacing.py` as two Lua scripts, each one step for everybody; a lane that is not there has an unknown past.

    QueueUnavailable says that Redis cannot be reached; nothing was granted then that anyone could use.
    """

    def __init__(self, client: redis.Redis, clock: Clock, random: Random, *, prefix: str) -> None:
        self._clock, self._random, self._prefix = clock, random, prefix
        self._take, self._close = client.register_script(TAKE), client.register_script(CLOSE)

    async def take(self, lane: LaneKey, want: int, limit: WriteLimit | None) -> Permits:
        """Up to `want` permits; recorded as they are granted, and worthless after their life."""
        asked_at = self._clock.monotonic()
        granted, granted_at = await self.grant(lane, want, limit)
        return pacing.localise(granted, granted_at=granted_at, asked_at=asked_at, answered_at=self._clock.monotonic())

    async def grant(self, lane: LaneKey, want: int, limit: WriteLimit | None) -> tuple[Grant, float]:
        """A grant on Redis' clock, and what that clock showed."""
        gap = pacing.interval(limit) if limit is not None else 0.0
        try:
            answer = await self._take(keys=[self._key(lane)], args=[*CONSTANTS, repr(gap), max(want, 0)])
        except RedisError as problem:
            raise _unreachable(problem) from problem
        now, first, count, ask_again_at, closed_until = map(float, answer)
        departures = tuple(first + step * gap for step in range(int(count)))
        return Grant(departures, ask_again_at, closed_until), now

    def note_keeper(self, lane: LaneKey, keeper: Keeper) -> None:
        """By itself it knows of no other."""

    async def close(self, lane: LaneKey, wait: float | None) -> None:
        """Nobody calls in this lane for `wait` seconds; None where the refusal named no time."""
        named = "" if wait is None else repr(float(wait))
        try:
            await self._close(keys=[self._key(lane)], args=[*CONSTANTS, named, repr(self._random.random())])
        except RedisError as problem:
            raise _unreachable(problem) from problem

    def _key(self, lane: LaneKey) -> str:
        return f"{self._prefix}pace:{lane}"


def _unreachable(problem: RedisError) -> QueueUnavailable:
    return QueueUnavailable(f"Redis cannot be reached for the throttle ({problem}). See MUSTER_BROKER_URL.")
