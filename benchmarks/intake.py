"""Rows checked and stored, beside the same rows written with nothing around it."""

from __future__ import annotations

import asyncio
import csv
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from itertools import count
from pathlib import Path

import asyncpg

from benchmarks import device_lists, parts
from benchmarks.figures import Figure, Section, medians
from orchestrator.bootstrap import open_app
from orchestrator.domain.access import Actor
from orchestrator.domain.action import Action
from orchestrator.domain.device import Via
from orchestrator.intake.device_list import IntakeOptions
from orchestrator.settings import load_settings
from orchestrator.usecases.jobs.submit_job import JobRequest, preview_job, submit_job
from tests.support.services import kept

ROWS = 100_000

_names = count()
_TARGET = 4


def measure(folder: Path, rounds: int) -> Section:
    """Rows per second of two shapes of list on both databases."""
    wide = device_lists.wide(folder / "wide.csv", ROWS)
    narrow = device_lists.narrow(folder / "narrow.csv", ROWS)
    cells = _rows_of(wide)
    targets = [(1, line, device, "waiting") for line, (device,) in enumerate(_rows_of(narrow), 2)]
    with kept("postgres") as server:
        measured = medians(
            [
                (_CHECKED.format("56 columns"), partial(_check, folder, wide)),
                (_CHECKED.format("1 column"), partial(_check, folder, narrow)),
                (_EXECUTEMANY.format("every cell"), partial(_executemany, folder, cells)),
                ("SQLite, stored, 56 columns", partial(_store, folder, None, wide)),
                (_EXECUTEMANY.format("targets alone"), partial(_executemany, folder, targets)),
                ("SQLite, stored, 1 column", partial(_store, folder, None, narrow)),
                (_COPY.format("every cell"), partial(_copy, server, cells)),
                ("PostgreSQL, stored, 56 columns", partial(_store, folder, server, wide)),
                (_COPY.format("targets alone"), partial(_copy, server, targets)),
                ("PostgreSQL, stored, 1 column", partial(_store, folder, server, narrow)),
            ],
            rounds,
        )
    return Section(
        "Intake",
        f"{ROWS:,} rows; median of {rounds}. Ours reads and judges the file, keeps its rows compressed, and writes a\n"
        "target a row into a table with a key. The bare writes are handed parsed rows: every cell as text into a\n"
        "table without a key, or (job, line, device, status) into one with a key. SQLite syncs, this PostgreSQL\n"
        "does not.",
        tuple(Figure(name, ROWS / seconds, "rows/s", _BESIDE.get(name)) for name, seconds in measured.items()),
    )


_CHECKED = "read and checked only, {}"
_EXECUTEMANY = "SQLite, bare executemany, {}"
_COPY = "PostgreSQL, bare COPY, {}"
_BESIDE = {
    "SQLite, stored, 56 columns": _EXECUTEMANY.format("every cell"),
    "SQLite, stored, 1 column": _EXECUTEMANY.format("targets alone"),
    "PostgreSQL, stored, 56 columns": _COPY.format("every cell"),
    "PostgreSQL, stored, 1 column": _COPY.format("targets alone"),
}


def _store(folder: Path, server: str | None, file: Path) -> float:
    if server is None:
        given = parts.embedded(folder, f"intake{next(_names)}.db")
    else:
        given = {**parts.environment(folder), "MUSTER_DATABASE_URL": asyncio.run(fresh(server))}
    return asyncio.run(_submitted(given, file))


async def _submitted(given: parts.Environment, file: Path) -> float:
    async with open_app(load_settings(given), kind="ask") as app:
        with file.open("rb") as stream:
            begun = time.perf_counter()
            await submit_job(app, REQUEST, stream, file_name=file.name, options=IntakeOptions())
            return time.perf_counter() - begun


def _check(folder: Path, file: Path) -> float:
    async def read() -> float:
        async with open_app(load_settings(parts.embedded(folder, "unused.db")), kind="ask") as app:
            with file.open("rb") as stream:
                begun = time.perf_counter()
                await preview_job(app, REQUEST, stream, file_name=file.name, options=IntakeOptions())
                return time.perf_counter() - begun

    return asyncio.run(read())


def _executemany(folder: Path, rows: Sequence[tuple[object, ...]]) -> float:
    width = len(rows[0])
    with closing(sqlite3.connect(folder / f"bare{next(_names)}.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(_table(width) + (" WITHOUT ROWID" if width == _TARGET else ""))
        insert = f"INSERT INTO bare VALUES ({', '.join('?' * width)})"  # noqa: S608 - question marks only
        begun = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(insert, rows)
        connection.execute("COMMIT")
        return time.perf_counter() - begun


def _copy(server: str, rows: Sequence[tuple[object, ...]]) -> float:
    async def write() -> float:
        connection = await asyncpg.connect(await fresh(server))
        try:
            await connection.execute(_table(len(rows[0])))
            begun = time.perf_counter()
            await connection.copy_records_to_table("bare", records=rows)
            return time.perf_counter() - begun
        finally:
            await connection.close()

    return asyncio.run(write())


async def fresh(server: str) -> str:
    """An empty database on the server."""
    name = f"bench{next(_names)}"
    connection = await asyncpg.connect(server)
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    return server.rsplit("/", 1)[0] + f"/{name}"


def _table(width: int) -> str:
    if width == _TARGET:
        return "CREATE TABLE bare (job bigint, line bigint, device text, status text, PRIMARY KEY (job, line))"
    return f"CREATE TABLE bare ({', '.join(f'c{number} text' for number in range(width))})"


def _rows_of(file: Path) -> list[tuple[str, ...]]:
    with file.open(encoding="utf-8-sig", newline="") as stream:
        return [tuple(row) for row in csv.reader(stream)][1:]


REQUEST = JobRequest(
    action=Action.REFRESH_USER_POLICY, via=Via.MANAGED_DEVICES, tenant="default", by=Actor("benchmark", "here")
)
