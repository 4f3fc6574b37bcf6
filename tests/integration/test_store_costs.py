"""What the store costs: statements that do not grow with the devices, and plans that do not read what they need not."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from orchestrator.app import App
from orchestrator.domain.errors import UnknownJob
from orchestrator.domain.ids import JobId, JobNumber, LaneKey
from orchestrator.domain.job import JobStatus
from orchestrator.domain.job_filter import EVERY_JOB
from orchestrator.domain.target import TargetFilter
from orchestrator.engine.recovery import LEASE
from orchestrator.store.engine.database import Store, Transaction, open_store
from orchestrator.store.engine.indexes import complete_metadata
from tests.support.apps import an_app, submitted
from tests.support.builders import ALICE, LANE, NOW, StoreWorker, a_job
from tests.support.clock import ManualClock
from tests.support.statements import plan_of, statements_of, work_of

pytestmark = pytest.mark.enable_socket


@pytest.fixture
async def store(database_url: str, clock: ManualClock) -> AsyncIterator[Store]:
    async with open_store(database_url, clock) as opened:
        yield opened


@pytest.fixture
async def app(database_url: str) -> AsyncIterator[App]:
    async with an_app(database_url, "http://127.0.0.1:1") as opened:
        yield opened


async def test_a_job_is_stored_without_a_statement_for_each_device(app: App) -> None:
    with statements_of(app.store) as few:
        await submitted(app, 500)
    with statements_of(app.store) as many:
        await submitted(app, 2500)

    # A page of input is some statements, whatever it holds; five pages are not five hundred times as many.
    assert len(work_of(many)) - len(work_of(few)) < 30
    assert len(work_of(many)) < 60


@pytest.mark.parametrize("want", [1, 200])
async def test_a_claim_is_a_handful_of_statements_for_any_number_of_targets(store: Store, want: int) -> None:
    job = await a_job(store, 500)
    worker = StoreWorker(store)

    with statements_of(store) as holding:
        held = await worker.hold(job.number)
    with statements_of(store) as intending:
        claim = await worker.claim(want)

    assert held is not None
    assert claim is not None
    assert len(claim.targets) == want
    assert len(work_of(holding)) <= 6
    assert len(work_of(intending)) <= 3  # the look, the fair order and the intent


@pytest.mark.parametrize("count", [1, 200])
async def test_a_record_is_two_statements_for_any_number_of_outcomes(store: Store, count: int) -> None:
    await a_job(store, 500)
    worker = StoreWorker(store)
    claim = await worker.claim(count)
    assert claim is not None

    with statements_of(store) as statements:
        await worker.answer(claim.key)

    assert len(work_of(statements)) == 2


async def test_one_device_among_many_batches_is_found_by_a_few_questions(store: Store) -> None:
    job = await a_job(store, 3000, size=10)
    async with store.reading() as tx:
        everyone = await tx.targets.page(job.number, job.id, limit=3000)

    with statements_of(store) as statements:
        async with store.reading() as tx:
            found = await tx.targets.page(job.number, job.id, TargetFilter(search=everyone[-2].device), limit=50)
            nobody = await tx.targets.page(job.number, job.id, TargetFilter(code="Nothing"), limit=50)
            some = await tx.targets.page(job.number, job.id, limit=4, after_line=everyone[1500].line)

    assert found == [everyone[-2]]
    assert nobody == []
    assert some == everyone[1501:1505]
    # Three hundred batches, and the batches themselves.
    assert len(work_of(statements)) < 30


async def backlog(store: Store) -> None:
    """Four jobs of three hundred batches, and finished ones beside them; the database knows it."""
    for number in range(4):
        await a_job(store, 3000, size=10, lane=LANE if number < 2 else LaneKey(f"global/lane{number}/app"))
    for _ in range(40):
        job = await a_job(store, 20, size=10)
        async with store.transaction() as tx:
            await tx.jobs.move(job.number, JobStatus.FINISHED, if_in=[JobStatus.QUEUED], reason=None, now=NOW)
    async with store.transaction() as tx:
        await tx.connection.exec_driver_sql("ANALYZE")


async def a_claim(tx: Transaction) -> object:
    job = await tx.jobs.find("latest")
    return await tx.batch_claims.claim(job.number, worker=ALICE, lease=LEASE, now=NOW)


async def a_listing(tx: Transaction) -> object:
    job = await tx.jobs.find("latest")
    return await tx.targets.page(job.number, job.id, after_line=5, limit=10)


async def a_tally(tx: Transaction) -> object:
    job = await tx.jobs.find("latest")
    return await tx.jobs.tallies([job.number])


async def a_recovery(tx: Transaction) -> object:
    return await tx.recovery.hand_back(now=NOW, limit=50)


async def a_look(tx: Transaction) -> object:
    return await tx.fair_queue.due(worker=ALICE, now=NOW)


async def a_forecast(tx: Transaction) -> object:
    return await tx.fair_queue.waiting_in([LaneKey("global/lane2/app")])


async def a_serving(tx: Transaction) -> object:
    job = await tx.jobs.find("latest")
    return await tx.fair_queue.serve({job.number: 20})


async def a_joining(tx: Transaction) -> None:
    job = await tx.jobs.find("latest")
    await tx.fair_queue.rejoin(job.number, job.lane, now=NOW)


async def a_job_listing(tx: Transaction) -> object:
    jobs = await tx.jobs.newest(10)
    return await tx.jobs.tallies([job.number for job in jobs])


Ask = Callable[[Transaction], Awaitable[object]]


ASKS: tuple[Ask, ...] = (
    *(a_listing, a_tally, a_look, a_forecast, a_job_listing),
    *(a_claim, a_recovery, a_serving, a_joining),
)


async def test_no_question_reads_a_whole_table_of_targets_or_batches(store: Store) -> None:
    await backlog(store)
    for ask in ASKS:
        with statements_of(store) as statements:
            async with store.transaction() as tx:
                await ask(tx)

        async with store.transaction() as tx:
            plans = [await plan_of(tx.connection, each) for each in statements if each.is_work]

        assert plans
        for plan in plans:
            assert not reads_all_of(plan, "targets"), (ask, plan)
            if ask is not a_look:  # every lane with work is asked about at once, and that may well be every batch
                assert not reads_all_of(plan, "batches"), (ask, plan)

    with statements_of(store) as statements:
        async with store.transaction() as tx:
            await tx.connection.exec_driver_sql("SELECT count(*) FROM targets WHERE error_code = 'x'")
    async with store.transaction() as tx:
        plan = await plan_of(tx.connection, statements[-1])
    assert reads_all_of(plan, "targets"), "a plan that reads a whole table would not be seen"


SOME_ID = "000000000000"
SOME_JOBS = [JobNumber(1), JobNumber(2)]

NEWEST_FIRST: dict[str, Ask] = {
    "the latest job": lambda tx: tx.jobs.find("latest"),
    "the newest jobs": lambda tx: tx.job_search.newest(EVERY_JOB, limit=10),
    "newest running jobs": lambda tx: tx.jobs.newest(10, statuses=[JobStatus.RUNNING]),
    "newest deeds": lambda tx: tx.audit.newest(10),
    "newest notices": lambda tx: tx.notices.newest(limit=10),
}
"""Pages: read in the order of the key, as far as they go."""

LOOKED_UP: dict[str, Ask] = {
    "a job by its id": lambda tx: tx.jobs.find(SOME_ID),
    "a job by a part of its id": lambda tx: tx.jobs.find("0"),
    "a job by its idempotency key": lambda tx: tx.jobs.by_idempotency_key("key"),
    "job statuses": lambda tx: tx.jobs.statuses(SOME_JOBS),
    "job errors": lambda tx: tx.jobs.errors_of(SOME_JOBS),
    "job tallies": lambda tx: tx.jobs.tallies(SOME_JOBS),
    "jobs by number": lambda tx: tx.jobs.by_numbers(SOME_JOBS),
    "ends to tell of": lambda tx: tx.job_ends.any_notice_pending(),
    "active jobs of a lane": lambda tx: tx.fair_queue.active_in(LANE),
    "what waits in a lane": lambda tx: tx.fair_queue.waiting_in([LANE]),
    "outages": lambda tx: tx.brakes.out_for(SOME_JOBS),
    "samples": lambda tx: tx.samples.of(SOME_JOBS[0]),
    "deeds of a job": lambda tx: tx.audit.newest(10, subject=SOME_ID),
    "due notices": lambda tx: tx.notices.any_due(now=NOW),
    "due schedules": lambda tx: tx.schedules.due(NOW, limit=10),
    "calls of a lane": lambda tx: tx.lanes.rates([LANE], since=NOW - timedelta(minutes=3), now=NOW),
    "a page of targets": lambda tx: tx.targets.page(SOME_JOBS[0], JobId(SOME_ID), after_line=5, limit=10),
}


async def test_every_question_of_the_read_side_is_served_by_an_index(postgresql_url: str) -> None:
    bad = {}
    async with open_store(postgresql_url, ManualClock()) as store:
        await backlog(store)
        for name, ask in (NEWEST_FIRST | LOOKED_UP).items():
            with statements_of(store) as statements:
                async with store.reading() as tx:
                    with suppress(UnknownJob):
                        await ask(tx)
            assert any(each.is_work for each in statements), name
            async with store.transaction() as tx:
                # Tables of this size are read whole where nothing forbids it, whether an index serves or not.
                await tx.connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
                plans = [await plan_of(tx.connection, each) for each in statements if each.is_work]
            in_key_order = name in NEWEST_FIRST
            if whole := [plan for plan in plans if goes_through_a_table(plan, in_key_order=in_key_order)]:
                bad[name] = whole

    assert bad == {}


def goes_through_a_table(plan: str, *, in_key_order: bool) -> bool:
    """Whether a table is read whole: as it lies, or along an index in which nothing is looked up."""
    return any(_reads_whole(each["Plan"], in_key_order) for each in json.loads(plan))


def _reads_whole(node: dict[str, Any], in_key_order: bool) -> bool:  # noqa: FBT001 - called by itself alone
    is_walk = "Index" in node["Node Type"] and "Index Cond" not in node and node["Index Name"] not in _PARTIAL
    if node["Node Type"] == "Seq Scan" or (is_walk and not in_key_order):
        return True
    return any(_reads_whole(each, in_key_order) for each in node.get("Plans", ()))


_PARTIAL = {
    index.name
    for table in complete_metadata().tables.values()
    for index in table.indexes
    if index.dialect_options["postgresql"]["where"] is not None
}


def reads_all_of(plan: str, table: str) -> bool:
    """Whether the table is read from its first row to its last."""
    if plan.startswith(("{", "[")):
        return any(f'"Relation Name": "{table}"' in node[:200] for node in plan.split('"Node Type": "Seq Scan"')[1:])
    return any(line.startswith(f"SCAN {table}") and "USING" not in line for line in plan.splitlines())
