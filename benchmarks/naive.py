"""Naive designs: a message a device, on the servers that ours uses too."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from redis import Redis

from benchmarks import parts
from benchmarks.naive_call import BROKER, DATABASE, GRAPH, TABLE
from tests.support.apps import device_ids
from tests.support.checkout import ROOT

DESIGNS = ("Celery", "Dramatiq")
PROCESSES = 2
_PATIENCE = 300


def seconds_for(design: str, given: parts.Environment, devices: int, folder: Path, *, threads: int) -> float:
    """From the first message sent to the last outcome kept, with two worker processes that are warm."""
    shared = {
        **given,
        GRAPH: given["MUSTER_GRAPH_URL"],
        DATABASE: given["MUSTER_DATABASE_URL"],
        BROKER: given["MUSTER_BROKER_URL"].rsplit("/", 1)[0] + "/9",
    }
    with (
        psycopg.connect(shared[DATABASE], autocommit=True) as database,
        Redis.from_url(shared[BROKER]) as broker,
        _workers(design, shared, folder, threads),
    ):
        broker.flushdb()
        _call(design, shared, database, device_ids(100, seed=2))
        begun = time.perf_counter()
        _call(design, shared, database, device_ids(devices, seed=3))
        return time.perf_counter() - begun


def _call(design: str, given: parts.Environment, database: psycopg.Connection, devices: list[str]) -> None:
    database.execute("DROP TABLE IF EXISTS naive")
    database.execute(TABLE)
    with database.cursor() as cursor, cursor.copy("COPY naive FROM STDIN") as copy:
        for device in devices:
            copy.write_row((device, "waiting"))
    sender = [sys.executable, "-m", "benchmarks.naive_sender", design]
    subprocess.run(sender, cwd=ROOT, env=dict(given), input="\n".join(devices), text=True, check=True)  # noqa: S603 - our own
    deadline = time.monotonic() + _PATIENCE
    while _left(database):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{design} did not come to an end")
        time.sleep(0.05)


def _left(database: psycopg.Connection) -> int:
    row = database.execute("SELECT count(*) FROM naive WHERE status = 'waiting'").fetchone()
    return int(row[0]) if row else 0


@contextmanager
def _workers(design: str, given: parts.Environment, folder: Path, threads: int) -> Iterator[None]:
    module = f"benchmarks.naive_{design.lower()}"
    if design == "Celery":
        pool = ["--pool", "threads", "--concurrency", str(threads), "--loglevel", "error", "--without-gossip"]
        commands = [["celery", "-A", module, "worker", *pool, "-n", f"naive{number}@%h"] for number in range(PROCESSES)]
    else:
        commands = [["dramatiq", module, "--processes", str(PROCESSES), "--threads", str(threads)]]
    with (folder / "naive.log").open("ab") as log:
        started = [
            subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT, env=dict(given), stdout=log, stderr=log)  # noqa: S603 - our own
            for command in commands
        ]
        try:
            yield
        finally:
            for process in started:
                process.terminate()
            for process in started:
                process.wait(60)
