"""A refresh that somebody began on the page or by the API, and does not wait for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, NoReturn

import pytest

from orchestrator.app import App
from orchestrator.domain.access import Actor, Grant, Role
from orchestrator.domain.errors import GraphUnreachable, NotPermitted, RequestRejected
from orchestrator.inventory.background_refresh import BackgroundRefreshes
from orchestrator.inventory.contents import describe_inventory
from orchestrator.store.engine.database import Transaction
from tests.support.actors import SOMEBODY
from tests.support.apps import an_app
from tests.support.reading import Rig

pytestmark = pytest.mark.enable_socket


@pytest.fixture
async def app(sqlite_url: str) -> AsyncIterator[App]:
    async with an_app(sqlite_url, "http://127.0.0.1:1") as opened:
        yield opened


async def test_it_is_seen_by_all_processes_while_it_runs_and_one_runs_at_a_time(app: App) -> None:
    rig, asked, answers = Rig(app), asyncio.Event(), asyncio.Event()
    rig.graph.directory.add_fleet(5)

    async def slowly(report: str, *given: Any, **options: Any) -> None:
        asked.set()
        await answers.wait()
        await rig.reads.reports.fetch(report, *given, **options)

    async def read(_: object) -> Any:
        return replace(rig.reads, reports=type("Slow", (), {"fetch": staticmethod(slowly)})())

    slow, here, elsewhere = replace(app, read=read), BackgroundRefreshes(), BackgroundRefreshes()
    await here.begin(slow, "default", by=SOMEBODY, reason=None)

    await asked.wait()
    running = (await elsewhere.standing(app, "default")).running
    for process in (here, elsewhere):
        with pytest.raises(RequestRejected, match="running already"):
            await process.begin(slow, "default", by=SOMEBODY, reason=None)
    answers.set()
    await here.finished()

    assert running is not None
    assert (running.read_by, running.devices) == (SOMEBODY.name, 0)
    assert (await elsewhere.standing(app, "default")).running is None
    current, _ = await describe_inventory(app, "default")
    assert current.summary.devices == 5


async def test_a_failure_is_kept_until_the_next_one_begins(app: App) -> None:
    async def unreachable(_: object) -> NoReturn:
        raise GraphUnreachable("Graph cannot be reached.")

    refreshes = BackgroundRefreshes()
    of_another = Actor("vera", "here", Grant(Role.OPERATOR, tenants=frozenset({"another"})))
    with pytest.raises(NotPermitted):
        await refreshes.begin(app, "default", by=of_another, reason=None)
    await refreshes.begin(replace(app, read=unreachable), "default", by=SOMEBODY, reason=None)
    await refreshes.finished()
    standing = await refreshes.standing(app, "default")
    assert (standing.running, standing.failure) == (None, "Graph cannot be reached.")


async def test_one_is_seen_from_its_beginning_and_leaves_nothing_that_seems_to_run_where_it_is_interrupted(
    app: App,
) -> None:
    async def never(_: object) -> Any:
        await asyncio.Event().wait()

    refreshes = BackgroundRefreshes()
    await refreshes.begin(replace(app, read=never), "default", by=SOMEBODY, reason=None)
    begun = (await BackgroundRefreshes().standing(app, "default")).running
    await refreshes.close()

    assert begun is not None
    assert (await refreshes.standing(app, "default")).running is None


async def test_a_request_that_is_sent_again_begins_nothing(app: App) -> None:
    asked = 0

    async def unreachable(_: object) -> NoReturn:
        nonlocal asked
        asked += 1
        raise GraphUnreachable("Graph cannot be reached.")

    async def is_repeat(_: Transaction) -> bool:
        return asked > 0

    refreshes = BackgroundRefreshes()
    for _ in range(2):
        given = replace(app, read=unreachable)
        await refreshes.begin(given, "default", by=SOMEBODY, reason=None, is_repeat=is_repeat)
        await refreshes.finished()

    assert asked == 1
