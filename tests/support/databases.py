"""A fresh, migrated database for every test: migrated once, then copied."""

from __future__ import annotations

import asyncio
import shutil
import uuid
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from tests.support.waiting import PATIENCE


def make_sqlite_template(folder: Path) -> Path:
    """A migrated file, closed, with nothing left in its write-ahead log."""
    template = folder / "template.db"
    _migrate(sqlite_url(template))
    return template


def copy_sqlite(template: Path, file: Path) -> str:
    """The URL of a copy at `file`."""
    shutil.copyfile(template, file)
    return sqlite_url(file)


def sqlite_url(file: Path) -> str:
    """The URL of a file."""
    return f"sqlite:///{file.as_posix()}"


@contextmanager
def postgres_template(server: str) -> Iterator[str]:
    """The name of a migrated database."""
    name = f"muster_template_{uuid.uuid4().hex[:12]}"
    _administer(server, f'CREATE DATABASE "{name}" TEMPLATE template0')
    try:
        _migrate(_at(server, name))
        yield name
    finally:
        _administer(server, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@contextmanager
def postgres_copy(server: str, template: str) -> Iterator[str]:
    """The URL of a copy of `template`, gone after the block."""
    name = f"muster_test_{uuid.uuid4().hex[:12]}"
    # File by file: half the time of PostgreSQL's own way, which writes every page to its log as well.
    _administer(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
    try:
        yield _at(server, name)
    finally:
        _administer(server, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _at(server: str, database: str) -> str:
    return urlunsplit(urlsplit(server)._replace(path=f"/{database}"))


def _administer(server: str, statement: str) -> None:
    async def execute() -> None:
        connection = await asyncpg.connect(server, timeout=PATIENCE)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    _run(execute())


def _migrate(url: str) -> None:
    from orchestrator.store.engine.schema import upgrade  # noqa: PLC0415 - not every test needs a store

    _run(upgrade(url))


def _run(work: Coroutine[Any, Any, object]) -> None:
    # A loop of its own that never becomes the current one, which belongs to pytest-asyncio.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(work)
