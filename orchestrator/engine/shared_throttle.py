"""Redis' pace, or the row's in PostgreSQL while Redis is away: two throttle backends, and never both at once.

Which of them keeps a lane is one word in the database. Every claim reads it in its own transaction, so permits of the
other backend are worth nothing, whoever holds them; whoever takes over waits until the last of them has run out.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.domain.clock import Clock
from orchestrator.domain.errors import QueueUnavailable, StoreUnavailable, TryLater
from orchestrator.domain.ids import LaneKey
from orchestrator.domain.lane import WriteLimit
from orchestrator.store.engine.database import Store
from orchestrator.telemetry.logger import get_logger
from orchestrator.throttle.gcra import (
    LEAD,
    LONGEST_LEAD,
    Pace,
    Permits,
    Refusal,
    Standing,
    ThrottleBackend,
    forgotten_past,
    is_believable,
    lost_past,
    unknown_past,
)
from orchestrator.throttle.protocol import Throttle

if TYPE_CHECKING:
    from orchestrator.throttle.redis_backend import RedisThrottle

log = get_logger(__name__)

_HANDOVER = 2.0
"""Seconds within which the word must be written; the new backend waits so much longer than permits live."""

_PROMPT = 0.25
"""Seconds within which a Redis that keeps a lane again must answer; it answers in one."""

_AWAY = 2.0
"""Seconds in which no lane asks a Redis that did not answer another."""

_OUTSTANDING = 10.0
"""Seconds after a grant in which a Redis that knows nothing of the lane was emptied, and permits may be outstanding."""

_RETURN_AFTER = 10.0
_RETURN_AGAIN_AFTER = 5.0


class SharedThrottle:
    """The throttle of a team's installation; with neither backend in reach nothing is granted."""

    def __init__(self, redis: RedisThrottle, row: Throttle, store: Store, clock: Clock) -> None:
        self._redis, self._row, self._store, self._clock = redis, row, store, clock
        self._backends: dict[LaneKey, ThrottleBackend] = {}
        self._return_at: dict[LaneKey, float] = {}
        self._granted_at: dict[LaneKey, float] = {}
        self._away_until = 0.0

    async def take(
        self, lane: LaneKey, want: int, limit: WriteLimit | None, together: int = 1, lead: float = LEAD
    ) -> Permits:
        """Up to `want` permits of whoever keeps the lane; QueueUnavailable or StoreUnavailable where nobody can."""
        if self._backends.get(lane) is ThrottleBackend.ROW:
            await self._return_to_redis(lane, limit)
        if self._backends.get(lane) is not ThrottleBackend.ROW:
            try:
                return await self._take_of_redis(lane, want, limit, together, lead)
            except QueueUnavailable as away:
                try:
                    await self._fall_back(lane, limit)
                except TimeoutError:
                    # Not written in time, so nobody may count on it; the next question tries again.
                    raise away from None
        return replace(await self._row.take(lane, want, limit, together, lead), backend=ThrottleBackend.ROW)

    async def _take_of_redis(
        self, lane: LaneKey, want: int, limit: WriteLimit | None, together: int, lead: float
    ) -> Permits:
        if self._clock.monotonic() < self._away_until:
            # Finding out takes seconds; a thousand lanes would need them one after the other.
            raise QueueUnavailable("Redis did not answer a moment ago. See MUSTER_BROKER_URL.")
        try:
            permits = await self._redis.take_known(lane, want, limit, together, lead)
        except QueueUnavailable:
            self._mark_away(_AWAY)
            raise
        if permits is None:
            await self._begin_in_redis(lane, limit)
            permits = await self._redis.take(lane, want, limit, together, lead)
        if permits.each:
            self._granted_at[lane] = self._clock.monotonic()
        return replace(permits, backend=ThrottleBackend.REDIS)

    async def _begin_in_redis(self, lane: LaneKey, limit: WriteLimit | None) -> None:
        """Redis was emptied, or never heard of the lane: the row knows what was refused in it."""
        standing = (await self._row.standings([lane]))[lane]
        if self._clock.monotonic() - self._granted_at.get(lane, -math.inf) < _OUTSTANDING:
            last = forgotten_past(standing.now, limit).last_departure
            standing = replace(standing, pace=replace(standing.pace, last_departure=last))
        await self._redis.begin(lane, standing)

    def _mark_away(self, seconds: float) -> None:
        self._away_until = self._clock.monotonic() + seconds

    async def close(self, lane: LaneKey, refusal: Refusal, limit: WriteLimit | None) -> None:
        """Closes the lane for as long as the refusal says, in both backends."""
        # A backend must know what the other learned when it takes over. Both at once: it takes seconds
        # to find out that Redis hangs, and the row may be in force already.
        for problem in await asyncio.gather(
            self._close_in_redis(lane, refusal, limit), self._row.close(lane, refusal, limit), return_exceptions=True
        ):
            if isinstance(problem, QueueUnavailable):
                log.info("throttle.closed_in_row_only", lane=lane)
            elif problem is not None:
                raise problem

    async def _close_in_redis(self, lane: LaneKey, refusal: Refusal, limit: WriteLimit | None) -> None:
        # Otherwise an emptied Redis would know of this refusal alone, and not of a longer closure before it.
        with suppress(StoreUnavailable):
            await self._begin_in_redis(lane, limit)
        await self._redis.close(lane, refusal, limit)

    async def look(self, lane: LaneKey) -> Standing:
        """Where the lane stands, and what its backend's clock shows."""
        return (await self.standings([lane]))[lane]

    async def standings(self, lanes: Collection[LaneKey]) -> dict[LaneKey, Standing]:
        """Where each of these lanes stands, and what the clock of its backend shows."""
        async with self._store.reading() as tx:
            backends = await tx.lanes.backends(lanes)
        in_redis = [lane for lane, backend in backends.items() if backend is ThrottleBackend.REDIS]
        # They share round trips (throttle/script_queue.py).
        looked = await asyncio.gather(*map(self._redis.look, in_redis), return_exceptions=True)
        found: dict[LaneKey, Standing] = {}
        for lane, standing in zip(in_redis, looked, strict=True):
            if isinstance(standing, Standing):
                found[lane] = standing
            elif not isinstance(standing, QueueUnavailable):
                raise standing
        if missing := [lane for lane in lanes if lane not in found]:
            found |= await self._row.standings(missing)
        return found

    def use_backend(self, lane: LaneKey, backend: ThrottleBackend) -> None:
        """A claim found another word in the database than these permits came from."""
        self._backends[lane] = backend
        self._return_at[lane] = self._clock.monotonic() + _RETURN_AFTER

    async def _fall_back(self, lane: LaneKey, limit: WriteLimit | None) -> None:
        async with asyncio.timeout(_HANDOVER), self._store.transaction() as tx:
            before = await tx.lanes.lock(lane)
            now = (await tx.now()).timestamp()
            pace = _believed(before, now, limit)
            if (await tx.lanes.backends([lane]))[lane] is not ThrottleBackend.ROW:
                # Until our word is committed others may still claim with permits from Redis, in groups perhaps.
                last = max(pace.last_departure, unknown_past(now).last_departure + LONGEST_LEAD + _HANDOVER)
                await tx.lanes.save_pace(lane, replace(pace, last_departure=last, reach=last - now))
                await tx.lanes.give_to(lane, ThrottleBackend.ROW)
                log.warning("throttle.fell_back", lane=lane)
        self.use_backend(lane, ThrottleBackend.ROW)

    async def _return_to_redis(self, lane: LaneKey, limit: WriteLimit | None) -> None:
        now = self._clock.monotonic()
        if now < max(self._return_at.get(lane, 0.0), self._away_until):
            return
        self._return_at[lane] = now + _RETURN_AGAIN_AFTER
        try:
            # Before the row is locked, which everybody needs now: a Redis that hangs is not waited for.
            try:
                async with asyncio.timeout(_PROMPT):
                    await self._redis.look(lane)
            except (QueueUnavailable, TimeoutError):
                self._mark_away(_RETURN_AGAIN_AFTER)
                return
            async with asyncio.timeout(_HANDOVER), self._store.transaction() as tx:
                before = await tx.lanes.lock(lane)
                at = (await tx.now()).timestamp()
                pace = _believed(before, at, limit)
                async with asyncio.timeout(_PROMPT):
                    await self._redis.begin(lane, Standing(pace, at, ThrottleBackend.ROW))
                    # Redis knows neither the permits that the row has granted nor what was closed meanwhile.
                    rest = max(pace.last_departure, pace.closed_until) - at
                    await self._redis.hold(lane, max(rest, 0.0) + 2 * _HANDOVER)
                await tx.lanes.save_pace(lane, pace)
                await tx.lanes.give_to(lane, ThrottleBackend.REDIS)
        except (TryLater, TimeoutError):
            return
        self._backends[lane] = ThrottleBackend.REDIS
        log.warning("throttle.returned", lane=lane)


def _believed(pace: Pace | None, now: float, limit: WriteLimit | None) -> Pace:
    """The pace that a row holds; where that cannot be right, one that is closed for a window."""
    if pace is None:
        return unknown_past(now)
    return pace if is_believable(pace, now) else lost_past(now, limit)
