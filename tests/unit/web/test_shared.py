from __future__ import annotations

import asyncio

import pytest

from orchestrator.web.shared import SharedFragments


async def test_however_many_watch_a_fragment_is_made_once_for_each_value() -> None:
    shared, made = SharedFragments(), 0

    async def make() -> str:
        nonlocal made
        made += 1
        await asyncio.sleep(0)
        return f"the {made}."

    first, second = object(), object()
    texts = await asyncio.gather(*(shared.text("job", first, make) for _ in range(50)))
    later = [await shared.text("job", value, make) for value in (first, second, second)]

    assert texts == ["the 1."] * 50
    assert later == ["the 1.", "the 2.", "the 2."]


async def test_a_fragment_that_could_not_be_made_is_tried_again() -> None:
    shared, value = SharedFragments(), object()

    async def fail() -> str:
        raise OSError

    async def make() -> str:
        return "made"

    with pytest.raises(OSError):  # noqa: PT011 - there is no more to say of it
        await shared.text("job", value, fail)

    assert await shared.text("job", value, make) == "made"


async def test_who_came_first_may_leave_before_it_is_made() -> None:
    shared, value, go_on = SharedFragments(), object(), asyncio.Event()

    async def make() -> str:
        await go_on.wait()
        return "made"

    first = asyncio.create_task(shared.text("job", value, make))
    other = asyncio.create_task(shared.text("job", value, make))
    await asyncio.sleep(0)
    first.cancel()
    go_on.set()

    assert await other == "made"
