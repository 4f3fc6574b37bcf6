"""A person changes her mind while calls are out, and a process ends while they hang."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest
from sqlalchemy import update

from orchestrator.app import App
from orchestrator.cli.exits import INTERRUPTED
from orchestrator.cli.foreground import Ending, conclude
from orchestrator.cli.invocation import Format
from orchestrator.domain.action import Action
from orchestrator.domain.errors import StoreUnavailable
from orchestrator.domain.job import JobStatus, Tally
from orchestrator.domain.lane import WriteLimit, parse_write_limit
from orchestrator.engine.driver import PATIENCE as ENDS_WITHIN
from orchestrator.engine.driver import Driver, open_driver
from orchestrator.engine.recovery import LEASE
from orchestrator.engine.stop import StopSignal
from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.serving import serve
from orchestrator.store.rows.jobs import BatchRow
from orchestrator.store.work.row_throttle import RowThrottle
from orchestrator.throttle.gcra import Permit, Permits, Refusal
from orchestrator.usecases.jobs.cancel_job import cancel_job
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.jobs.pause_job import pause_job
from orchestrator.usecases.jobs.resume_job import resume_job
from tests.support.actors import SOMEBODY
from tests.support.apps import an_app, driven, report_of, submitted, until_at_rest
from tests.support.stalls import Stalls
from tests.support.truth import assert_the_report_is_true
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.enable_socket

LIMIT = parse_write_limit("200/1s")


@pytest.fixture
def graph() -> SimulatedGraph:
    graph = SimulatedGraph(None)
    graph.answer_within(0.01, 0.05)
    return graph


@asynccontextmanager
async def at_work(database_url: str, graph: SimulatedGraph, limit: WriteLimit | None = LIMIT) -> AsyncIterator[App]:
    async with (
        serve(graph) as url,
        an_app(database_url, url, limit=limit) as app,
        open_driver(app, StopSignal()),
    ):
        yield app


async def until_called(graph: SimulatedGraph, calls: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while graph.tenant.total < calls:  # noqa: ASYNC110 - the simulator tells nobody
            await asyncio.sleep(0.01)


async def test_no_call_leaves_one_second_after_a_pause_and_resuming_calls_the_rest_once(
    sqlite_url: str, graph: SimulatedGraph, stalls: Stalls
) -> None:
    async with at_work(sqlite_url, graph) as app:
        job = await submitted(app, 400)
        await until_called(graph, 60)

        await pause_job(app, job.id, by=SOMEBODY)
        paused_at = time.monotonic()
        paused = await until_at_rest(app, job.id)
        # That nothing happens is what is tried, so there is nothing to wait for.
        await asyncio.sleep(max(0.0, paused_at + 1.5 - time.monotonic()))
        called = graph.tenant.total
        await resume_job(app, job.id, by=SOMEBODY)
        finished = await until_at_rest(app, job.id)
        report = await report_of(app, job)

    assert paused.status is JobStatus.PAUSED
    assert paused.tally.accepted == called
    assert [call for call in graph.tenant.calls[:called] if call.arrived > paused_at + 1 + stalls.allowance(1)] == []
    assert finished.tally == Tally(accepted=400)
    assert graph.tenant.total == 400
    assert_the_report_is_true(report, graph, to_the_call=True)


async def test_pausing_and_resuming_at_once_again_and_again_loses_and_doubles_nothing(
    postgresql_url: str, graph: SimulatedGraph
) -> None:
    async with at_work(postgresql_url, graph) as app:
        job = await submitted(app, 300)
        for calls in (10, 40, 80, 120, 160):
            await until_called(graph, calls)
            await pause_job(app, job.id, by=SOMEBODY)
            await resume_job(app, job.id, by=SOMEBODY)
        view = await until_at_rest(app, job.id)
        report = await report_of(app, job)

    assert view.tally == Tally(accepted=300)
    assert_the_report_is_true(report, graph, to_the_call=True)


async def test_a_job_that_is_paused_while_its_first_calls_are_out_is_paused_after_them(
    sqlite_url: str, graph: SimulatedGraph, capsys: pytest.CaptureFixture[str]
) -> None:
    graph.answer_within(0.6, 0.8)
    async with at_work(sqlite_url, graph) as app:
        job = await submitted(app, 100)
        await until_called(graph, 5)
        await pause_job(app, job.id, by=SOMEBODY)
        shown = (await describe_job(app, job.id)).status
        code = await conclude(app, job, Ending(Format.TABLE), interrupted=True)
        paused = await until_at_rest(app, job.id)
        await resume_job(app, job.id, by=SOMEBODY)
        finished = await until_at_rest(app, job.id)

    assert shown is JobStatus.PAUSING
    assert code == INTERRUPTED
    assert "Interrupted: the job is pausing" in capsys.readouterr().err
    assert paused.tally.accepted + paused.tally.waiting == 100
    assert 5 <= paused.tally.accepted <= 20
    assert finished.tally == Tally(accepted=100)
    assert graph.tenant.total == 100


async def test_the_next_batch_is_held_before_the_reserve_is_empty(postgresql_url: str, graph: SimulatedGraph) -> None:
    seen: list[dict[int, int]] = []
    async with (
        serve(graph) as url,
        an_app(postgresql_url, url, limit=LIMIT) as app,
        open_driver(app, StopSignal()) as driver,
    ):
        job = await submitted(app, 600)
        async with asyncio.timeout(PATIENCE):
            while graph.tenant.total < 600:
                # What the process holds, and not what the database says of it: a slow answer misses the moment.
                seen.append({batch.claim.key.batch: batch.prefetched for batch in driver.jobs.leased()})
                await asyncio.sleep(0.01)
        await until_at_rest(app, job.id)

    reserves = [sum(before.values()) for before, held in pairwise(seen) if before and held.keys() > before.keys()]
    assert reserves
    assert {batch for held in seen for batch in held} == {0, 1}
    # Not from the start on: what one worker holds no other has. Of the 500 in a batch the last 100 are in reserve,
    # and before them at most 200, a block of permits, wait for their second.
    assert max(reserves) <= 100 + 200
    assert graph.tenant.total == 600


async def test_a_cancelled_job_ends_with_nothing_waiting(postgresql_url: str, graph: SimulatedGraph) -> None:
    async with at_work(postgresql_url, graph) as app:
        job = await submitted(app, 1200)
        await until_called(graph, 60)
        await cancel_job(app, job.id, by=SOMEBODY)
        view = await until_at_rest(app, job.id)
        report = await report_of(app, job)

    assert view.status is JobStatus.CANCELLED
    assert view.tally == Tally(accepted=graph.tenant.total, cancelled=1200 - graph.tenant.total)
    assert_the_report_is_true(report, graph, to_the_call=True)


async def test_a_run_whose_job_is_cancelled_from_elsewhere_leaves_nothing_waiting(
    sqlite_url: str, graph: SimulatedGraph
) -> None:
    async with serve(graph) as url, an_app(sqlite_url, url, limit=LIMIT) as app, an_app(sqlite_url, url) as other:
        job = await submitted(app, 1200)
        running = asyncio.create_task(driven(app, job))
        await until_called(graph, 60)
        await cancel_job(other, job.id, by=SOMEBODY)
        view = await running

    assert view.status is JobStatus.CANCELLED
    assert (view.tally.waiting, view.tally.sending) == (0, 0)


@pytest.mark.parametrize("action", [Action.REFRESH_USER_POLICY, Action.FULL_SCAN])
async def test_an_end_waits_ten_seconds_for_calls_that_hang_and_tells_sent_from_unsent(
    action: Action, sqlite_url: str, graph: SimulatedGraph, monkeypatch: pytest.MonkeyPatch, stalls: Stalls
) -> None:
    monkeypatch.setattr("orchestrator.engine.driver.PATIENCE", 4.0)  # the same, sooner
    graph.hang(seconds=60.0, after_calls=20, share=1.0, effect=True)
    async with serve(graph) as url, an_app(sqlite_url, url) as app:
        job = await submitted(app, 400, action=action)
        async with open_driver(app, StopSignal()):
            await until_called(graph, 20 + 64)
            ending = time.monotonic()
        took = time.monotonic() - ending
        hanging = graph.tenant.total - 20
        view, report = await describe_job(app, job.id), await report_of(app, job)

    assert took < 8 + stalls.allowance(8)
    assert view.tally.sending == 0
    assert view.tally.accepted == 20
    # Slow answers let one more request leave, each of them.
    assert 64 <= hanging <= 64 + 20
    assert view.tally.uncertain == (hanging if action is Action.FULL_SCAN else 0)
    assert {row["attempts"] for row in report if row["status"] == "waiting"} <= {"0", "1"}
    assert_the_report_is_true(
        [row for row in report if row["attempts"] == "0"],
        graph,
        to_the_call=True,
    )


async def test_an_end_does_not_wait_for_a_database_that_is_away(
    sqlite_url: str, graph: SimulatedGraph, monkeypatch: pytest.MonkeyPatch, stalls: Stalls
) -> None:
    monkeypatch.setattr("orchestrator.engine.driver.PATIENCE", 1.0)
    refused = asyncio.Event()

    async def away(*_: object, **__: object) -> None:
        refused.set()
        raise StoreUnavailable("away")

    async with serve(graph) as url, an_app(sqlite_url, url) as app:
        await submitted(app, 2000)
        async with open_driver(app, StopSignal()):
            await until_called(graph, 100)
            monkeypatch.setattr("orchestrator.engine.driver.record_outcomes", away)
            await refused.wait()
            ending = time.monotonic()
        took = time.monotonic() - ending

    assert took < 6 + stalls.allowance(6)
    assert ENDS_WITHIN == 10


async def test_what_another_took_over_is_not_called_any_more_when_the_database_is_back(
    postgresql_url: str, graph: SimulatedGraph
) -> None:
    """A worker loses its database for longer than a lease, while calls of it wait for a place."""
    graph.hang(seconds=0.6, after_calls=20, share=1.0, effect=True)
    async with serve(graph) as url, an_app(postgresql_url, url, kind="worker") as app:
        job = await submitted(app, 300)
        async with open_driver(app, StopSignal()) as driver:
            await until_called(graph, 20 + 64)
            await hand_over_everything(app, driver)
            view = await until_at_rest(app, job.id)
            report = await report_of(app, job)

    assert view.tally == Tally(accepted=300)
    # Those that were on their way are called again, and say so; those that waited for a place are called once.
    assert sum(row["maybeRepeated"] == "true" for row in report) >= 64
    assert_the_report_is_true(report, graph)


async def hand_over_everything(app: App, driver: Driver) -> None:
    """As if the leases had run out: another process recovers what this one holds, and this one hears of it."""
    async with app.store.transaction() as tx:
        now = await tx.now()
        held = update(BatchRow).where(BatchRow.holder.is_not(None))
        await tx.connection.execute(held.values(lease_until=now - LEASE))
        await tx.recovery.hand_back(now=now, limit=50)
    await driver._beat()


class FarSighted(RowThrottle):
    """Grants for seconds ahead, as none should: what it granted must be called back."""

    grants = True

    async def acquire(self, *_question: object, **_more: object) -> Permits:
        now = self._clock.monotonic()
        each = (Permit(now + slot * 0.05, now + slot * 0.05 + 1.0) for slot in range(100 if self.grants else 0))
        return Permits(tuple(each), now + 1.0)


async def test_what_was_granted_before_another_process_was_refused_does_not_leave(
    sqlite_url: str, graph: SimulatedGraph, stalls: Stalls
) -> None:
    async with serve(graph) as url, an_app(sqlite_url, url, limit=LIMIT) as app:
        await submitted(app, 200)
        throttle = FarSighted(app.store, app.clock, Random(1))
        async with open_driver(replace(app, throttle=throttle), StopSignal()):
            # The first twenty prove the job; after them a hundred are on their way to their departures.
            await until_called(graph, 30)
            throttle.grants = False
            await app.throttle.close(app.tenants["default"].lane, Refusal(30.0), LIMIT)
            closed_at = time.monotonic()
            # That nothing happens is what is tried, so there is nothing to wait for.
            await asyncio.sleep(0.9)

        after = [call.arrived - closed_at for call in graph.tenant.calls]
        assert [instant for instant in after if 0.5 + stalls.allowance(0.5) < instant < 0.8] == []
        assert len(after) < 100
