"""What tests use in place of aiosqlite's threads lets tasks take turns, and lets a lock be waited for."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import AsyncExitStack
from pathlib import Path

import aiosqlite
import pytest


def connect(file: Path, timeout: float = 30.0) -> aiosqlite.Connection:
    """As SQLAlchemy does."""
    return aiosqlite.connect(file, timeout=timeout, isolation_level=None, check_same_thread=False)


async def test_a_writer_waits_for_the_one_before_it_while_other_tasks_go_on(tmp_path: Path) -> None:
    async with AsyncExitStack() as opened:
        first, second = [await opened.enter_async_context(connect(tmp_path / "a.db")) for _ in range(2)]
        await first.execute("CREATE TABLE steps (step)")
        await first.execute("BEGIN IMMEDIATE")
        waiting = asyncio.gather(second.execute("BEGIN IMMEDIATE"), second.execute("INSERT INTO steps VALUES (2)"))
        await first.execute("INSERT INTO steps VALUES (1)")
        assert not waiting.done()
        await first.commit()
        await waiting
        await second.commit()
        found = [step for (step,) in await first.execute_fetchall("SELECT step FROM steps")]

    assert found == [1, 2]


async def test_a_statement_lets_other_tasks_have_their_turn(tmp_path: Path) -> None:
    seen: list[str] = []

    async def ask(name: str) -> None:
        for _ in range(3):
            await connection.execute("SELECT 1")
            seen.append(name)

    async with connect(tmp_path / "a.db") as connection:
        await asyncio.gather(ask("one"), ask("other"))

    assert seen == ["one", "other"] * 3


async def test_an_error_is_raised_where_the_statement_is_awaited_and_a_short_patience_ends(tmp_path: Path) -> None:
    file = tmp_path / "a.db"
    async with connect(file) as one, connect(file, timeout=0.01) as other:
        await one.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            await other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            await one.execute("SELECT * FROM absent")
