from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any, NoReturn

import pytest
from sqlalchemy import Connection, Engine, event, text

from orchestrator.domain.errors import StoreUnavailable
from orchestrator.domain.ids import LaneKey
from orchestrator.domain.lane import WriteLimit
from orchestrator.engine.system_clock import SystemClock
from orchestrator.store.engine.database import open_store
from orchestrator.store.work.lanes import PaceRead
from orchestrator.store.work.row_throttle import RowThrottle
from orchestrator.throttle.gcra import (
    HORIZON,
    LONGEST_LEAD,
    PERMIT_LIFE,
    TRAVEL_SPREAD,
    Permits,
    Refusal,
    grant,
    interval,
)
from orchestrator.throttle.pace_bounds import FAR, TIMES
from tests.support.arrivals import most_in_any_window
from tests.support.builders import LANE
from tests.support.clock import ManualClock
from tests.support.stalls import Stalls
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.enable_socket

LIMIT = WriteLimit(200, timedelta(seconds=2))


@pytest.fixture
async def backends(database_url: str) -> AsyncIterator[list[RowThrottle]]:
    """The throttle as three processes have it."""
    async with AsyncExitStack() as opened:
        stores = [await opened.enter_async_context(open_store(database_url, SystemClock())) for _ in range(3)]
        yield [RowThrottle(store, SystemClock(), Random(1)) for store in stores]


async def looked(backend: RowThrottle) -> PaceRead:
    """Where the lane stands, and the database's clock."""
    async with backend._store.reading() as tx:
        now = (await tx.now()).timestamp()
        return PaceRead(await tx.lanes.pace(LANE, now=now), now, None)


async def take(backend: RowThrottle, want: int, limit: WriteLimit | None = LIMIT) -> Permits:
    """Permits as a lane takes them: a question whose row another process changed meanwhile is asked again."""
    while True:
        permits = await backend.acquire(LANE, want, limit)
        wait = permits.ask_again_at - SystemClock().monotonic()
        if permits.each or wait > HORIZON / 5:
            return permits
        await asyncio.sleep(max(wait, 0.0))


async def opened_lane(backend: RowThrottle) -> None:
    """The first question in a lane grants nothing, since its past is unknown; then it rests."""
    await backend.acquire(LANE, 1, LIMIT)
    # The database's clock counts, and nobody can turn it on.
    await asyncio.sleep(HORIZON)


async def let_pass(backend: RowThrottle, seconds: float) -> None:
    """Moves every time in the row, and the one that the process remembers, so many seconds into the past."""
    async with backend._store.transaction() as tx:
        times = ", ".join(f"{name} = CASE WHEN {name} > 0 THEN {name} - {seconds} ELSE 0 END" for name in TIMES)
        await tx.connection.execute(text(f"UPDATE lanes SET {times}"))  # noqa: S608 - the names of columns
    backend._granted_until = {lane: until - seconds for lane, until in backend._granted_until.items()}


async def test_a_lane_that_was_never_seen_may_just_have_been_used_up(backends: list[RowThrottle]) -> None:
    first = await backends[0].acquire(LANE, 100, LIMIT)

    assert first.each == ()


async def test_permits_of_all_processes_stand_in_one_row(backends: list[RowThrottle], stalls: Stalls) -> None:
    await opened_lane(backends[0])

    began = SystemClock().monotonic()
    granted = await asyncio.gather(*(take(backend, 7) for backend in backends * 3))
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
            granted = await backend.acquire(LANE, 3, LIMIT)
        finally:
            event.remove(Engine, "commit", commit_slowly)

    assert clock.monotonic() == 2 * PERMIT_LIFE
    assert [permit.latest - permit.earliest for permit in granted.each] == pytest.approx([PERMIT_LIFE] * 3)


