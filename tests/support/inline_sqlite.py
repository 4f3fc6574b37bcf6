"""A SQLite database in memory that answers in the thread that asks: aiosqlite without its thread."""

from __future__ import annotations

import sqlite3
from asyncio import Future
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Self

from sqlalchemy import AsyncAdaptedQueuePool, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from orchestrator.store.engine.engines import begin_sqlite, prepare_sqlite


def engine_in_memory(template: Path) -> AsyncEngine:
    """The store's engine on a copy of a migrated file; one connection, whose users take turns."""

    async def connect(*_: Any, **__: Any) -> Any:
        connection = sqlite3.connect(":memory:", check_same_thread=False)
        with closing(sqlite3.connect(template)) as file:
            file.backup(connection)
        return _Connection(connection)

    engine = create_async_engine(
        "sqlite+aiosqlite://",
        poolclass=AsyncAdaptedQueuePool,
        pool_size=1,
        max_overflow=0,
        pool_timeout=3600,
        async_creator=connect,
    )
    event.listen(engine.sync_engine, "connect", prepare_sqlite)
    event.listen(engine.sync_engine, "begin", begin_sqlite)
    return engine


class _AtOnce:
    """Stands for the queue of aiosqlite's thread."""

    def put_nowait(self, item: tuple[Future[Any], Callable[[], Any]]) -> None:
        future, work = item
        future.set_result(work())


class _Connection:
    """As much of aiosqlite's connection as SQLAlchemy uses."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._conn = connection
        self._connection = connection
        self._tx = _AtOnce()

    @property
    def isolation_level(self) -> str | None:
        return self._conn.isolation_level

    def cursor(self) -> _Cursor:
        return _Cursor(self._conn.cursor())

    async def create_function(self, *arguments: Any, **options: Any) -> None:
        self._conn.create_function(*arguments, **options)

    async def commit(self) -> None:
        self._conn.commit()

    async def rollback(self) -> None:
        self._conn.rollback()

    async def close(self) -> None:
        self._conn.close()

    def stop(self) -> None:
        self._conn.close()


class _Cursor:
    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor

    async def __aenter__(self) -> Self:
        return self

    @property
    def description(self) -> Any:
        return self._cursor.description

    @property
    def rowcount(self) -> int:
        return self._cursor.rowcount

    @property
    def lastrowid(self) -> int | None:
        return self._cursor.lastrowid

    async def execute(self, operation: str, parameters: Any = ()) -> None:
        self._cursor.execute(operation, parameters)

    async def executemany(self, operation: str, parameters: Any) -> None:
        self._cursor.executemany(operation, parameters)

    async def fetchall(self) -> list[Any]:
        return self._cursor.fetchall()

    async def close(self) -> None:
        self._cursor.close()
