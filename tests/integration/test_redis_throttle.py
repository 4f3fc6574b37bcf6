"""The scripts in a real server against the arithmetic they repeat; time passes by moving what is stored."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from random import Random
from uuid import uuid4

import pytest
import redis.asyncio as redis

from orchestrator.domain.errors import QueueUnavailable
from orchestrator.domain.ids import LaneKey
from orchestrator.domain.lane import GRAPH_WRITE_LIMIT, WriteLimit
from orchestrator.throttle.adaptation import Learned
from orchestrator.throttle.gcra import (
    HORIZON,
    LEAD,
    LONGEST_COOLDOWN,
    LONGEST_LEAD,
    PERMIT_LIFE,
    TRAVEL_SPREAD,
    Pace,
    Refusal,
    close,
    grant,
    interval,
    is_believable,
    unknown_past,
)
from orchestrator.throttle.lua_scripts import FIELDS
from orchestrator.throttle.redis_backend import RedisThrottle, open_redis_throttle
from tests.support.arrivals import most_in_any_window
from tests.support.clock import ManualClock

pytestmark = pytest.mark.enable_socket

PREFIX = "test:"
LIMITS = [GRAPH_WRITE_LIMIT, WriteLimit(7, timedelta(seconds=3)), WriteLimit(1, timedelta(seconds=1)), None]


@pytest.fixture
async def client(valkey_url: str) -> AsyncIterator[redis.Redis]:
    async with redis.Redis.from_url(valkey_url) as opened:
        yield opened


@pytest.fixture
def throttle(client: redis.Redis, clock: ManualClock) -> RedisThrottle:
    return RedisThrottle(client, clock, Random(0), prefix=PREFIX)


@pytest.fixture
def lane() -> LaneKey:
    """A lane of this test's own: others share the server."""
    return LaneKey(f"global/{uuid4()}/a")


class Stored:
    """What the server keeps of a lane."""

    def __init__(self, client: redis.Redis, lane: LaneKey, *takers: RedisThrottle) -> None:
        self._client, self._lane, self.takers = client, lane, list(takers)
        self._key = takers[0]._key(lane)

    async def pace(self) -> Pace | None:
        kept = await self._client.hmget(self._key, list(FIELDS))
        numbers = [float(text) for text in kept if text]
        if len(numbers) < len(FIELDS):
            return None
        departure, reach, until, closed_for, refusals, together, *learned = numbers
        share, held_since, counted_from, counted, before = learned
        known = Learned(share, held_since, counted_from, int(counted), int(before))
        return Pace(departure, reach, until, closed_for, int(refusals), int(together), known)

    async def let_pass(self, seconds: float) -> None:
        """As if so much time had passed (or, below zero, the clock had been put back)."""
        for instant in ("last_departure", "closed_until", "held_since", "counted_from"):
            text = await self._client.hget(self._key, instant)
            if text and float(text):
                await self._client.hset(self._key, instant, repr(float(text) - seconds))
        for taker in self.takers:
            if self._lane in taker._granted_until:
                taker._granted_until[self._lane] -= seconds

    async def forget(self) -> None:
        await self._client.delete(self._key)


@pytest.fixture
def stored(client: redis.Redis, throttle: RedisThrottle, lane: LaneKey) -> Stored:
    return Stored(client, lane, throttle)


@pytest.mark.parametrize("seed", range(12))
async def test_the_scripts_give_what_the_arithmetic_gives_to_the_last_bit(
    throttle: RedisThrottle, stored: Stored, lane: LaneKey, seed: int
) -> None:
    chance = Random(seed)
    granted = closed = 0

    for _ in range(150):
        # The arithmetic knows only what is stored.
        throttle._granted_until.clear()
        before = await stored.pace()
        if chance.random() < 0.15:
            wait = chance.choice([None, 0.0, 0.3, chance.uniform(0, 90), LONGEST_COOLDOWN * 3])
            jitter = chance.random()
            refusal, limit = Refusal(wait, chance.choice([0.0, 0.05, 4.0])), chance.choice(LIMITS)
            now = await throttle.refuse(lane, refusal, limit, jitter)
            expected = close(before or unknown_past(now), now, refusal, limit, jitter)
            closed += 1
        else:
            want, limit = chance.choice([0, 1, 3, 50, 5000]), chance.choice(LIMITS)
            together = chance.choice([1, 1, 3]) if limit and limit.calls > 3 else 1
            lead = chance.choice([LEAD, LEAD, 0.4])
            found, now, _ = await throttle.grant(lane, want, limit, together, lead)
            expected, expected_grant = grant(before or unknown_past(now), now, want, limit, together, lead=lead)
            assert found == expected_grant
            granted += len(found.departures)

        assert await stored.pace() == expected
        match chance.random():
            case roll if roll < 0.05:
                await stored.forget()
            case roll if roll < 0.1:
                await stored.let_pass(-chance.choice([0.3, 5.0, 1e7]))
            case roll if roll < 0.2:
                await stored.let_pass(chance.choice([25.0, 35.0, LONGEST_COOLDOWN]))
            case _:
                await stored.let_pass(chance.uniform(0, 0.6))

    assert granted > 50
    assert closed > 5


