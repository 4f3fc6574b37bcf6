"""aiosqlite without its threads: a statement runs in the thread that asks, and then other tasks have their turn.

Handing each statement to a thread and back took a tenth of the processor time of the tests that use a database. A
statement that finds a lock waits in a thread: the lock may be held by a task of the same loop.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

import aiosqlite.core
import pytest

_Item = tuple[asyncio.Future[Any] | None, Callable[[], Any]]
_SUSPENDING = {"execute", "executemany", "commit", "rollback"}
"""After these, other tasks have their turn, as with a thread."""


def answer_at_once(patch: pytest.MonkeyPatch) -> None:
    """Connections that are opened from now on have no thread; processes that tests start have one."""
    patch.setattr(aiosqlite.core, "SimpleQueue", _AtOnce)
    patch.setattr(aiosqlite.core, "Thread", _NoThread)


class _NoThread:
    daemon = True

    def __init__(self, **_: object) -> None:
        pass

    def start(self) -> None:
        """There is nothing to start."""


class _AtOnce:
    """Stands for the queue of a connection's thread."""

    def __init__(self) -> None:
        self._connection: sqlite3.Connection | None = None
        self._patience = 0
        self._queue: SimpleQueue[_Item] | None = None
        self._queued = self._done = 0

    def put_nowait(self, item: _Item) -> None:
        future, function = item
        if self._queued > self._done:
            self._queue_up(item)
            return
        try:
            result = function()
        except BaseException as wrong:  # noqa: BLE001 - it is raised where the result is awaited
            if _is_busy(wrong):
                self._queue_up(item)
            elif future:
                future.set_exception(wrong)
            return
        if isinstance(result, sqlite3.Connection):
            self._connection = result
            (self._patience,) = result.execute("PRAGMA busy_timeout").fetchone()
            result.execute("PRAGMA busy_timeout=0")
        if result is aiosqlite.core._STOP_RUNNING_SENTINEL and self._queue:
            self._queue.put_nowait((None, lambda: result))
        if future:
            _settle(future, result, suspending=_name(function) in _SUSPENDING)

    def _queue_up(self, item: _Item) -> None:
        future, function = item
        if self._queue is None:
            self._queue = SimpleQueue()
            worker = aiosqlite.core._connection_worker_thread
            threading.Thread(target=worker, args=[self._queue], daemon=True).start()
        self._queued += 1
        self._queue.put_nowait((future, lambda: self._wait(function)))

    def _wait(self, function: Callable[[], Any]) -> Any:
        try:
            self._set_patience(self._patience)
            return function()
        finally:
            self._set_patience(0)
            self._done += 1

    def _set_patience(self, milliseconds: int) -> None:
        assert self._connection is not None
        with suppress(sqlite3.ProgrammingError):  # closed
            self._connection.execute(f"PRAGMA busy_timeout={milliseconds}")


def _settle(future: asyncio.Future[Any], result: Any, *, suspending: bool) -> None:
    if suspending:
        future.get_loop().call_soon(aiosqlite.core.set_result, future, result)
    else:
        future.set_result(result)


def _name(function: Callable[[], Any]) -> str:
    return getattr(getattr(function, "func", None), "__name__", "")


def _is_busy(wrong: BaseException) -> bool:
    return getattr(wrong, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