async def test_a_process_that_waited_for_the_row_reads_the_clock_after_that(backends: list[RowThrottle]) -> None:
    await opened_lane(backends[0])
    async with asyncio.TaskGroup() as group, backends[1]._store.transaction() as tx:
        before = await tx.lanes.lock(LANE)
        assert before is not None
        waiting = group.create_task(take(backends[0], 5))
        # So late that a moment read before the lock would show.
        await asyncio.sleep(0.7)
        now = (await tx.now()).timestamp()
        pace, granted = grant(before, now, 5, LIMIT)
        await tx.lanes.save_pace(LANE, pace)

    after = (await looked(backends[0])).pace
    permits = waiting.result()
    assert len(granted.departures) == 5
    assert permits.each
    # Nothing that was granted by the one is granted again to the other.
    assert after.last_departure - pace.last_departure >= len(permits.each) * interval(LIMIT) - 0.001


# A SQLite file has one writer, which reads and writes in one transaction.
async def test_a_row_that_was_changed_since_it_was_read_is_not_written(postgresql_url: str) -> None:
    async with AsyncExitStack() as opened:
        one, other = [await opened.enter_async_context(open_store(postgresql_url, SystemClock())) for _ in range(2)]
        backend = RowThrottle(one, SystemClock(), Random(1))
        await opened_lane(backend)
        tx = await opened.enter_async_context(one.autocommit())
        read = (await tx.lanes.read([LANE], tx.now))[LANE]
        async with other.autocommit() as faster:
            again = (await faster.lanes.read([LANE], tx.now))[LANE]
            pace = replace(again.pace, last_departure=again.now + 0.1)
            assert await faster.lanes.save_unchanged({LANE: (pace, again.version)}) == {LANE}
        late = replace(read.pace, last_departure=read.now + 0.2)
        written = await tx.lanes.save_unchanged({LANE: (late, read.version)})
        known = await tx.lanes.save_unchanged({LANE: (late, None)})
        stored = (await looked(backend)).pace

    assert read.version == again.version
    assert (written, known) == (frozenset(), set())
    assert stored == pace


@pytest.mark.parametrize("is_put_back", [False, True])
async def test_four_processes_share_one_pace(database_url: str, *, is_put_back: bool) -> None:
    """However they meet, and whatever they find; where the row is put back, a window passes without permits."""
    limit, chance = WriteLimit(20, timedelta(seconds=0.5)), Random(1)
    departures: list[float] = []
    async with AsyncExitStack() as opened:
        stores = [await opened.enter_async_context(open_store(database_url, SystemClock())) for _ in range(4)]
        takers = [RowThrottle(store, SystemClock(), Random(1)) for store in stores]
        for number in range(60):
            granted = await asyncio.gather(
                *(each.acquire(LANE, chance.randint(1, 9), limit, lead=LONGEST_LEAD) for each in takers)
            )
            # All four are on one machine, whose monotonic clock is one.
            departures += [permit.latest - PERMIT_LIFE for permits in granted for permit in permits.each]
            if is_put_back and number % 20 == 19:
                async with stores[0].transaction() as tx:
                    await tx.connection.execute(text("UPDATE lanes SET last_departure = last_departure - 1, reach = 0"))
            await asyncio.sleep(chance.uniform(0, 0.1))

    # A departure is known to the length of the question that it came with.
    assert len(departures) > 20
    assert most_in_any_window(departures, limit.window.total_seconds()) <= limit.calls


async def test_questions_that_wait_for_a_round_go_with_the_next_and_one_that_is_gone_takes_nothing(
    backends: list[RowThrottle], monkeypatch: pytest.MonkeyPatch
) -> None:
    backend, rounds = backends[0], list[int]()
    grant_round = backend._grant

    async def counted(asked: Sequence[Any]) -> list[Permits]:
        rounds.append(len(asked))
        return await grant_round(asked)

    monkeypatch.setattr(backend, "_grant", counted)
    lanes = [LaneKey(f"global/tenant {number}/app") for number in range(150)]
    tasks = [asyncio.create_task(backend.acquire(lane, number, None)) for number, lane in enumerate(lanes)]
    gone = asyncio.create_task(backend.acquire(LANE, 5, None))
    await asyncio.sleep(0)
    gone.cancel()

    granted = await asyncio.gather(*tasks)

    assert [len(permits.each) for permits in granted] == list(range(150))
    assert rounds == [1, 100, 49]
    assert gone.cancelled()


