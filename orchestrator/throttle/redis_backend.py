"""One pace for all workers, kept in Redis on Redis' own clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from orchestrator.domain.clock import Clock
from orchestrator.domain.ids import LaneKey
from orchestrator.domain.lane import WriteLimit
from orchestrator.throttle import gcra as pacing
from orchestrator.throttle.adaptation import Learned
from orchestrator.throttle.gcra import Grant, Pace, Permits, Refusal, Standing, ThrottleBackend
from orchestrator.throttle.lua_scripts import BEGIN, CLOSE, LOOK, TAKE
from orchestrator.throttle.script_queue import Answer, ScriptQueue


@asynccontextmanager
async def open_redis_throttle(url: str, clock: Clock, random: Random, *, prefix: str) -> AsyncIterator[RedisThrottle]:
    """A throttle with a connection pool of its own; nothing is connected before it is used."""
    # An answer later than a permit lives is worth nothing, but the server may be busy saving. One more try, at once,
    # is for a connection that broke while it was idle; who waits longer for Redis decides whoever asked.
    pool = redis.ConnectionPool.from_url(
        url,
        socket_timeout=2.0,
        socket_connect_timeout=2.0,
        retry=Retry(NoBackoff(), 1),
    )
    async with redis.Redis.from_pool(pool) as client:
        yield RedisThrottle(client, clock, random, prefix=prefix)


class RedisThrottle:
    """`throttle/gcra.py` as Lua scripts, each one step for everybody; a lane that is not there has an unknown past.

    QueueUnavailable says that Redis cannot be reached; nothing was granted then that anyone could use.
    """

    def __init__(self, client: redis.Redis, clock: Clock, random: Random, *, prefix: str) -> None:
        self._clock, self._random, self._prefix = clock, random, prefix
        scripts = (ScriptQueue(client, script, clock) for script in (TAKE, BEGIN, CLOSE, LOOK))
        self._take, self._begin, self._close, self._look = scripts
        # On Redis' clock: a pace in Redis that knows of no departure as late has lost others as well.
        self._granted_until: dict[LaneKey, float] = {}

    async def take(
        self, lane: LaneKey, want: int, limit: WriteLimit | None, together: int = 1, lead: float = pacing.LEAD
    ) -> Permits:
        """Up to `want` permits; recorded as they are granted, and worthless after their life."""
        return self._localised(await self.grant(lane, want, limit, together, lead))

    async def take_known(
        self, lane: LaneKey, want: int, limit: WriteLimit | None, together: int, lead: float
    ) -> Permits | None:
        """Takes permits as `take` does; None, and no permit, for a lane that Redis does not know: see `begin`."""
        answer, asked_at = await self._ask(lane, want, limit, together, lead, which="known")
        return self._localised(self._granted(lane, answer, asked_at, together)) if answer else None

    async def begin(self, lane: LaneKey, standing: Standing) -> None:
        """Let a lane of which Redis knows nothing begin with the last departure, the closure and the share of this one.

        Nothing changes where somebody else was faster.
        """
        pace, now = standing.pace, standing.now
        share, held_since = pace.learned.share, pace.learned.held_since
        rest = max(pace.last_departure - now, pacing.HORIZON)
        given = [pace.closed_until - now, pace.closed_for, pace.refusals, share, held_since - now, rest]
        await self._begin.run(self._key(lane), [repr(number) for number in given])

    async def grant(
        self, lane: LaneKey, want: int, limit: WriteLimit | None, together: int = 1, lead: float = pacing.LEAD
    ) -> tuple[Grant, float, float]:
        """A grant on Redis' clock, what that clock showed, and when this process asked by its own."""
        return self._granted(lane, *await self._ask(lane, want, limit, together, lead, which="any"), together)

    async def _ask(
        self, lane: LaneKey, want: int, limit: WriteLimit | None, together: int, lead: float, *, which: str
    ) -> Answer:
        gap, window = (pacing.interval(limit, together), limit.window.total_seconds()) if limit else (0.0, 0.0)
        granted_until = self._granted_until.get(lane, 0.0)
        given = [repr(gap), max(want, 0), repr(window), together, repr(lead), which, repr(granted_until)]
        return await self._take.run(self._key(lane), given)

    def _granted(
        self, lane: LaneKey, answer: Sequence[float], asked_at: float, together: int
    ) -> tuple[Grant, float, float]:
        now, first, count, gap, ask_again_at, closed_until = answer
        # Without a limit nothing is kept of a departure.
        if count and gap:
            self._granted_until[lane] = first + (count - 1) * gap
        departures = pacing.departures(first, int(count), gap, together)
        return Grant(departures, ask_again_at, closed_until), now, asked_at

    def _localised(self, granted: tuple[Grant, float, float]) -> Permits:
        grant, granted_at, asked_at = granted
        return pacing.localise(grant, granted_at=granted_at, asked_at=asked_at, answered_at=self._clock.monotonic())

    def use_backend(self, lane: LaneKey, backend: ThrottleBackend) -> None:
        """By itself it knows of no other."""

    async def close(self, lane: LaneKey, refusal: Refusal, limit: WriteLimit | None) -> None:
        """Closes the lane for as long as the refusal says, and lowers its share afterwards."""
        await self.refuse(lane, refusal, limit, self._random.random())

    async def refuse(self, lane: LaneKey, refusal: Refusal, limit: WriteLimit | None, jitter: float) -> float:
        """Closes the lane with a given jitter; returns what Redis' clock showed."""
        named = "" if refusal.wait is None else repr(float(refusal.wait))
        calls, window = (limit.calls, limit.window.total_seconds()) if limit else (0, 0.0)
        given = [named, repr(float(refusal.ago)), repr(jitter), calls, window]
        (now,) = (await self._close.run(self._key(lane), given)).numbers
        return now

    async def hold(self, lane: LaneKey, seconds: float) -> None:
        """Closes the lane for so many seconds, without adaptation."""
        await self.refuse(lane, Refusal(seconds, ago=_LONG_AGO), None, 0.0)

    async def look(self, lane: LaneKey) -> Standing:
        """Where the lane stands, and what Redis' clock shows."""
        answer, _ = await self._look.run(self._key(lane), [])
        now, departure, reach, until, closed_for, refusals, together, *learned = answer
        share, held_since, counted_from, counted, before = learned
        kept = Learned(share, held_since, counted_from, int(counted), int(before))
        pace = Pace(departure, reach, until, closed_for, int(refusals), int(together), kept)
        return Standing(pace, now, ThrottleBackend.REDIS)

    def _key(self, lane: LaneKey) -> str:
        return f"{self._prefix}pace:{lane}"


_LONG_AGO = 1e12