@pytest.mark.parametrize("limit", [GRAPH_WRITE_LIMIT, WriteLimit(5, timedelta(seconds=2))])
async def test_four_takers_share_one_pace_and_a_server_that_forgets_grants_no_burst(
    valkey_url: str, clock: ManualClock, stored: Stored, lane: LaneKey, limit: WriteLimit
) -> None:
    chance, passed = Random(1), 0.0
    departures: list[float] = []
    forgotten = 0
    takers = [open_redis_throttle(valkey_url, clock, Random(each), prefix=PREFIX) for each in range(4)]
    opened = [await taker.__aenter__() for taker in takers]
    stored.takers += opened
    try:
        for _ in range(400):
            grants = await asyncio.gather(*(each.grant(lane, chance.randint(1, 40), limit) for each in opened))
            departures += [instant + passed for found, *_ in grants for instant in found.departures]
            if chance.random() < 0.02:
                await stored.forget()
                forgotten += 1
            step = chance.uniform(0, 0.4)
            await stored.let_pass(step)
            passed += step
    finally:
        for taker in takers:
            await taker.__aexit__(None, None, None)

    reach = limit.window.total_seconds() + PERMIT_LIFE + TRAVEL_SPREAD
    assert forgotten > 3
    assert most_in_any_window(departures, reach) <= limit.calls
    assert len(departures) > 0.7 * (max(departures) - min(departures)) / interval(limit)


@pytest.mark.parametrize("poison", [{"last_departure": -5.0}, {"reach": None}, {"reach": None, "closed_until": None}])
async def test_a_pace_that_was_put_back_grants_nothing_twice(
    throttle: RedisThrottle, client: redis.Redis, lane: LaneKey, poison: dict[str, float | None]
) -> None:
    limit = WriteLimit(40, timedelta(seconds=2))
    departures: list[float] = []
    for number in range(100):
        found, now, _ = await throttle.grant(lane, 40, limit, lead=LONGEST_LEAD)
        departures += found.departures
        if number % 2:
            for name, ahead in poison.items():
                await client.hset(throttle._key(lane), name, repr(0.0 if ahead is None else now + ahead))

    assert departures
    assert most_in_any_window(departures, limit.window.total_seconds()) <= limit.calls


async def test_a_lane_nobody_knows_is_not_taken_for_free(throttle: RedisThrottle, lane: LaneKey) -> None:
    found, now, _ = await throttle.grant(lane, 100, GRAPH_WRITE_LIMIT)

    assert found.departures == ()
    assert found.ask_again_at >= now + HORIZON / 2


async def test_permits_are_moments_of_our_own_clock(
    throttle: RedisThrottle, stored: Stored, lane: LaneKey, clock: ManualClock
) -> None:
    await throttle.take(lane, 1, GRAPH_WRITE_LIMIT)
    await stored.let_pass(10.0)

    permits = await throttle.take(lane, 3, GRAPH_WRITE_LIMIT)

    now = clock.monotonic()
    assert len(permits.each) == 3
    assert all(now < permit.earliest < permit.latest <= now + HORIZON + PERMIT_LIFE for permit in permits.each)
    assert permits.closed_until == 0.0


@pytest.mark.parametrize("wait", [12.5, None])
async def test_a_refusal_closes_the_lane_for_everybody(
    throttle: RedisThrottle, client: redis.Redis, clock: ManualClock, lane: LaneKey, wait: float | None
) -> None:
    other = RedisThrottle(client, clock, Random(1), prefix=PREFIX)

    await throttle.close(lane, Refusal(wait), GRAPH_WRITE_LIMIT)
    permits = await other.take(lane, 5, None)

    assert permits.each == ()
    least, most = (12.0, 12.5) if wait is not None else (1.5, 2.5)
    assert least < permits.closed_until - clock.monotonic() <= most
    assert permits.ask_again_at == permits.closed_until


async def test_lanes_do_not_know_each_other(throttle: RedisThrottle, lane: LaneKey) -> None:
    await throttle.close(lane, Refusal(60.0), GRAPH_WRITE_LIMIT)

    assert len((await throttle.take(LaneKey(f"{lane}-other"), 5, None)).each) == 5


async def test_what_is_stored_is_forgotten_when_it_cannot_matter_any_more(
    throttle: RedisThrottle, client: redis.Redis, lane: LaneKey
) -> None:
    await throttle.close(lane, Refusal(LONGEST_COOLDOWN), GRAPH_WRITE_LIMIT)

    assert LONGEST_COOLDOWN < await client.ttl(throttle._key(lane)) < LONGEST_COOLDOWN + 60


async def test_a_server_that_lost_its_scripts_is_taught_them_again(
    throttle: RedisThrottle, client: redis.Redis, lane: LaneKey
) -> None:
    await throttle.close(lane, Refusal(5.0), GRAPH_WRITE_LIMIT)
    await client.script_flush()

    permits = await throttle.take(lane, 1, GRAPH_WRITE_LIMIT)

    assert permits.closed_until > 0


