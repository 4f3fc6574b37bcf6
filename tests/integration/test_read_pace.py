"""Reads of all processes on one database share one pace."""

from __future__ import annotations

from contextlib import AsyncExitStack
from random import Random

from orchestrator.domain.ids import LaneKey
from orchestrator.engine.read_pace import ReadPace
from orchestrator.graph.export_jobs import EXPORT_LIMIT
from orchestrator.store.engine.database import open_store
from orchestrator.store.work.row_throttle import RowThrottle
from tests.support.reading import Skipping


async def test_two_processes_stay_within_the_limit_of_one_app_together(sqlite_url: str) -> None:
    clock, begun = Skipping(), list[float]()
    async with AsyncExitStack() as opened:
        stores = [await opened.enter_async_context(open_store(sqlite_url, clock)) for _ in range(2)]
        paces = [
            ReadPace(RowThrottle(store, clock, Random(1)), LaneKey("exports/a"), EXPORT_LIMIT, clock)
            for store in stores
        ]

        for number in range(60):
            await paces[number % 2]()
            begun.append(clock.monotonic())

    window = EXPORT_LIMIT.window.total_seconds()
    assert max(sum(at <= other < at + window for other in begun) for at in begun) <= EXPORT_LIMIT.calls
    assert begun[-1] - begun[0] < 2 * window
