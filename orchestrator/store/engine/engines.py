"""The engines of both databases: the driver, and the settings of each connection."""

from __future__ import annotations

import math
import time
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from orchestrator.domain.errors import SettingsInvalid
from orchestrator.store.engine.troubles import as_statement_failed

_CACHE_KIB = 16 * 1024
_PATIENCE = 30
"""Seconds that a statement, a lock or SQLite's single writer is waited for."""

_LONGEST_IDLE = 10
"""Seconds after which PostgreSQL ends an idle transaction: as long as an unextended lease."""

_FRESH = 1.0
"""Seconds without use after which a connection is tried before it is used again."""


def make_engine(url: str, *, pool_size: int = 8, patience: float | None = None) -> AsyncEngine:
    """The engine behind a store, each of whose statements may take `patience` seconds; migrations use it too."""
    patience = patience or _PATIENCE
    parsed = driver_url(url)
    if parsed.get_backend_name() == "postgresql":
        engine = create_async_engine(
            parsed,
            # Parameters of a statement may hold secrets, and a traceback goes to the log.
            hide_parameters=True,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=patience,
            connect_args={
                "timeout": min(10, patience),
                "command_timeout": patience,
                "server_settings": {
                    "application_name": "muster",
                    # A commit that a crash of the server could undo would leave what a worker knows of its batches
                    # at odds with the rows: the next tally that it writes counts outcomes that are gone.
                    "synchronous_commit": "on",
                    "lock_timeout": f"{_PATIENCE * 1000 // 2}",
                    # A process frozen inside a transaction must not keep its rows from those who take over.
                    "idle_in_transaction_session_timeout": f"{_LONGEST_IDLE * 1000}",
                },
            },
        )
        event.listen(engine.sync_engine, "handle_error", as_statement_failed)
        event.listen(engine.sync_engine, "checkin", _mark_used)
        event.listen(engine.sync_engine, "checkout", _ping_after_a_pause)
        return engine
    engine = create_async_engine(
        parsed,
        hide_parameters=True,
        pool_size=pool_size,
        pool_timeout=_PATIENCE,
        connect_args={"timeout": _PATIENCE},
    )
    event.listen(engine.sync_engine, "connect", prepare_sqlite)
    event.listen(engine.sync_engine, "begin", begin_sqlite)
    return engine


def driver_url(url: str) -> URL:
    """The URL with the driver that we use; SettingsInvalid says what a URL looks like."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # Not with its cause: where the password holds a "/" it is taken for a port, and named as such.
        raise SettingsInvalid("MUSTER_DATABASE_URL is no URL; write sqlite:///PATH or postgresql://…") from None
    match parsed.get_backend_name():
        case "sqlite":
            return parsed.set(drivername="sqlite+aiosqlite")
        case "postgresql" | "postgres":
            return parsed.set(drivername="postgresql+asyncpg")
        case other:
            raise SettingsInvalid(f"MUSTER_DATABASE_URL names {other}; Muster keeps its jobs in sqlite or postgresql.")


def _mark_used(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info["used_at"] = time.monotonic()


def _ping_after_a_pause(connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
    # The pool's own way asks before each transaction, which is one in six questions of a worker. What was in use just
    # now is taken to live; where it does not, the caller gets an error and asks again, as if it died during a question.
    if time.monotonic() - record.info.get("used_at", -math.inf) < _FRESH:
        return
    try:
        connection.ping()
    except Exception as problem:
        raise DisconnectionError("the connection was lost while it was not in use") from problem


def prepare_sqlite(connection: Any, _record: Any) -> None:
    """Sets what SQLite keeps for each connection."""
    # Transactions begin where we say so (below), not where the driver guesses.
    connection.isolation_level = None
    cursor = connection.cursor()
    # WAL lets readers and the writer live together on one file; FULL keeps a commit through a power cut. SQLite's own
    # cache of 2 MiB is read anew again and again where ids are looked up in, or added to, an index of half a million.
    cache = f"cache_size=-{_CACHE_KIB}"
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", cache):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def begin_sqlite(connection: Any) -> None:
    """Begins a transaction as the reader or the writer that it is."""
    # A write transaction that begins as a reader fails with SQLITE_BUSY at its first write, under any timeout.
    write = connection.get_execution_options().get("muster_write", True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
