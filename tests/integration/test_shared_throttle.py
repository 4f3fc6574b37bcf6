"""Redis and the row as two keepers: what each knows on the day that it takes over, and a Redis that hangs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from random import Random
from uuid import uuid4

import pytest
import redis.asyncio as redis

from orchestrator.domain.ids import LaneKey
from orchestrator.domain.lane import GRAPH_WRITE_LIMIT
from orchestrator.engine import shared_throttle
from orchestrator.engine.shared_throttle import SharedThrottle
from orchestrator.engine.system_clock import SystemClock
from orchestrator.store.engine.database import Store, open_store
from orchestrator.store.work.row_throttle import RowThrottle
from orchestrator.throttle.gcra import HORIZON, LONGEST_LEAD, Refusal, ThrottleBackend, forgotten_past
from orchestrator.throttle.redis_backend import open_redis_throttle
from tests.support.clock import settle
from tests.support.stalls import Stalls
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.enable_socket

LIMIT = GRAPH_WRITE_LIMIT


@pytest.fixture
def lane() -> LaneKey:
    """A lane of this test's own: others share the server."""
    return LaneKey(f"global/{uuid4()}/a")


@pytest.fixture
async def store(postgresql_url: str) -> AsyncIterator[Store]:
    async with open_store(postgresql_url, SystemClock()) as store:
        yield store


@asynccontextmanager
async def a_process(store: Store, broker_url: str) -> AsyncIterator[SharedThrottle]:
    clock = SystemClock()
    async with open_redis_throttle(broker_url, clock, Random(1), prefix="shared:") as backend:
        yield SharedThrottle(backend, RowThrottle(store, clock, Random(1)), store, clock)


@asynccontextmanager
async def a_redis_that_hangs(spoken: asyncio.Event | None = None) -> AsyncIterator[str]:
    """A server that takes every connection, sets `spoken` then, and never answers, as one that was stopped."""

    spoken_to: list[asyncio.StreamWriter] = []

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        spoken_to.append(writer)
        if spoken is not None:
            spoken.set()
        with suppress(ConnectionError):
            while await reader.read(1024):
                pass
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
    # Whoever was let in at the last moment is heard of a moment later.
    await settle()
    for writer in spoken_to:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def test_a_redis_that_was_emptied_begins_with_what_the_row_knows(
    store: Store, valkey_url: str, lane: LaneKey
) -> None:
    async with a_process(store, valkey_url) as throttle, redis.Redis.from_url(valkey_url) as client:
        await throttle.take(lane, 1, LIMIT)
        before = SystemClock().monotonic()
        await throttle.close(lane, Refusal(30.0), LIMIT)
        await client.delete(f"shared:pace:{lane}")

        permits = await throttle.take(lane, 5, None)

        assert permits.each == ()
        assert before + 29.9 < permits.closed_until < SystemClock().monotonic() + 30.1
        standing = await throttle.look(lane)
        assert standing.backend is ThrottleBackend.REDIS
        assert standing.pace.refusals == 1
        assert standing.pace.learned.share < 1


async def test_a_late_refusal_hides_no_longer_closure_from_a_redis_that_was_emptied(
    store: Store, valkey_url: str, lane: LaneKey
) -> None:
    async with a_process(store, valkey_url) as throttle, redis.Redis.from_url(valkey_url) as client:
        await throttle.take(lane, 1, LIMIT)
        before = SystemClock().monotonic()
        await throttle.close(lane, Refusal(60.0), LIMIT)
        await client.delete(f"shared:pace:{lane}")
        await throttle.close(lane, Refusal(None, ago=5.0), LIMIT)

        permits = await throttle.take(lane, 5, LIMIT)

        assert permits.each == ()
        assert permits.closed_until > before + 50


async def test_a_lane_that_nobody_knows_begins_with_an_unknown_past(
    store: Store, valkey_url: str, lane: LaneKey
) -> None:
    async with a_process(store, valkey_url) as throttle:
        assert (await throttle.take(lane, 5, LIMIT)).each == ()
        # The keeper's clock counts, and nobody can turn it on.
        await asyncio.sleep(HORIZON)

        assert len((await throttle.take(lane, 1, LIMIT)).each) == 1


