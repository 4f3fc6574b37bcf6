"""The pages of the dashboard beside ten thousand jobs: how soon each is shown, and what 200 open pages cost."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import httpx
import psutil  # type: ignore[import-untyped] # ships no types
from sqlalchemy import text

from benchmarks import device_lists, parts
from benchmarks.figures import Figure, Section
from benchmarks.web import service, times
from orchestrator.store.engine.engines import make_engine

JOBS = 10_000
TARGETS, FULL = 100, 1_000
"""Targets of each job; with `--full` they are ten million."""
QUESTIONS = 500
OPEN = 200
BOUND = 50.0
"""Milliseconds at the 99th percentile that the overview and the page of a running job may take on the server."""

_BOUNDED = ("GET of the overview", "GET of the running job")
_WATCHED_FOR = 20.0
_YARDSTICK = "GET of the display settings"


def measure(folder: Path, _rounds: int, *, targets: int = TARGETS) -> Section:
    """The overview and a running job, the light page beside them, and the processor time of the open pages."""
    file = device_lists.narrow(folder / "running.csv", 20_000)
    with parts.simulator("--counts-only") as graph, parts.team(folder) as shared:
        asyncio.run(_fill(shared["MUSTER_DATABASE_URL"], targets))
        given = {**shared, "MUSTER_GRAPH_URL": graph}
        key = json.loads(parts.muster(given, "key", "create", "--role", "admin", "-o", "json", cwd=folder))["key"]
        submitted = json.loads(parts.muster(given, "submit", str(file), *parts.JOB_OPTIONS, cwd=folder))
        job = f"/jobs/{submitted['id']}"
        with parts.workers(1, given, folder), service(given, folder) as (pid, url), _visitor(url, key) as client:
            pages = {"overview": "/", "running job": job, "list of jobs": "/jobs"}
            paths = {_YARDSTICK: "/display", **{f"GET of the {name}": path for name, path in pages.items()}}
            seen = {name: _times(client, path, pid) for name, path in paths.items()}
            idle = _share(pid)
            watched = asyncio.run(_watched_share(pid, url, f"{job}/live", dict(client.cookies)))
    figures = [
        Figure(f"{name}, {part}", value, "ms", None if name == _YARDSTICK else f"{_YARDSTICK}, {part}")
        for name, all_three in seen.items()
        for part, value in zip(("median", "99 %", "processor time"), all_three, strict=True)
    ]
    late = [name for name, (_, slowest, _) in seen.items() if slowest > BOUND and name in _BOUNDED]
    told = f"missed by {' and '.join(late)}" if late else "kept by the overview and the running job"
    return Section(
        "Pages",
        f"{JOBS:,} finished jobs of {targets:,} devices in PostgreSQL, and one of 20,000 under 200/20s at work; "
        f"{QUESTIONS:,} questions each, whole pages with their answers read. The bound of {BOUND:g} ms at the 99th\n"
        f"percentile is {told}.",
        (
            *figures,
            Figure("a service without open pages", idle, "of a core"),
            Figure(f"the same with {OPEN} open pages of the running job", watched, "of a core"),
        ),
    )


@contextmanager
def _visitor(url: str, key: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=60, follow_redirects=True) as client:
        client.post("/sign-in", data={"key": key}).raise_for_status()
        yield client


def _times(client: httpx.Client, path: str, pid: int) -> tuple[float, float, float]:
    """The median, the 99th percentile, and the processor time of the service for one request, in milliseconds."""
    process = psutil.Process(pid)
    before, asked = sum(process.cpu_times()[:2]), 0

    def ask() -> None:
        nonlocal asked
        client.get(path).raise_for_status()
        asked += 1

    median, slowest = times(ask, QUESTIONS)
    return median, slowest, float(1000 * (sum(process.cpu_times()[:2]) - before) / asked)


async def _watched_share(pid: int, url: str, path: str, cookies: dict[str, str]) -> float:
    """The share of a core that the service takes while so many pages are open."""
    limits = httpx.Limits(max_connections=None)
    async with (
        httpx.AsyncClient(base_url=url, cookies=cookies, timeout=60, limits=limits) as client,
        AsyncExitStack() as opened,
        asyncio.TaskGroup() as readers,
    ):
        tasks = []
        for _ in range(OPEN):
            stream = await opened.enter_async_context(client.stream("GET", path))
            stream.raise_for_status()
            tasks.append(readers.create_task(_read(stream)))
        await asyncio.sleep(2)
        share = await asyncio.to_thread(_share, pid)
        for task in tasks:
            task.cancel()
    return share


async def _read(stream: httpx.Response) -> None:
    async for _ in stream.aiter_raw():
        pass


def _share(pid: int) -> float:
    process = psutil.Process(pid)
    before = sum(process.cpu_times()[:2])
    time.sleep(_WATCHED_FOR)
    return float((sum(process.cpu_times()[:2]) - before) / _WATCHED_FOR)


async def _fill(url: str, targets: int) -> None:
    """The jobs of the last sixty days, straight into the tables: as if they had been done."""
    engine = make_engine(url)
    try:
        async with engine.begin() as connection:
            await connection.execute(text("SET LOCAL statement_timeout = 0"))
            for statement in _FILLING:
                await connection.execute(text(statement), {"jobs": JOBS, "targets": targets})
            for part in range(_PARTS):
                # The driver gives no statement more than a minute.
                await connection.execute(text(_TARGETS), {"targets": targets, "parts": _PARTS, "part": part})
        async with engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(text("ANALYZE"))
    finally:
        await engine.dispose()


_FILLING = (
    """
    INSERT INTO jobs (id, action, via, tenant, lane, priority, status, pass_value, total, intake_rows, duplicates,
                      rejected, input_columns, submitted_by, submitted_at, touched_at, started_at, finished_at)
    SELECT 'past' || n, 'quickScan', 'managedDevices', 'default', 'global/a/b', 'normal', 'finished', 0,
           CAST(:targets AS integer), CAST(:targets AS integer), 0, 0, '["Device ID"]', 'benchmark',
           at, at, at, at + interval '2 minutes'
    FROM generate_series(1, CAST(:jobs AS integer)) AS n,
         LATERAL (SELECT now() - n * interval '60 days' / CAST(:jobs AS integer) AS at) AS began
    """,
    """
    INSERT INTO batches (job_number, batch, first_line, last_line, waiting, accepted, failed, errors, due_at)
    SELECT number, n, n * 100 + 2, n * 100 + 101, 0, 99, 1,
           '[["failed",404,"ResourceNotFound",1,"00000000-0000-4000-8000-000000000001"]]', now()
    FROM jobs, generate_series(0, CAST(:targets AS integer) / 100 - 1) AS n
    """,
)
_PARTS = 20
_TARGETS = """
    INSERT INTO targets (job_number, line, device, status, attempts, http_status)
    SELECT number, n, gen_random_uuid()::text, CASE WHEN n % 100 = 0 THEN 'failed' ELSE 'accepted' END, 1, 204
    FROM jobs, generate_series(2, CAST(:targets AS integer) + 1) AS n
    WHERE number % CAST(:parts AS bigint) = CAST(:part AS bigint)
"""