@pytest.mark.parametrize("rubbish", ["soon", "1", ""])
async def test_what_cannot_be_read_is_an_unknown_past(
    throttle: RedisThrottle, client: redis.Redis, lane: LaneKey, rubbish: str
) -> None:
    await client.hset(throttle._key(lane), "last_departure", rubbish)

    found, _, _ = await throttle.grant(lane, 100, GRAPH_WRITE_LIMIT)

    assert found.departures == ()


def _set(field: str, value: str) -> Callable[[redis.Redis, str], Awaitable[object]]:
    return lambda client, key: client.hset(key, field, value)


POISON: dict[str, Callable[[redis.Redis, str], Awaitable[object]]] = {
    **{
        f"{field} {value}": _set(field, value)
        for field in FIELDS
        for value in ("nan", "inf", "-inf", "1e300", "-7", "soon", "")
    },
    "a time in a month": _set("closed_until", repr(time.time() + 30 * 86400)),
    "a time that is long over": _set("last_departure", "1"),
    "a field less": lambda client, key: client.hdel(key, "reach"),
    "a string": lambda client, key: client.set(key, "text"),
    "a sorted set": lambda client, key: client.zadd(key, {"a": 1.0}),
}


@pytest.mark.parametrize("poison", POISON)
async def test_a_pace_that_cannot_be_right_closes_the_lane_for_one_window_and_no_longer(
    throttle: RedisThrottle, client: redis.Redis, stored: Stored, lane: LaneKey, poison: str
) -> None:
    window = GRAPH_WRITE_LIMIT.window.total_seconds() + PERMIT_LIFE + TRAVEL_SPREAD
    await throttle.grant(lane, 1, GRAPH_WRITE_LIMIT)
    if poison in {"a string", "a sorted set"}:
        await stored.forget()
    await POISON[poison](client, throttle._key(lane))

    looked = await throttle.look(lane)
    permits = await throttle.take_known(lane, 100, GRAPH_WRITE_LIMIT, 1, LEAD)
    after = await stored.pace()
    await stored.let_pass(window + 0.5)
    later, _, _ = await throttle.grant(lane, 100, GRAPH_WRITE_LIMIT)

    assert is_believable(looked.pace, looked.now)
    assert permits is not None
    assert permits.each == ()
    assert after is not None
    assert after.closed_for == pytest.approx(window)
    assert later.departures


@pytest.mark.parametrize("poison", ["closed_until 1e300", "share nan", "a string"])
async def test_a_refusal_in_a_lane_whose_pace_cannot_be_right_closes_it_for_one_window_at_least(
    throttle: RedisThrottle, client: redis.Redis, stored: Stored, lane: LaneKey, poison: str
) -> None:
    if poison != "a string":
        await throttle.grant(lane, 1, GRAPH_WRITE_LIMIT)
    await POISON[poison](client, throttle._key(lane))

    await throttle.close(lane, Refusal(1.0), GRAPH_WRITE_LIMIT)
    after = await stored.pace()

    assert after is not None
    assert after.closed_for == pytest.approx(GRAPH_WRITE_LIMIT.window.total_seconds() + PERMIT_LIFE + TRAVEL_SPREAD)


async def test_a_server_that_lost_its_scripts_is_asked_once_more_by_all_who_waited(
    throttle: RedisThrottle, client: redis.Redis, lane: LaneKey
) -> None:
    await throttle.grant(lane, 1, None)
    await client.script_flush()

    grants = await asyncio.gather(*(throttle.grant(LaneKey(f"{lane}-{each}"), each, None) for each in range(150)))

    assert [len(found.departures) for found, *_ in grants] == list(range(150))


async def test_whoever_asks_meanwhile_goes_with_the_next_round_trip_and_is_told_when_that_was(
    throttle: RedisThrottle, lane: LaneKey, clock: ManualClock
) -> None:
    first = asyncio.create_task(throttle.grant(lane, 1, None))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    began = clock.monotonic()
    clock.advance(seconds=5)
    second = asyncio.create_task(throttle.grant(lane, 1, None))
    gone = asyncio.create_task(throttle.grant(lane, 1, None))
    await asyncio.sleep(0)
    gone.cancel()

    assert [(await first)[2], (await second)[2]] == [began, began + 5]
    assert (await asyncio.gather(gone, return_exceptions=True))[0].__class__ is asyncio.CancelledError


async def test_a_server_that_is_away_grants_nothing_and_says_so(clock: ManualClock, lane: LaneKey) -> None:
    async with open_redis_throttle("redis://127.0.0.1:9/0", clock, Random(0), prefix="") as throttle:
        with pytest.raises(QueueUnavailable, match="MUSTER_BROKER_URL"):
            await throttle.take(lane, 1, GRAPH_WRITE_LIMIT)
        with pytest.raises(QueueUnavailable, match="MUSTER_BROKER_URL"):
            await throttle.close(lane, Refusal(None), GRAPH_WRITE_LIMIT)
