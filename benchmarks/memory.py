"""What a process holds of a job: as little of a long one as of a short one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped] # ships no types

from benchmarks import device_lists, parts
from benchmarks.figures import Figure, Section

SIZES = (1_000, 100_000)
REPORTED = (10_000, 1_000_000)
_MEGABYTE = 1024 * 1024


def measure(folder: Path, _rounds: int) -> Section:
    """The most that a worker ever held, and the most that the report of a stored job takes."""
    workers = [_worker_at(size, folder) for size in SIZES]
    reports = [_report_of(size, folder) for size in REPORTED]
    return Section(
        "Memory",
        "Resident memory at its highest, looked at every 50 ms; a fresh process each. No limit, singles.",
        (*_in_pairs(workers), *_in_pairs(reports)),
    )


class Highest:
    """The most a process was seen to hold, in bytes."""

    def __init__(self) -> None:
        self.seen = 0


@contextmanager
def watched(pid: int) -> Iterator[Highest]:
    """Look at a process for as long as this lasts."""
    process, highest, over = psutil.Process(pid), Highest(), threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            try:
                highest.seen = max(highest.seen, process.memory_info().rss)
            except psutil.NoSuchProcess:
                return

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield highest
    finally:
        over.set()
        watcher.join()


def _worker_at(size: int, folder: Path) -> Figure:
    file = device_lists.narrow(folder / f"memory{size}.csv", size)
    with parts.simulator("--write-limit", "none", "--counts-only") as graph, parts.team(folder) as shared:
        given = {**shared, "MUSTER_GRAPH_URL": graph, "MUSTER_WRITE_LIMIT": "none", "MUSTER_BATCHING": "off"}
        with parts.workers(1, given, folder) as pids, watched(pids[0]) as highest:
            parts.job(given, file)
    return Figure(f"a worker through {size:,} devices", highest.seen / _MEGABYTE, "MiB")


def _report_of(size: int, folder: Path) -> Figure:
    file = device_lists.wide(folder / f"report{size}.csv", size)
    given = {**parts.embedded(folder, f"report{size}.db")}
    parts.muster(given, "submit", str(file), *parts.JOB_OPTIONS, cwd=folder)
    command = ("job", "report", "latest", "--file", str(folder / f"report{size}.out.csv"))
    with parts.started(given, *command, cwd=folder) as process, watched(process.pid) as highest:
        parts.finished(process)
    file.unlink()
    return Figure(f"the report of {size:,} rows of 56 columns", highest.seen / _MEGABYTE, "MiB")


def _in_pairs(figures: list[Figure]) -> tuple[Figure, ...]:
    small, large = figures
    return small, Figure(large.what, large.value, large.unit, small.what)
