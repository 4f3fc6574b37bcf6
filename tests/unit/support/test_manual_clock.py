from __future__ import annotations

import asyncio
from datetime import timedelta

from tests.support.clock import START, ManualClock, settle


async def test_a_sleeper_wakes_when_its_moment_has_passed() -> None:
    clock = ManualClock()
    sleeper = asyncio.create_task(clock.sleep(5))
    await settle()

    clock.advance(seconds=4.9)
    await settle()
    too_early = sleeper.done()
    clock.advance(seconds=0.1)
    await sleeper

    assert not too_early
    assert clock.now() == START + timedelta(seconds=5)


async def test_everyone_sees_their_own_moment_while_time_runs() -> None:
    clock = ManualClock()
    seen: list[float] = []

    async def ticking(seconds: float) -> None:
        for _ in range(3):
            await clock.sleep(seconds)
            seen.append(clock.monotonic())

    async with asyncio.TaskGroup() as both:
        both.create_task(ticking(2))
        both.create_task(ticking(3))
        await clock.run_for(minutes=1)

    assert seen == [2, 3, 4, 6, 6, 9]
    assert clock.monotonic() == 60


async def test_automatic_time_jumps_to_the_next_sleeper() -> None:
    clock = ManualClock(auto=True)

    async def waiting_for_others() -> float:
        await asyncio.gather(clock.sleep(3600), clock.sleep(10))
        return clock.monotonic()

    assert await waiting_for_others() == 3600


async def test_automatic_time_waits_for_work_that_is_still_going_on() -> None:
    clock = ManualClock(auto=True)
    occurrences: list[float] = []

    async def busy() -> None:
        for _ in range(100):
            await asyncio.sleep(0)
        occurrences.append(clock.monotonic())

    async with asyncio.TaskGroup() as both:
        both.create_task(clock.sleep(5))
        both.create_task(busy())

    assert occurrences == [0]


async def test_a_cancelled_sleeper_does_not_hold_time_up() -> None:
    clock = ManualClock(auto=True)
    cancelled = asyncio.create_task(clock.sleep(10))
    await asyncio.sleep(0)

    cancelled.cancel()
    await clock.sleep(20)

    assert clock.monotonic() == 20
    assert clock.sleeping == 0
