from __future__ import annotations

from collections.abc import AsyncIterator

from orchestrator.serving.admission import TRUSTED_FOR, while_admitted
from tests.support.clock import ManualClock


async def test_whoever_may_see_no_more_gets_nothing_that_comes_later(clock: ManualClock) -> None:
    asked = 0
    is_closed = False

    async def values() -> AsyncIterator[int]:
        nonlocal is_closed
        try:
            for number in range(10):
                yield number
                clock.advance(seconds=TRUSTED_FOR / 2)
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
