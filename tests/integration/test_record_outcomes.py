"""Writes that fail half-way, and writes of several processes over the same jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from typing import NoReturn, cast

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from orchestrator.app import App, Connection
from orchestrator.domain.access import caller_of_key
from orchestrator.domain.action import Action
from orchestrator.domain.errors import IllegalMove, SignInRefused, StoreUnavailable
from orchestrator.domain.fair_queue import QueuePlace
from orchestrator.domain.ids import JobNumber
from orchestrator.domain.job import JobStatus, Tally
from orchestrator.domain.target import TargetStatus
from orchestrator.engine import driver as drive
from orchestrator.engine.job_news import JobNews, write_job_news
from orchestrator.engine.lane_admission import admit_lane
from orchestrator.engine.record_outcomes import record_outcomes
from orchestrator.engine.recorder import Entry, Kept
from orchestrator.engine.recovery import LEASE, recover_stalled
from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.serving import serve
from orchestrator.usecases.jobs.delete_job import delete_job
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.jobs.pause_job import pause_job
from orchestrator.usecases.operations.keep_time import tick
from tests.support.actors import SOMEBODY
from tests.support.apps import an_app, driven, submitted, targets_of
from tests.support.builders import LANE, StoreWorker, a_job
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.enable_socket


async def test_outcomes_are_counted_once_though_what_they_mean_for_jobs_cannot_be_written_at_first(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    troubles = [StoreUnavailable("away"), ZeroDivisionError("a fault"), StoreUnavailable("away")]

    async def note(app: App, news: JobNews, starts: Mapping[JobNumber, float]) -> list[QueuePlace]:
        if troubles:
            raise troubles.pop()
        return await write_job_news(app, news, starts)

    monkeypatch.setattr("orchestrator.engine.job_news.write_job_news", note)
    with capture_logs() as logs:
        async with serve(SimulatedGraph(None)) as url, an_app(sqlite_url, url) as app:
            job = await submitted(app, 60)
            view = await driven(app, job)
            async with app.store.reading() as tx:
                calls = await tx.lanes.calls_since(datetime.fromtimestamp(0, UTC))

    assert troubles == []
    assert view.tally == Tally(accepted=60)
    assert [each.calls for each in calls.values()] == [60]
    assert settled_of(app) == 60
    assert "batch.taken_over" not in {each["event"] for each in logs}


@pytest.mark.parametrize("refuses", ["NEW.line = 7", "NEW.line = 7 AND NEW.request_id IS NOT NULL"])
async def test_one_row_that_cannot_be_written_costs_no_other_its_outcome(sqlite_url: str, refuses: str) -> None:
    trigger = f"CREATE TRIGGER bad BEFORE UPDATE ON targets WHEN {refuses} BEGIN SELECT RAISE(ABORT, 'no'); END"
    graph = SimulatedGraph(None)
    # Captured: to print the traceback of each failed write takes longer than a lease lives on a busy machine.
    with capture_logs():
        async with serve(graph) as url, an_app(sqlite_url, url) as app:
            job = await submitted(app, 10)
            async with app.store.transaction() as tx:
                await tx.connection.execute(text(trigger))
            view = await driven(app, job)
            accepted = {each.device for each in await targets_of(app, job) if each.status is TargetStatus.ACCEPTED}

    called = [call.device for call in graph.tenant.calls]
    assert len(set(called)) == len(called) == view.tally.accepted
    if "request_id" in refuses:
        assert (view.job.status, len(called), accepted) == (JobStatus.FINISHED, 10, set(called))
    else:
        assert (view.job.status, len(accepted)) == (JobStatus.STOPPED, len(called) - 1)
        assert "line 7 (accepted)" in (view.job.reason or "")


async def test_a_row_whose_attempts_cannot_be_counted_any_further_is_written_with_its_outcome(
    postgresql_url: str,
) -> None:
    graph = SimulatedGraph(None)
    with capture_logs():
        async with serve(graph) as url, an_app(postgresql_url, url) as app:
            job = await submitted(app, 10)
            async with app.store.transaction() as tx:
                await tx.connection.execute(text("UPDATE targets SET attempts = 2147483647 WHERE line = 7"))
            view = await driven(app, job)
            statuses = {each.status for each in await targets_of(app, job)}

    assert (view.job.status, view.tally) == (JobStatus.FINISHED, Tally(accepted=10))
    assert statuses == {TargetStatus.ACCEPTED}
    assert len(graph.tenant.calls) == 10


async def test_a_process_that_stood_still_for_longer_than_its_lease_calls_nothing_again(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = SimulatedGraph(None)
    is_still = True

    async def stand_still(app: App, entry: Entry) -> Kept:
        nonlocal is_still
        if is_still and entry.targets:
            is_still = False
            async with app.store.transaction() as tx:
                await tx.connection.execute(text("UPDATE batches SET lease_until = '2000-01-01 00:00:00.000000'"))
            await tick(app)
            raise ZeroDivisionError("a fault")
        return await record_outcomes(app, entry)

    monkeypatch.setattr(drive, "record_outcomes", stand_still)
    with capture_logs() as logs:
        async with serve(graph) as url, an_app(sqlite_url, url) as app:
            view = await driven(app, await submitted(app, 10))

    assert not is_still
    assert view.tally == Tally(accepted=10)
    assert len(graph.tenant.calls) == 10
    assert "batch.recovered" not in {each["event"] for each in logs}


def settled_of(app: App) -> float:
    return sum(
        sample.value
        for metric in app.metrics.settled.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    )


class BarredConnection:
    """A sign-in that is refused."""

    async def token_view(self) -> NoReturn:
        raise SignInRefused("no such app")


async def note_calls(app: App, jobs: list[JobNumber]) -> None:
    await write_job_news(app, JobNews(dict.fromkeys(reversed(jobs), 1)), {})


async def bar_lane(app: App, _: list[JobNumber]) -> None:
    await admit_lane(app, cast("Connection", BarredConnection()), LANE, only=None)


async def hand_over(app: App, _: list[JobNumber]) -> None:
    async with app.store.transaction() as tx:
        await tx.creations.hand_over("old", to="new")


async def settle_leftovers(app: App, _: list[JobNumber]) -> None:
    await recover_stalled(app)


@pytest.mark.parametrize("change", [note_calls, bar_lane, hand_over, settle_leftovers])
async def test_several_jobs_are_locked_in_the_order_of_their_numbers_whatever_the_plan(
    postgresql_url: str, change: Callable[[App, list[JobNumber]], Coroutine[None, None, None]]
) -> None:
    async with an_app(postgresql_url, "http://127.0.0.1:1") as app:
        jobs = [(await a_job(app.store)).number for _ in range(3)]
        first, second, third = jobs
        async with app.store.transaction() as tx:
            await tx.connection.execute(text("UPDATE jobs SET submitter = :old"), {"old": caller_of_key("old")})
            if change is settle_leftovers:
                await tx.connection.execute(text("UPDATE batches SET accepted = waiting, waiting = 0"))
            # Without nested loops the plan reads the table as it lies, and an update moves a row to its end.
            database = (await tx.connection.execute(text("SELECT current_database()"))).scalar_one()
            await tx.connection.execute(text(f'ALTER DATABASE "{database}" SET enable_nestloop = off'))
            await tx.fair_queue.serve({first: 1})
    async with an_app(postgresql_url, "http://127.0.0.1:1") as app:
        async with app.store.transaction() as holder:
            await holder.fair_queue.serve({second: 1})
            changing = asyncio.create_task(change(app, jobs))
            await until_somebody_waits(app)
            free = await free_of(app, jobs)
        await changing

    assert free == {third}


async def until_somebody_waits(app: App) -> None:
    waits = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    async with asyncio.timeout(PATIENCE):
        while True:
            async with app.store.transaction() as tx:
                if (await tx.connection.execute(waits)).scalar_one():
                    return
            await asyncio.sleep(0.01)


async def free_of(app: App, jobs: list[JobNumber]) -> set[int]:
    """Those that nobody has locked."""
    free = text("SELECT number FROM jobs WHERE number = ANY(:jobs) FOR UPDATE SKIP LOCKED")
    async with app.store.transaction() as tx:
        return set((await tx.connection.execute(free, {"jobs": jobs})).scalars())


async def test_a_paused_job_whose_last_calls_were_lost_with_their_worker_is_finished(database_url: str) -> None:
    async with an_app(database_url, "http://127.0.0.1:1") as app:
        async with app.store.reading() as tx:
            before = await tx.now() - 2 * LEASE
        job = await a_job(app.store, action=Action.FULL_SCAN, now=before)
        await StoreWorker(app.store).claim(now=before)
        await pause_job(app, job.id, by=SOMEBODY)

        await recover_stalled(app)
        view = await describe_job(app, job.id)

    assert (view.status, view.tally) == (JobStatus.FINISHED, Tally(uncertain=3))


async def test_a_job_that_is_resumed_while_it_is_being_deleted_is_kept(postgresql_url: str) -> None:
    async with an_app(postgresql_url, "http://127.0.0.1:1") as app:
        job = await a_job(app.store)
        await pause_job(app, job.id, by=SOMEBODY)
        async with app.store.transaction() as resuming:
            await resuming.jobs.move(
                job.number, JobStatus.RUNNING, if_in=[JobStatus.PAUSED], reason=None, now=await resuming.now()
            )
            deleting = asyncio.create_task(delete_job(app, job.id, by=SOMEBODY))
            await until_somebody_waits(app)

        with pytest.raises(IllegalMove):
            await deleting
        view = await describe_job(app, job.id)

    assert (view.status, view.tally) == (JobStatus.RUNNING, Tally(waiting=3))


async def test_a_place_in_the_fair_order_changes_without_a_write_to_any_index(postgresql_url: str) -> None:
    updates = text("SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_xact_user_tables WHERE relname = 'jobs'")
    async with an_app(postgresql_url, "http://127.0.0.1:1") as app:
        job = await a_job(app.store)
        async with app.store.transaction() as tx:
            before = (await tx.connection.execute(updates)).one()
            for _ in range(5):
                await tx.fair_queue.serve({job.number: 1})
            after = (await tx.connection.execute(updates)).one()

    assert [then - earlier for then, earlier in zip(after, before, strict=True)] == [5, 5]