async def test_a_round_that_is_cancelled_is_asked_again_by_the_next_that_waits(
    backends: list[RowThrottle], monkeypatch: pytest.MonkeyPatch
) -> None:
    backend, began = backends[0], asyncio.Event()
    grant_round = backend._grant

    async def hang(_: Sequence[Any]) -> list[Permits]:
        monkeypatch.setattr(backend, "_grant", grant_round)
        began.set()
        await asyncio.get_running_loop().create_future()
        return []

    monkeypatch.setattr(backend, "_grant", hang)
    first = asyncio.create_task(backend.acquire(LANE, 1, None))
    second = asyncio.create_task(backend.acquire(LANE, 2, None))
    await began.wait()
    first.cancel()

    assert len((await second).each) == 2


async def test_all_who_wait_are_told_that_the_database_cannot_be_reached(
    backends: list[RowThrottle], monkeypatch: pytest.MonkeyPatch
) -> None:
    backend, rounds = backends[0], list[int]()

    async def fail(asked: Sequence[Any]) -> NoReturn:
        rounds.append(len(asked))
        await asyncio.sleep(0)
        raise StoreUnavailable("away")

    monkeypatch.setattr(backend, "_grant", fail)

    lanes = [LaneKey(f"global/tenant {number}/app") for number in range(150)]
    problems = await asyncio.gather(*(backend.acquire(lane, 1, None) for lane in lanes), return_exceptions=True)

    assert {type(problem) for problem in problems} == {StoreUnavailable}
    assert rounds == [1]


async def test_a_lane_without_a_limit_is_not_read_for_every_call_and_its_own_refusal_counts_at_once(
    backends: list[RowThrottle], monkeypatch: pytest.MonkeyPatch, clock: ManualClock
) -> None:
    backend, rounds = backends[0], list[int]()
    monkeypatch.setattr(backend, "_clock", clock)
    grant_round = backend._grant

    async def counted(asked: Sequence[Any]) -> list[Permits]:
        rounds.append(len(asked))
        return await grant_round(asked)

    monkeypatch.setattr(backend, "_grant", counted)
    first, second = await backend.acquire(LANE, 2, None), await backend.acquire(LANE, 3, None)
    clock.advance(seconds=0.3)
    later = await backend.acquire(LANE, 4, None)
    await backend.close(LANE, Refusal(30.0), None)
    closed = await backend.acquire(LANE, 5, None)

    assert [len(permits.each) for permits in (first, second, later, closed)] == [2, 3, 4, 0]
    assert rounds == [1, 1, 1]


async def test_permits_do_not_wait_for_transactions_that_hold_every_connection(
    postgresql_url: str, clock: ManualClock
) -> None:
    async with AsyncExitStack() as opened:
        store = await opened.enter_async_context(open_store(postgresql_url, SystemClock(), pool_size=1))
        # The pool of one has another connection for a rush.
        for _ in range(2):
            await opened.enter_async_context(store.transaction())

        async with asyncio.timeout(PATIENCE):
            permits = await RowThrottle(store, clock, Random(1)).acquire(LANE, 3, None)

    assert len(permits.each) == 3


async def test_a_lane_whose_row_is_locked_holds_up_no_other(postgresql_url: str, clock: ManualClock) -> None:
    other = LaneKey("global/other/app")
    async with open_store(postgresql_url, SystemClock()) as store:
        backend = RowThrottle(store, clock, Random(1))
        for lane in (LANE, other):
            await backend.acquire(lane, 1, LIMIT)
        # The database's own clock paces a lane: only time that passes there lets the next call leave.
        await asyncio.sleep(HORIZON + interval(LIMIT))
        async with store.transaction() as tx:
            await tx.lanes.lock(LANE)
            async with asyncio.timeout(PATIENCE):
                locked, free = await asyncio.gather(backend.acquire(LANE, 1, LIMIT), backend.acquire(other, 1, LIMIT))

    assert (len(locked.each), len(free.each)) == (0, 1)
    assert locked.ask_again_at <= clock.monotonic() + 0.1


