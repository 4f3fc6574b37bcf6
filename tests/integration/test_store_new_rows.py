"""Very many new rows: part of the transaction like every other statement, although one driver takes them by COPY."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import BigInteger, Text, func, select

from orchestrator.store.engine import new_rows
from orchestrator.store.engine.database import Store, Transaction, open_store
from orchestrator.store.engine.json_rows import Columns
from orchestrator.store.rows.targets import TargetRow
from tests.support.clock import ManualClock

pytestmark = pytest.mark.enable_socket

COLUMNS: Columns = {"job_number": BigInteger(), "line": BigInteger(), "device": Text(), "status": Text()}
ROWS = [(1, line, f"device {line}, \t\\N 'ü'", "waiting") for line in range(2, 1002)]


@pytest.fixture
async def store(database_url: str, clock: ManualClock) -> AsyncIterator[Store]:
    async with open_store(database_url, clock) as opened:
        yield opened


async def count(tx: Transaction) -> int:
    return (await tx.connection.execute(select(func.count()).select_from(TargetRow))).scalar_one()


async def test_new_rows_are_kept_as_given_and_the_rest_is_by_default(store: Store) -> None:
    async with store.transaction() as tx:
        await new_rows.add(tx.connection, TargetRow, COLUMNS, ROWS)

    async with store.reading() as tx:
        columns = (*(getattr(TargetRow, name) for name in COLUMNS), TargetRow.attempts, TargetRow.finished_at)
        stored = (await tx.connection.execute(select(*columns).order_by(TargetRow.line))).all()
    assert [tuple(row) for row in stored] == [(*row, 0, None) for row in ROWS]


async def test_new_rows_go_with_their_transaction(store: Store) -> None:
    async def break_off() -> None:
        async with store.transaction() as tx:
            await new_rows.add(tx.connection, TargetRow, COLUMNS, ROWS)
            assert await count(tx) == len(ROWS)
            raise RuntimeError("broken off")

    with pytest.raises(RuntimeError, match="broken off"):
        await break_off()

    async with store.reading() as tx:
        assert await count(tx) == 0
