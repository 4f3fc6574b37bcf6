from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from random import Random

import pytest
from sqlalchemy import Connection, Engine, event, text

from orchestrator.domain.ids import LaneKey
from orchestrator.domain.lane import WriteLimit
from orchestrator.engine.system_clock import SystemClock
from orchestrator.store.engine.database import open_store
from orchestrator.store.work.row_throttle import RowThrottle
from orchestrator.throttle.gcra import HORIZON, PERMIT_LIFE, TRAVEL_SPREAD, Refusal, ThrottleBackend, grant, interval
from orchestrator.throttle.pace_bounds import FAR
from tests.support.builders import LANE
from tests.support.clock import ManualClock
from tests.support.stalls import Stalls

pytestmark = pytest.mark.enable_socket

LIMIT = WriteLimit(200, timedelta(seconds=2))


@pytest.fixture
async def backends(database_url: str) -> AsyncIterator[list[RowThrottle]]:
    """The throttle as three processes have it."""
    async with AsyncExitStack() as opened:
        stores = [await opened.enter_async_context(open_store(database_url, SystemClock())) for _ in range(3)]
        yield [RowThrottle(store, SystemClock(), Random(1)) for store in stores]


async def opened_lane(backend: RowThrottle) -> None:
    """The first question in a lane grants nothing, since its past is unknown; then it rests."""
    await backend.take(LANE, 1, LIMIT)
    # The database's clock counts, and nobody can turn it on.
    await asyncio.sleep(HORIZON)


async def test_a_lane_that_was_never_seen_may_just_have_been_used_up(backends: list[RowThrottle]) -> None:
    first = await backends[0].take(LANE, 100, LIMIT)

    assert first.each == ()


async def test_permits_of_all_processes_stand_in_one_row(backends: list[RowThrottle], stalls: Stalls) -> None:
    await opened_lane(backends[0])

    began = SystemClock().monotonic()
    granted = await asyncio.gather(*(backend.take(LANE, 7, LIMIT) for backend in backends * 3))
    took = SystemClock().monotonic() - began

    # Each is a departure as its process sees it: late by the time its own answer took, and never early. So the span
    # from the first to the last is that of one row, give or take such a time.
    occurrences = sorted(permit.latest for permits in granted for permit in permits.each)
    assert len(occurrences) > 7 * 3
    assert occurrences[-1] - occurrences[0] == pytest.approx(
        (len(occurrences) - 1) * interval(LIMIT), abs=0.1 + stalls.allowance(0.1)
    )
    assert len(occurrences) <= (HORIZON + took) / interval(LIMIT) + 1


async def test_a_slow_disk_takes_nothing_of_a_permit_s_life(database_url: str, clock: ManualClock) -> None:
    async with open_store(database_url, SystemClock()) as store:
        backend = RowThrottle(store, clock, Random(1))
        await opened_lane(backend)

        def commit_slowly(_connection: Connection) -> None:
            clock.advance(seconds=2 * PERMIT_LIFE)

        event.listen(Engine, "commit", commit_slowly)
        try:
            granted = await backend.take(LANE, 3, LIMIT)
        finally:
            event.remove(Engine, "commit", commit_slowly)

    assert clock.monotonic() == 2 * PERMIT_LIFE
    assert [permit.latest - permit.earliest for permit in granted.each] == pytest.approx([PERMIT_LIFE] * 3)


async def test_a_process_that_waited_for_the_row_reads_the_clock_after_that(backends: list[RowThrottle]) -> None:
    await opened_lane(backends[0])
    async with asyncio.TaskGroup() as group, backends[1]._store.transaction() as tx:
        before = await tx.lanes.lock(LANE)
        assert before is not None
        waiting = group.create_task(backends[0].take(LANE, 5, LIMIT))
        # So late that a moment read before the lock would show.
        await asyncio.sleep(0.7)
        now = (await tx.now()).timestamp()
        pace, granted = grant(before, now, 5, LIMIT)
        await tx.lanes.save_pace(LANE, pace)

    after = (await backends[0].look(LANE)).pace
    permits = waiting.result()
    assert len(granted.departures) == 5
    assert permits.each
    # Nothing that was granted by the one is granted again to the other.
    assert after.last_departure - pace.last_departure >= len(permits.each) * interval(LIMIT) - 0.001


async def test_a_row_that_cannot_be_right_closes_the_lane_for_one_window_and_breaks_no_look(
    backends: list[RowThrottle],
) -> None:
    backend = backends[0]
    await opened_lane(backend)
    window = LIMIT.window.total_seconds() + PERMIT_LIFE + TRAVEL_SPREAD
    is_sqlite = "sqlite" in backend._store.place
    numbers = ("1e300", "-7", "'soon'", "9e999") if is_sqlite else ("1e300", "-7", "'NaN'", "'Infinity'")
    poison = [(column, value) for column in ("last_departure", "reach", "closed_until", "share") for value in numbers]
    poison += [(column, "-7") for column in ("refusals", "together", "counted")]

    for column, value in poison:
        async with backend._store.transaction() as tx:
            poisoning = f"UPDATE lanes SET keeper = 'nobody', {column} = {value}"  # noqa: S608 - from the lists above
            await tx.connection.execute(text(poisoning))
        looked = await backend.look(LANE)
        async with backend._store.reading() as tx:
            closed = await tx.lanes.closed(now=looked.now)
            assert await tx.lanes.backends([LANE]) == {LANE: ThrottleBackend.REDIS}
        permits = await backend.take(LANE, 100, LIMIT)
        after = (await backend.look(LANE)).pace

        assert (column, value, looked.pace.closed_until) == (column, value, 0.0)
        assert all(until <= looked.now + FAR for until in closed.values())
        assert permits.each == ()
        assert after.closed_for == pytest.approx(window)


async def test_a_row_that_was_put_back_grants_nothing_twice(backends: list[RowThrottle]) -> None:
    backend = backends[0]
    await opened_lane(backend)
    assert (await backend.take(LANE, 100, LIMIT)).each
    async with backend._store.transaction() as tx:
        await tx.connection.execute(text("UPDATE lanes SET last_departure = last_departure - 5"))

    again = await backend.take(LANE, 100, LIMIT)

    assert again.each == ()
    assert again.closed_until > 0


async def test_a_closed_lane_is_closed_for_everybody_and_no_other_lane_is(backends: list[RowThrottle]) -> None:
    one, other, third = backends
    await opened_lane(one)

    before = SystemClock().monotonic()
    await one.close(LANE, Refusal(30.0), LIMIT)
    permits = await asyncio.gather(one.take(LANE, 5, LIMIT), other.take(LANE, 5, LIMIT), third.take(LANE, 5, None))
    elsewhere = await other.take(LaneKey("global/other/app"), 5, None)

    now = SystemClock().monotonic()
    assert [each.each for each in permits] == [(), (), ()]
    assert all(before + 29.9 < each.closed_until <= now + 30.1 for each in permits)
    assert len(elsewhere.each) == 5


async def test_a_shorter_closure_does_not_open_what_a_longer_one_closed(backends: list[RowThrottle]) -> None:
    before = SystemClock().monotonic()
    await backends[0].close(LANE, Refusal(30.0), LIMIT)
    await backends[1].close(LANE, Refusal(1.0), LIMIT)

    permits = await backends[2].take(LANE, 5, LIMIT)

    assert permits.closed_until > before + 29.9