async def is_closed_in_the_row(store: Store, lane: LaneKey) -> bool:
    async with store.reading() as tx:
        now = (await tx.now()).timestamp()
        return (await tx.lanes.pace(lane, now=now)).closed_until - now > 20


async def test_where_redis_hangs_the_row_hears_of_a_refusal_at_once(
    store: Store, lane: LaneKey, stalls: Stalls
) -> None:
    async with a_redis_that_hangs() as broker_url, a_process(store, broker_url) as throttle:
        # Redis is given up after two seconds.
        with stalls.within(1.5):
            closing = asyncio.create_task(throttle.close(lane, Refusal(30.0), LIMIT))
            async with asyncio.timeout(PATIENCE):
                while not await is_closed_in_the_row(store, lane):  # noqa: ASYNC110 - a row notifies nobody
                    await asyncio.sleep(0.05)

        await closing


async def test_nobody_waits_for_the_row_while_one_looks_whether_redis_is_back(
    store: Store, lane: LaneKey, monkeypatch: pytest.MonkeyPatch, stalls: Stalls
) -> None:
    monkeypatch.setattr(shared_throttle, "_RETURN_AFTER", 0.0)
    async with (
        a_redis_that_hangs(spoken := asyncio.Event()) as broker_url,
        a_process(store, broker_url) as one,
        a_process(store, broker_url) as other,
    ):
        for throttle in (one, other):
            throttle.use_backend(lane, ThrottleBackend.ROW)
        asking = asyncio.create_task(one.take(lane, 1, LIMIT))
        await spoken.wait()
        # Redis is given up after two seconds.
        with stalls.within(1.0):
            async with store.transaction() as tx:
                await tx.lanes.lock(lane)

        assert (await asking).backend is ThrottleBackend.ROW
        with stalls.within(1.0):
            assert (await other.take(lane, 1, LIMIT)).backend is ThrottleBackend.ROW


async def test_lanes_do_not_find_out_one_after_the_other_that_redis_hangs(store: Store, stalls: Stalls) -> None:
    lanes = [LaneKey(f"global/{uuid4()}/a") for _ in range(60)]
    async with a_redis_that_hangs() as broker_url, a_process(store, broker_url) as throttle:
        in_line = asyncio.Semaphore(10)

        async def take(lane: LaneKey) -> ThrottleBackend | None:
            async with in_line:
                return (await throttle.take(lane, 1, LIMIT)).backend

        # The first ten wait for two time-outs of two seconds.
        with stalls.within(10.0):
            assert {await taken for taken in asyncio.as_completed([take(lane) for lane in lanes])} == {
                ThrottleBackend.ROW
            }


async def test_one_lane_looks_for_all_whether_redis_is_back(
    store: Store, lane: LaneKey, monkeypatch: pytest.MonkeyPatch, stalls: Stalls
) -> None:
    monkeypatch.setattr(shared_throttle, "_RETURN_AFTER", 0.0)
    others = [LaneKey(f"global/{uuid4()}/a") for _ in range(20)]
    async with a_redis_that_hangs() as broker_url, a_process(store, broker_url) as throttle:
        for each in (lane, *others):
            throttle.use_backend(each, ThrottleBackend.ROW)
        await throttle.take(lane, 1, LIMIT)

        # Each look would take a quarter of a second.
        with stalls.within(2.5):
            for each in others:
                assert (await throttle.take(each, 1, LIMIT)).backend is ThrottleBackend.ROW


async def test_whoever_had_permits_of_a_redis_that_was_emptied_waits_until_all_have_run_out(
    store: Store, valkey_url: str, lane: LaneKey
) -> None:
    async with a_process(store, valkey_url) as throttle, redis.Redis.from_url(valkey_url) as client:
        await throttle.take(lane, 1, LIMIT)
        await asyncio.sleep(HORIZON)
        assert (await throttle.take(lane, 5, LIMIT, 1, LONGEST_LEAD)).each
        await client.delete(f"shared:pace:{lane}")

        permits = await throttle.take(lane, 1, LIMIT)

        standing = await throttle.look(lane)
        assert permits.each == ()
        assert standing.backend is ThrottleBackend.REDIS
        rest = forgotten_past(0.0, LIMIT).last_departure
        # Both are by the keeper's clock, which has gone on since the lane was forgotten.
        assert 0 < standing.pace.last_departure - standing.now <= rest
