"""What PostgreSQL raises becomes what to do about it."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from orchestrator.domain.claim import TargetChange
from orchestrator.domain.errors import RequestRejected, SettingsInvalid, StoreUnavailable
from orchestrator.domain.ids import BatchKey
from orchestrator.domain.job import JobStatus
from orchestrator.domain.target import TargetStatus
from orchestrator.engine.system_clock import SystemClock
from orchestrator.store.engine.database import Store, open_store
from orchestrator.store.engine.engines import driver_url
from tests.support.builders import NOW, a_job

pytestmark = pytest.mark.enable_socket


@pytest.mark.parametrize(
    ("setting", "statement"),
    [
        ("statement_timeout", "SELECT pg_sleep(10)"),
        ("lock_timeout", "SELECT pg_advisory_xact_lock(1)"),
    ],
)
async def test_a_statement_that_is_given_up_is_tried_later(postgresql_url: str, setting: str, statement: str) -> None:
    async with open_store(postgresql_url, SystemClock()) as store, store.transaction() as other:
        await other.connection.execute(text("SELECT pg_advisory_xact_lock(1)"))

        async def ask() -> None:
            async with store.transaction() as tx:
                await tx.connection.execute(text(f"SET LOCAL {setting} = 50"))
                await tx.connection.execute(text(statement))

        with pytest.raises(StoreUnavailable):
            await ask()


async def test_text_that_no_column_takes_is_the_callers_to_change(postgresql_url: str) -> None:
    async with open_store(postgresql_url, SystemClock()) as store:
        with pytest.raises(RequestRejected, match="NUL"):
            async with store.reading() as tx:
                await tx.jobs.by_idempotency_key("a\0b")


async def test_an_error_of_the_work_in_a_transaction_is_no_outage(database_url: str) -> None:
    async with open_store(database_url, SystemClock()) as store:
        for problem in (FileNotFoundError(2, "No such file"), TimeoutError(), ConnectionResetError()):
            with pytest.raises(type(problem)) as raised:
                async with store.transaction():
                    raise problem
            assert raised.value is problem


async def test_a_statement_that_the_server_does_not_answer_is_an_outage(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.store.engine.engines._PATIENCE", 0.2)

    async with open_store(postgresql_url, SystemClock()) as store:
        with pytest.raises(StoreUnavailable):
            async with store.transaction() as tx:
                await tx.connection.execute(text("SELECT pg_sleep(60)"))


async def test_a_deadlock_is_not_told_as_a_database_that_cannot_be_used(postgresql_url: str) -> None:
    locks = text("SELECT pg_advisory_xact_lock(:number)")

    async def lock(store: Store, first: int, second: int, both: asyncio.Barrier) -> None:
        async with store.transaction() as tx:
            await tx.connection.execute(locks, {"number": first})
            await both.wait()
            await tx.connection.execute(locks, {"number": second})

    async with open_store(postgresql_url, SystemClock()) as store:
        both = asyncio.Barrier(2)
        found = await asyncio.gather(lock(store, 1, 2, both), lock(store, 2, 1, both), return_exceptions=True)

    (problem,) = [each for each in found if each is not None]
    assert isinstance(problem, StoreUnavailable)
    assert str(problem) == "Another process holds what this would change in the database. Try again."


async def test_an_address_is_told_at_the_terminal_alone_and_without_its_password() -> None:
    url = "postgresql://muster:hunter2@127.0.0.1:1/jobs?password=hunter3"
    async with open_store(url, SystemClock()) as store:
        with pytest.raises(StoreUnavailable) as raised:
            async with store.reading() as tx:
                await tx.now()

    assert raised.value.place == "postgresql://muster:***@127.0.0.1:1/jobs"
    assert "://" not in str(raised.value)
    assert "hunter" not in f"{raised.value}{store.place}"


def test_a_password_that_is_taken_for_a_port_is_not_told() -> None:
    with pytest.raises(SettingsInvalid) as raised:
        driver_url("postgresql://muster:an@and:hunter@db/jobs")

    assert "hunter" not in str(raised.value)
    assert raised.value.__suppress_context__


async def test_what_a_statement_was_given_is_not_in_what_it_raises(postgresql_url: str) -> None:
    async with open_store(postgresql_url, SystemClock()) as store:
        with pytest.raises(Exception, match="division by zero") as raised:
            async with store.reading() as tx:
                await tx.connection.execute(text("SELECT 1 / 0 WHERE :secret = 'x'"), {"secret": "x"})

    assert "hidden" in str(raised.value)


async def test_what_graph_says_is_written_down_whatever_it_holds(database_url: str) -> None:
    said = "a\0b \ud800 ü"
    async with open_store(database_url, SystemClock()) as store:
        job = await a_job(store, 1)
        async with store.transaction() as tx:
            await tx.targets.change(
                [
                    TargetChange(
                        BatchKey(job.number, 0),
                        2,
                        TargetStatus.FAILED,
                        1,
                        0,
                        doubtful=False,
                        maybe_repeated=False,
                        error_code=said,
                        error_message=said,
                        request_id=said,
                    )
                ]
            )
            await tx.jobs.move(job.number, JobStatus.STOPPED, if_in=[JobStatus.QUEUED], reason=said, now=NOW)
        async with store.reading() as tx:
            (target,) = await tx.targets.page(job.number, job.id, limit=10)
            stopped = await tx.jobs.by_number(job.number)

    assert {target.error_code, target.error_message, target.request_id, stopped.reason} == {"a\ufffdb ? ü"}
