"""Lists and figures ask as much for many schedules and lanes as for few, and are given whatever the throttle holds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from sqlalchemy import text

from orchestrator.app import App
from orchestrator.domain.ids import LaneKey
from orchestrator.domain.lane import GRAPH_WRITE_LIMIT
from orchestrator.domain.zones import zone_of
from orchestrator.throttle.gcra import Refusal
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.jobs.describe_jobs import list_jobs
from orchestrator.usecases.lists.describe_lists import list_lists
from orchestrator.usecases.operations.describe_lanes import list_lanes
from orchestrator.usecases.operations.describe_overview import Overviews
from orchestrator.usecases.operations.describe_status import describe_status
from orchestrator.usecases.operations.list_attention import list_attention
from orchestrator.usecases.operations.measure import measure
from orchestrator.usecases.schedules.describe_schedules import list_schedules, schedule_names
from tests.support.apps import an_app, submitted
from tests.support.builders import a_job
from tests.support.schedules import a_list, a_schedule
from tests.support.statements import plan_of, statements_of, work_of

pytestmark = pytest.mark.enable_socket


async def list_all_jobs(app: App) -> object:
    return await list_jobs(app, limit=100)


async def ask_for_pages(app: App) -> object:
    """What the pages of jobs and of lists show beside the jobs themselves."""
    return await Overviews(app).urgent_jobs(), await schedule_names(app), await list_lists(app)


async def describe_overview(app: App) -> object:
    return await Overviews(app).describe(zone_of("Europe/Berlin"))


ASKED: list[Callable[[App], Awaitable[object]]] = [
    list_schedules,
    list_lanes,
    list_all_jobs,
    ask_for_pages,
    describe_status,
    describe_overview,
    measure,
]


async def test_a_list_asks_as_much_for_many_as_for_few(sqlite_url: str) -> None:
    async with an_app(sqlite_url, "http://127.0.0.1:1", limit=GRAPH_WRITE_LIMIT) as app:
        await a_list(app)
        tenants = dict(app.tenants)
        asked: dict[int, list[int]] = {}
        for end in (2, 12):
            for number in range(len(tenants), end):
                await a_list(app, name=f"fleet-{number}")
                name = f"tenant{number}"
                tenants[name] = replace(app.tenants["default"], name=name, lane=LaneKey(f"global/{name}/app"))
                await a_job(app.store, lane=tenants[name].lane)
                await a_schedule(app, f"nightly-{number}", list_name="fleet")
            asked[end] = []
            for ask in ASKED:
                with statements_of(app.store) as statements:
                    await ask(replace(app, tenants=tenants))
                asked[end].append(len(work_of(statements)))

    assert asked[2] == asked[12]
    assert min(asked[2]) > 0


async def test_the_overview_asks_at_most_32_statements_nothing_of_the_past_again_and_nothing_within_a_second(
    sqlite_url: str,
) -> None:
    async with an_app(sqlite_url, "http://127.0.0.1:1", limit=GRAPH_WRITE_LIMIT) as app:
        await submitted(app, 20)
        await a_list(app)
        await a_schedule(app, "nightly")
        overviews = Overviews(app)
        asked = []
        for zone in ("UTC", "Europe/Berlin"):
            with statements_of(app.store) as statements:
                await overviews.describe(zone_of(zone))
            asked.append(work_of(statements))
            overviews.forget()
        await overviews.describe(zone_of("UTC"))
        with statements_of(app.store) as statements:
            await overviews.describe(zone_of("Asia/Tokyo"))
            await overviews.urgent_jobs()
            await overviews.status()

    assert len(asked[0]) <= 32
    assert len(asked[1]) == len(asked[0]) - 2
    assert work_of(statements) == []
    assert any("sum(batches.accepted)" in text and "started_at >=" in text for text in asked[0])
    assert not any("sum(batches.accepted)" in text and "started_at >=" in text for text in asked[1])


async def test_a_small_list_is_stored_with_14_statements_in_4_transactions(sqlite_url: str) -> None:
    async with an_app(sqlite_url, "http://127.0.0.1:1", limit=GRAPH_WRITE_LIMIT) as app:
        with statements_of(app.store) as statements:
            await submitted(app, 5)

    assert len(work_of(statements)) == 14
    assert sum(statement.text.startswith("BEGIN") for statement in statements) == 4


async def test_nothing_is_asked_about_no_jobs_and_no_schedules(sqlite_url: str) -> None:
    async with an_app(sqlite_url, "http://127.0.0.1:1", limit=GRAPH_WRITE_LIMIT) as app:
        with statements_of(app.store) as statements:
            await describe_status(app)
            await list_jobs(app, limit=20)

    # SQLAlchemy writes `IN (SELECT 1 FROM (SELECT 1) WHERE 1!=1)` for an empty list.
    assert not any("1!=1" in text for text in work_of(statements))


async def test_jobs_with_many_failures_are_found_by_their_own_index(sqlite_url: str) -> None:
    async with an_app(sqlite_url, "http://127.0.0.1:1", limit=GRAPH_WRITE_LIMIT) as app:
        with statements_of(app.store) as statements:
            await list_attention(app)
        wanted = next(each for each in statements if "failures * 20" in each.text)
        async with app.store.reading() as tx:
            plan = await plan_of(tx.connection, wanted)

    assert "ix_jobs_many_failures" in plan
    assert "ix_jobs_status" not in plan


async def test_every_view_is_given_whatever_the_lane_s_row_holds(sqlite_url: str) -> None:
    async with an_app(sqlite_url, "http://127.0.0.1:1", limit=GRAPH_WRITE_LIMIT) as app:
        job = await submitted(app, 20)
        lane = app.tenants["default"].lane
        await app.throttle.close(lane, Refusal(5.0), GRAPH_WRITE_LIMIT)
        for poison in ("closed_until = 1e300, closed_for = 1e300", "share = 1e-300", "reach = 'text'", "together = -1"):
            async with app.store.transaction() as tx:
                await tx.connection.execute(text(f"UPDATE lanes SET {poison}"))  # noqa: S608 - from the line above

            assert (await describe_job(app, job.id)).job.id == job.id
            assert [view.job.id for view in await list_jobs(app, limit=10)] == [job.id]
            assert [view.key for view in await list_lanes(app)] == [lane]
            assert b"muster_lane_closed_seconds" in await measure(app)


async def test_an_end_that_no_calendar_holds_is_no_end(sqlite_url: str) -> None:
    async with an_app(sqlite_url, "http://127.0.0.1:1", limit=GRAPH_WRITE_LIMIT) as app:
        job = await submitted(app, 20)
        async with app.store.transaction() as tx:
            await tx.connection.execute(text("UPDATE batches SET waiting = 9000000000000000"))

        assert (await describe_job(app, job.id)).estimated_finish_at is None
