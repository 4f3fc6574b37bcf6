"""What PostgreSQL raises becomes what to do about it."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from orchestrator.domain.errors import RequestRejected, StoreUnavailable
from orchestrator.engine.system_clock import SystemClock
from orchestrator.store.database import open_store

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
                await tx.jobs.find("a\0b")


async def test_what_a_statement_was_given_is_not_in_what_it_raises(postgresql_url: str) -> None:
    async with open_store(postgresql_url, SystemClock()) as store:
        with pytest.raises(Exception, match="division by zero") as raised:
            async with store.reading() as tx:
                await tx.connection.execute(text("SELECT 1 / 0 WHERE :secret = 'x'"), {"secret": "x"})

    assert "hidden" in str(raised.value)
