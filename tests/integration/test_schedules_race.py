"""Any number of clocks at once, on both databases: each moment becomes one job, and no call starts after a window."""

from __future__ import annotations

import asyncio
import time as stopwatch
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from orchestrator.domain.job import JobStatus
from orchestrator.domain.lane import parse_write_limit
from orchestrator.domain.recurrence import Every
from orchestrator.domain.schedule import OccurrenceStatus, Overlap, Rules
from orchestrator.engine.driver import open_driver
from orchestrator.engine.stop import StopSignal
from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.serving import serve
from orchestrator.usecases.jobs.cancel_job import cancel_job
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.jobs.describe_jobs import list_jobs
from orchestrator.usecases.schedules.fire_schedules import fire_schedules
from orchestrator.usecases.schedules.remove_schedule import remove_schedule
from tests.support.actors import SOMEBODY
from tests.support.apps import an_app, targets_of
from tests.support.schedules import a_list, a_schedule, history_of
from tests.support.stalls import Stalls
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.enable_socket

CLOCKS = 5
_WINDOWS = (5, 20, 80)
"""Seconds; the longer ones are for a machine on which the shorter ones are over before the first call."""


async def test_five_clocks_at_once_make_one_job_of_each_moment(database_url: str) -> None:
    async with AsyncExitStack() as opened:
        apps = [
            replace(
                await opened.enter_async_context(an_app(database_url, "http://127.0.0.1:1", kind="clock")),
                chance=Random(number),
            )
            for number in range(CLOCKS)
        ]
        await a_list(apps[0], 30)
        rules = Rules(overlap=Overlap.CANCEL, start_within=timedelta(days=1))
        beginning = datetime.now(UTC).replace(microsecond=0)
        for name in ("one", "two", "three"):
            await a_schedule(apps[0], name, recurrence=Every(timedelta(seconds=1), beginning), rules=rules)

        async with asyncio.timeout(PATIENCE):
            while min([len(await history_of(apps[0], name)) for name in ("one", "two", "three")]) < 3:
                await asyncio.gather(*(fire_schedules(app) for app in apps))
                await asyncio.sleep(0.05)

        jobs = await list_jobs(apps[0], limit=1000)
        histories = {name: await history_of(apps[0], name) for name in ("one", "two", "three")}

    for name, history in histories.items():
        started = [instant for instant in history if instant.status is OccurrenceStatus.STARTED]
        made = [view.job.id for view in jobs if view.job.schedule == name]
        assert sorted(instant.job or "" for instant in started) == sorted(made)
        assert len({instant.at for instant in history}) == len(history)
        # None is left out either: every second up to the last one has its row.
        assert len(history) == (history[-1].at - history[0].at) // timedelta(seconds=1) + 1
        assert len(made) >= 1


async def test_no_call_arrives_after_the_end_of_a_window_in_mid_job(database_url: str, stalls: Stalls) -> None:
    for seconds in _WINDOWS:
        if await _is_called_until_its_window_ends(database_url, seconds, stalls):
            return
    pytest.fail(f"no call within {_WINDOWS[-1]} seconds")


async def _is_called_until_its_window_ends(database_url: str, seconds: int, stalls: Stalls) -> bool:
    """Run a job that takes twice as long as its window; False where the window ended before the first call."""
    devices = 2 * 50 * seconds
    graph = SimulatedGraph(None)
    graph.answer_within(0.02, 0.2)
    async with (
        serve(graph) as url,
        an_app(database_url, url, limit=parse_write_limit("50/1s"), kind="serve") as opened,
    ):
        # Each attempt chooses ids of its own.
        app = replace(opened, chance=Random(seconds))
        await a_list(app, devices)
        # The window ends some seconds from now, on this machine's clock as on the database's.
        now = datetime.now(UTC)
        ends = (now + timedelta(seconds=seconds)).replace(microsecond=0)
        rules = Rules(until=ends.time(), start_within=timedelta(hours=1))
        await a_schedule(
            app, f"within-{seconds}-s", recurrence=Every(timedelta(seconds=1), now.replace(microsecond=0)), rules=rules
        )
        async with open_driver(app, StopSignal()):
            async with asyncio.timeout(PATIENCE):
                while not await fire_schedules(app):  # noqa: ASYNC110 - time passes for real here
                    await asyncio.sleep(0.05)
            closes_at = stopwatch.monotonic() + (ends - datetime.now(UTC)).total_seconds()
            (job, *_) = [view.job for view in await list_jobs(app, limit=10)]
            async with asyncio.timeout(PATIENCE):
                while (view := await describe_job(app, job.id)).status is not JobStatus.STOPPED:  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0.05)
                # That nothing happens is what is tried, so there is nothing to wait for.
                await asyncio.sleep(max(0.0, closes_at + 1 - stopwatch.monotonic()))
                view = await describe_job(app, job.id)
        targets = await targets_of(app, job)
        await cancel_job(app, job.id, by=SOMEBODY)
        await remove_schedule(app, f"within-{seconds}-s", by=SOMEBODY)

    arrived = [call.arrived for call in graph.tenant.calls]
    assert len(arrived) < devices
    assert max(arrived, default=0.0) < closes_at + stalls.longest
    # Not for nothing either: calls go on until shortly before the end.
    assert not arrived or max(arrived) > closes_at - 2.5 - stalls.allowance(2.5)
    assert view.status is JobStatus.STOPPED
    assert "its window ended" in (view.job.reason or "")
    assert view.tally.accepted == len(arrived)
    assert view.tally.waiting == devices - len(arrived)
    assert len([target for target in targets if target.attempts]) == len(arrived)
    return bool(arrived)