async def test_a_row_that_cannot_be_right_closes_the_lane_for_one_window_and_breaks_no_look(
    backends: list[RowThrottle],
) -> None:
    backend = backends[0]
    await opened_lane(backend)
    window = LIMIT.window.total_seconds() + PERMIT_LIFE + TRAVEL_SPREAD
    is_sqlite = "sqlite" in backend._store.place
    numbers = ("1e300", "-7", "'soon'", "9e999") if is_sqlite else ("1e300", "-7", "'NaN'", "'Infinity'")
    floats = ("last_departure", "reach", "closed_until", "closed_for", "share", "held_since", "counted_from")
    poison = [(column, value) for column in floats for value in numbers]
    poison += [(column, "-7") for column in ("refusals", "together", "counted", "counted_before")]
    poison += [("closed_until", repr(SystemClock().now().timestamp() + 30 * 86400))]

    for column, value in poison:
        async with backend._store.transaction() as tx:
            poisoning = f"UPDATE lanes SET {column} = {value}"  # noqa: S608 - from the lists above
            await tx.connection.execute(text(poisoning))
        seen = await looked(backend)
        async with backend._store.reading() as tx:
            closed = await tx.lanes.closed(now=seen.now)
        permits = await backend.acquire(LANE, 100, LIMIT)
        after = (await looked(backend)).pace

        assert (column, value, seen.pace.closed_until) == (column, value, 0.0)
        assert all(until <= seen.now + FAR for until in closed.values())
        assert permits.each == ()
        assert after.closed_for == pytest.approx(window)

    await let_pass(backend, window + 0.5)
    assert (await backend.acquire(LANE, 100, LIMIT)).each


@pytest.mark.parametrize("poison", ["closed_until = 1e300", "share = -7"])
async def test_a_refusal_in_a_lane_whose_row_cannot_be_right_closes_it_for_one_window_at_least(
    backends: list[RowThrottle], poison: str
) -> None:
    backend = backends[0]
    await opened_lane(backend)
    async with backend._store.transaction() as tx:
        await tx.connection.execute(text(f"UPDATE lanes SET {poison}"))  # noqa: S608 - from the list above

    await backend.close(LANE, Refusal(1.0), LIMIT)

    window = LIMIT.window.total_seconds() + PERMIT_LIFE + TRAVEL_SPREAD
    assert (await looked(backend)).pace.closed_for == pytest.approx(window)


async def test_a_row_that_was_put_back_grants_nothing_twice(backends: list[RowThrottle]) -> None:
    backend = backends[0]
    await opened_lane(backend)
    assert (await backend.acquire(LANE, 100, LIMIT)).each
    async with backend._store.transaction() as tx:
        await tx.connection.execute(text("UPDATE lanes SET last_departure = last_departure - 5"))

    again = await backend.acquire(LANE, 100, LIMIT)

    assert again.each == ()
    assert again.closed_until > 0


async def test_a_closed_lane_is_closed_for_everybody_and_no_other_lane_is(backends: list[RowThrottle]) -> None:
    one, other, third = backends
    await opened_lane(one)

    before = SystemClock().monotonic()
    await one.close(LANE, Refusal(30.0), LIMIT)
    permits = await asyncio.gather(
        one.acquire(LANE, 5, LIMIT), other.acquire(LANE, 5, LIMIT), third.acquire(LANE, 5, None)
    )
    elsewhere = await other.acquire(LaneKey("global/other/app"), 5, None)

    now = SystemClock().monotonic()
    assert [each.each for each in permits] == [(), (), ()]
    assert all(before + 29.9 < each.closed_until <= now + 30.1 for each in permits)
    assert len(elsewhere.each) == 5


async def test_a_shorter_closure_does_not_open_what_a_longer_one_closed(backends: list[RowThrottle]) -> None:
    before = SystemClock().monotonic()
    await backends[0].close(LANE, Refusal(30.0), LIMIT)
    await backends[1].close(LANE, Refusal(1.0), LIMIT)

    permits = await backends[2].acquire(LANE, 5, LIMIT)

    assert permits.closed_until > before + 29.9
