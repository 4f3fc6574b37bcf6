"""The web process beside ten million targets: how soon a job is shown, and what an upload of 1 GiB takes of memory."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from sqlalchemy import text

from benchmarks import device_lists, parts
from benchmarks.figures import Figure, Section
from benchmarks.memory import watched
from orchestrator.store.engine.engines import make_engine

JOBS, TARGETS = 10, 1_000_000
QUESTIONS = 2_000
_GIBIBYTE = 1024**3
_MEGABYTE = 1024 * 1024


def measure(folder: Path, _rounds: int) -> Section:
    """How a job of the full table and one that runs are shown, and the highest memory of the service."""
    file = device_lists.narrow(folder / "running.csv", 20_000)
    with parts.simulator("--counts-only") as graph, parts.team(folder) as shared:
        asyncio.run(_fill(shared["MUSTER_DATABASE_URL"]))
        given = {**shared, "MUSTER_GRAPH_URL": graph}
        key = json.loads(parts.muster(given, "key", "create", "--role", "admin", "-o", "json", cwd=folder))["key"]
        parts.muster(given, "submit", str(file), *parts.JOB_OPTIONS, cwd=folder)
        with parts.workers(1, given, folder), service(given, folder) as (pid, url), client_of(url, key) as client:
            full = times(lambda: client.get("/api/jobs/full0").raise_for_status())
            running = times(lambda: client.get("/api/jobs/latest").raise_for_status())
            with watched(pid) as idle:
                time.sleep(2)
            with watched(pid) as highest:
                status = _upload(client, _GIBIBYTE)
    if status != httpx.codes.UNPROCESSABLE_ENTITY:
        raise RuntimeError(f"the upload was answered with {status}, so nothing was measured")
    return Section(
        "Web",
        f"{JOBS * TARGETS:,} targets in PostgreSQL, a job under 200/20s at work; {QUESTIONS:,} questions each. The "
        "upload is 1 GiB of rows too many, read to its end and refused.",
        (
            Figure("GET of a job of 1,000,000 targets, median", full[0], "ms"),
            Figure("GET of a job of 1,000,000 targets, 99 %", full[1], "ms"),
            Figure("GET of the running job, median", running[0], "ms"),
            Figure("GET of the running job, 99 %", running[1], "ms"),
            Figure("memory of the service, idle", idle.seen / _MEGABYTE, "MiB"),
            Figure(
                "memory of the service, 1 GiB coming in", highest.seen / _MEGABYTE, "MiB", "memory of the service, idle"
            ),
        ),
    )


async def _fill(url: str) -> None:
    """The jobs, their batches and targets, straight into the tables: as if they had been done."""
    engine = make_engine(url)
    try:
        for number in range(JOBS):
            async with engine.begin() as connection:
                await connection.execute(text("SET LOCAL statement_timeout = 0"))
                for statement in _FILLING:
                    await connection.execute(text(statement), {"id": f"full{number}", "targets": TARGETS})
        async with engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(text("ANALYZE"))
    finally:
        await engine.dispose()


@contextmanager
def service(given: parts.Environment, folder: Path) -> Iterator[tuple[int, str]]:
    """A `muster serve`; its process id and its URL."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with parts.started(given, "serve", "--port", str(port), cwd=folder) as process:
        url = f"http://127.0.0.1:{port}"
        for _ in range(300):
            try:
                httpx.get(f"{url}/api/health/live", timeout=1)
                break
            except httpx.HTTPError:
                time.sleep(0.1)
        try:
            yield process.pid, url
        finally:
            process.terminate()


@contextmanager
def client_of(url: str, key: str) -> Iterator[httpx.Client]:
    """A client that signs in with a key."""
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=600) as client:
        yield client


def times(ask: Callable[[], object], questions: int = QUESTIONS) -> tuple[float, float]:
    """The median and the 99th percentile, in milliseconds."""
    for _ in range(50):
        ask()
    seen = []
    for _ in range(questions):
        began = time.perf_counter()
        ask()
        seen.append((time.perf_counter() - began) * 1000)
    seen.sort()
    return seen[len(seen) // 2], seen[len(seen) * 99 // 100]


def _upload(client: httpx.Client, size: int) -> int:
    """Send a list of so many bytes with one bad line; the status of the answer."""
    head = b'--x\r\nContent-Disposition: form-data; name="action"\r\n\r\nquickScan\r\n'
    head += b'--x\r\nContent-Disposition: form-data; name="file"; filename="list.csv"\r\n\r\nDevice ID,Notes\r\n'

    def body() -> Iterator[bytes]:
        yield head
        row = b"0f4c9456-28db-4e98-bee5-ac5aaf6c4256," + b"x" * 4000 + b"\r\n"
        yield b"nobody,bad\r\n"
        block, sent = row * 16, len(head)
        while sent < size - len(block) - 1000:
            sent += len(block)
            yield block
        yield b"--x--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    return client.post("/api/jobs", content=body(), headers=headers).status_code


_FILLING = (
    """
    INSERT INTO jobs (id, action, via, tenant, lane, priority, status, pass_value, total, intake_rows, duplicates,
                      rejected, input_columns, submitted_by, submitted_at, touched_at, started_at, finished_at)
    VALUES (:id, 'quickScan', 'managedDevices', 'default', 'global/a/b', 'normal', 'finished', 0, :targets, :targets,
            0, 0, '["Device ID"]', 'benchmark', now(), now(), now(), now())
    """,
    """
    INSERT INTO batches (job_number, batch, first_line, last_line, waiting, accepted, failed, errors, due_at)
    SELECT number, n, n * 500 + 2, n * 500 + 501, 0, 490, 10,
           '[["failed",404,"ResourceNotFound",10,"00000000-0000-4000-8000-000000000001"]]', now()
    FROM jobs, generate_series(0, CAST(:targets AS integer) / 500 - 1) AS n WHERE id = :id
    """,
    """
    INSERT INTO targets (job_number, line, device, status, attempts, http_status)
    SELECT number, n, gen_random_uuid()::text, CASE WHEN n % 50 = 0 THEN 'failed' ELSE 'accepted' END, 1, 204
    FROM jobs, generate_series(2, CAST(:targets AS integer) + 1) AS n WHERE id = :id
    """,
)
