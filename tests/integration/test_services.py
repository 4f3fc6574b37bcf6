from __future__ import annotations

import asyncio
import sys

import asyncpg
import pytest
import redis.asyncio
from sqlalchemy import inspect
from sqlalchemy.engine import Connection

from orchestrator.store.engine.engines import make_engine
from tests.support.checkout import ROOT
from tests.support.waiting import PATIENCE


async def test_a_test_gets_a_migrated_database(database_url: str) -> None:
    engine = make_engine(database_url)

    async with engine.connect() as connection:
        tables = await connection.run_sync(_tables)

    await engine.dispose()
    assert {"jobs", "batches", "targets"} <= tables


async def test_the_broker_answers(valkey_url: str) -> None:
    async with redis.asyncio.from_url(valkey_url) as broker:
        assert await broker.ping()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL to be tried")
async def test_a_server_goes_with_whoever_started_it() -> None:
    starter = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _STARTER, cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert starter.stdout is not None
    connection = await asyncpg.connect((await starter.stdout.readline()).decode().strip())
    gone = asyncio.Event()
    connection.add_termination_listener(lambda _: gone.set())

    starter.kill()
    await starter.wait()

    await asyncio.wait_for(gone.wait(), PATIENCE)


_STARTER = """
from tests.support.services import kept

with kept("postgres") as url:
    print(url, flush=True)
    input()
"""


def _tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())
