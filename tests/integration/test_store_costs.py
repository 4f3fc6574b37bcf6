"""What the store costs: statements that do not grow with the devices, and plans that do not read what they need not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from orchestrator.domain.ids import LaneKey
from orchestrator.domain.job import JobStatus
from orchestrator.store.database import Store, Transaction, open_store
from orchestrator.usecases.app import App
from orchestrator.usecases.recover_stalled import LEASE
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
            found = await tx.targets.page(job.number, job.id, limit=50, search=everyone[-2].device)
            nobody = await tx.targets.page(job.number, job.id, limit=50, code="Nothing")
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
            await tx.jobs.move(job.number, JobStatus.FINISHED, frm=[JobStatus.QUEUED], reason=None, now=NOW)
    async with store.transaction() as tx:
        await tx.connection.exec_driver_sql("ANALYZE")


async def a_claim(tx: Transaction) -> object:
    job = await tx.jobs.find("latest")
    return await tx.batches.claim(job.number, worker=ALICE, lease=LEASE, now=NOW)


async def a_listing(tx: Transaction) -> object:
    job = await tx.jobs.find("latest")
    return await tx.targets.page(job.number, job.id, after_line=5, limit=10)


async def a_tally(tx: Transaction) -> object:
    job = await tx.jobs.find("latest")
    return await tx.jobs.tallies([job.number])


async def a_recovery(tx: Transaction) -> object:
    return await tx.recovery.hand_back(now=NOW, limit=50)


async def a_look(tx: Transaction) -> object:
    return await tx.jobs.due(worker=ALICE, now=NOW)


async def a_forecast(tx: Transaction) -> object:
    return await tx.jobs.waiting_in([LaneKey("global/lane2/app")])


async def a_serving(tx: Transaction) -> object:
    job = await tx.jobs.find("latest")
    return await tx.jobs.serve({job.number: 20})


async def a_joining(tx: Transaction) -> None:
    job = await tx.jobs.find("latest")
    await tx.jobs.rejoin(job.number, job.lane, now=NOW)


async def a_job_listing(tx: Transaction) -> object:
    jobs = await tx.jobs.newest(10)
    return await tx.jobs.tallies([job.number for job in jobs])


Ask = Callable[[Transaction], Awaitable[object]]


@pytest.mark.parametrize(
    "ask", [a_claim, a_listing, a_tally, a_recovery, a_look, a_forecast, a_serving, a_joining, a_job_listing]
)
async def test_no_question_reads_a_whole_table_of_targets_or_batches(store: Store, ask: Ask) -> None:
    await backlog(store)
    with statements_of(store) as statements:
        async with store.transaction() as tx:
            await ask(tx)

    async with store.transaction() as tx:
        plans = [await plan_of(tx.connection, each) for each in statements if each.is_work]

    assert plans
    for plan in plans:
        assert not reads_all_of(plan, "targets"), plan
        if ask is not a_look:  # every lane with work is asked about at once, and that may well be every batch
            assert not reads_all_of(plan, "batches"), plan


def reads_all_of(plan: str, table: str) -> bool:
    """Whether the table is read from its first row to its last."""
    if plan.startswith(("{", "[")):
        return any(f'"Relation Name": "{table}"' in node[:200] for node in plan.split('"Node Type": "Seq Scan"')[1:])
    return any(line.startswith(f"SCAN {table}") and "USING" not in line for line in plan.splitlines())


async def test_a_plan_that_reads_a_whole_table_would_be_seen(store: Store) -> None:
    await backlog(store)
    with statements_of(store) as statements:
        async with store.transaction() as tx:
            await tx.connection.exec_driver_sql("SELECT count(*) FROM targets WHERE error_code = 'x'")

    async with store.transaction() as tx:
        plan = await plan_of(tx.connection, statements[-1])

    assert reads_all_of(plan, "targets")
