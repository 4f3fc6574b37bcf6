from __future__ import annotations

import asyncio

import pytest

from orchestrator.usecases.operations.single_flight import RECENT, SingleFlight
from tests.support.clock import ManualClock


class Looking:
    """A look that counts how often it began, and ends when it is told to."""

    def __init__(self) -> None:
        self.count = 0
        self.begun: asyncio.Queue[int] = asyncio.Queue()
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def __call__(self) -> int:
        self.count += 1
        mine = self.count
        self.begun.put_nowait(mine)
        await self.may_end.wait()
        return mine


async def test_all_who_ask_at_the_same_time_share_one_look() -> None:
    recent, look = SingleFlight[int](ManualClock()), Looking()

    found = await asyncio.gather(*(recent.get("job", look) for _ in range(50)))

    assert (set(found), look.count) == ({1}, 1)


async def test_a_value_is_renewed_beside_who_asks_and_never_shown_after_its_second() -> None:
    clock, look = ManualClock(), Looking()
    recent = SingleFlight[int](clock)
    first = await recent.get("job", look)
    clock.advance(seconds=0.6 * RECENT)
    beside = await recent.get("job", look)
    while await look.begun.get() < 2:
        pass
    await asyncio.sleep(0)
    renewed = await recent.get("job", look)
    clock.advance(seconds=RECENT)
    later = await recent.get("job", look)

    assert (first, beside, renewed, later) == (1, 1, 2, 3)


async def test_a_change_is_seen_at_once_even_if_a_look_from_before_it_ends_after_it() -> None:
    recent, look = SingleFlight[int](ManualClock()), Looking()
    look.may_end.clear()
    before = asyncio.create_task(recent.get("job", look))
    await look.begun.get()
    recent.forget()
    look.may_end.set()

    assert await recent.get("job", look) == 2
    assert await before == 1
    assert await recent.get("job", look) == 2


async def test_a_look_that_fails_is_tried_again_by_the_next_who_asks() -> None:
    recent, look = SingleFlight[int](ManualClock()), Looking()

    async def fail() -> int:
        raise ValueError("away")

    with pytest.raises(ValueError, match="away"):
        await recent.get("job", fail)

    assert await recent.get("job", look) == 1


async def test_a_request_that_is_given_up_ends_the_look_for_nobody_else() -> None:
    recent, look = SingleFlight[int](ManualClock()), Looking()
    look.may_end.clear()
    impatient = asyncio.create_task(recent.get("job", look))
    patient = asyncio.create_task(recent.get("job", look))
    await look.begun.get()
    impatient.cancel()
    await asyncio.sleep(0)
    look.may_end.set()

    assert await patient == 1


async def test_the_end_waits_for_a_look_that_is_under_way() -> None:
    recent, look = SingleFlight[int](ManualClock()), Looking()
    look.may_end.clear()
    asked = asyncio.create_task(recent.get("job", look))
    await look.begun.get()
    recent.forget()
    ending = asyncio.create_task(recent.close())
    await asyncio.sleep(0)
    assert not ending.done()
    look.may_end.set()
    await ending

    assert await asked == 1
