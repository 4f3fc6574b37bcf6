from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from orchestrator.domain.errors import StoreUnavailable
from orchestrator.http.admission import ASKED_EVERY, while_admitted
from tests.support.clock import ManualClock, settle


async def test_a_reader_who_is_no_longer_let_in_gets_nothing_that_comes_later(clock: ManualClock) -> None:
    asked = 0
    is_closed = False

    async def values() -> AsyncIterator[int]:
        nonlocal is_closed
        try:
            for number in range(10):
                yield number
                clock.advance(seconds=ASKED_EVERY / 2)
        finally:
            is_closed = True

    async def is_admitted() -> bool:
        nonlocal asked
        asked += 1
        return asked < 3

    seen = [number async for number in while_admitted(values(), is_admitted, clock)]

    assert seen == [0, 1, 2, 3, 4, 5]
    assert asked == 3
    assert is_closed


async def test_a_stream_on_which_nothing_comes_ends_within_fifteen_seconds(clock: ManualClock) -> None:
    is_valid, is_closed = True, False

    async def values() -> AsyncIterator[int]:
        nonlocal is_closed
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            is_closed = True

    async def is_admitted() -> bool:
        return is_valid

    stream = while_admitted(values(), is_admitted, clock)
    first = await anext(stream)
    rest = asyncio.ensure_future(anext(stream, None))
    await clock.run_for(minutes=10)
    open_before = not rest.done()
    is_valid = False
    await clock.run_for(seconds=15)
    await settle()

    assert (first, open_before, rest.done(), is_closed) == (1, True, True, True)


async def test_nothing_is_told_while_the_database_is_away_and_the_latest_value_once_it_is_back(
    clock: ManualClock,
) -> None:
    is_away, comes = False, asyncio.Event()

    async def values() -> AsyncIterator[int]:
        yield 1
        await comes.wait()
        yield 2

    async def is_admitted() -> bool:
        if is_away:
            raise StoreUnavailable("away")
        return True

    stream = while_admitted(values(), is_admitted, clock)
    await anext(stream)
    rest = asyncio.ensure_future(anext(stream))
    is_away = True
    await clock.run_for(seconds=ASKED_EVERY + 1)
    comes.set()
    await clock.run_for(seconds=60)
    told_meanwhile = rest.done()
    is_away = False
    await clock.run_for(seconds=2)
    await settle()

    assert told_meanwhile is False
    assert await rest == 2
