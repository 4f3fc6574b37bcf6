"""One job as large as they come: received, run to its end, and asked about while it runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles

from benchmarks import device_lists, parts
from benchmarks.figures import Figure, Section
from benchmarks.intake import REQUEST
from benchmarks.memory import watched
from orchestrator.app import App
from orchestrator.bootstrap import open_app
from orchestrator.domain.job import Job
from orchestrator.intake.device_list import IntakeOptions
from orchestrator.settings import load_settings
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.jobs.submit_job import submit_job

DEVICES = 1_000_000
QUESTIONS = 300
SLICES = 5
_PATIENCE = 1800
_MEGABYTE = 1024 * 1024

Sample = tuple[float, int]
"""A moment in seconds, and how many devices had an outcome by then."""


def measure(folder: Path, _rounds: int) -> Section:
    """Once, because it takes minutes."""
    file = device_lists.narrow(folder / "large.csv", DEVICES)
    with parts.simulator("--write-limit", "none", "--counts-only") as graph, parts.team(folder) as shared:
        free = {**shared, "MUSTER_GRAPH_URL": graph, "MUSTER_WRITE_LIMIT": "none", "MUSTER_BATCHING": "on"}
        stored, job = asyncio.run(_stored(free, file))
        with ThreadPoolExecutor() as sampling:
            # From before there is a worker: its first outcomes belong to the first tenth.
            seen = sampling.submit(lambda: asyncio.run(_samples(free, job)))
            with parts.workers(1, free, folder) as pids, watched(pids[0]) as highest:
                samples = seen.result()
        throttled = {**free, "MUSTER_WRITE_LIMIT": "200/20s", "MUSTER_BATCHING": "off"}
        _, second = asyncio.run(_stored(throttled, file))
        with parts.workers(1, throttled, folder):
            asked = asyncio.run(_asked(throttled, second))
    first, last = (rate_between(samples, start * DEVICES // 10, (start + 1) * DEVICES // 10) for start in (0, 9))
    return Section(
        "Large",
        f"One job of {DEVICES:,} devices on PostgreSQL, once. Stored: from the start of reading a local file until\n"
        f"the job can be taken. Tenths: outcomes by the job's own count, median of {SLICES} slices each; envelopes,\n"
        f"one worker. Described: {QUESTIONS} questions while a second such job runs at 200/20s.",
        (
            Figure("stored", stored, "s"),
            Figure("the first tenth", first, "devices/s"),
            Figure("the last tenth", last, "devices/s", "the first tenth"),
            Figure("the worker's memory at its highest", highest.seen / _MEGABYTE, "MiB"),
            Figure("describing the job, median", 1000 * median(asked), "ms"),
            Figure("describing the job, 99th percentile", 1000 * quantiles(asked, n=100)[98], "ms"),
        ),
    )


def rate_between(samples: Sequence[Sample], start: int, end: int) -> float:
    """Outcomes per second from the `start`-th to the `end`-th, the median of equal slices."""
    edges = [start + (end - start) * number // SLICES for number in range(SLICES + 1)]
    occurrences = [_moment_of(samples, edge) for edge in edges]
    return median(
        (edges[place + 1] - edges[place]) / (occurrences[place + 1] - occurrences[place]) for place in range(SLICES)
    )


def _moment_of(samples: Sequence[Sample], count: int) -> float:
    """When there were so many outcomes, on a straight line between the samples around it."""
    before, after = next((before, after) for before, after in pairwise(samples) if after[1] >= max(count, 1))
    return before[0] + (after[0] - before[0]) * (count - before[1]) / (after[1] - before[1])


async def _stored(given: parts.Environment, file: Path) -> tuple[float, Job]:
    async with open_app(load_settings(given), kind="ask") as app:
        with file.open("rb") as stream:
            begun = time.perf_counter()
            job = await submit_job(app, REQUEST, stream, file_name=file.name, options=IntakeOptions())
            return time.perf_counter() - begun, job


async def _samples(given: parts.Environment, job: Job) -> list[Sample]:
    samples: list[Sample] = []
    deadline = time.monotonic() + _PATIENCE
    async with open_app(load_settings(given), kind="ask") as app:
        while not samples or samples[-1][1] < DEVICES:
            if time.monotonic() > deadline:
                raise TimeoutError(f"after {_PATIENCE} s {samples[-1][1]:,} devices were done")
            samples.append((time.perf_counter(), await _accepted(app, job)))
            await asyncio.sleep(0.25)
    return samples


async def _accepted(app: App, job: Job) -> int:
    async with app.store.reading() as tx:
        return (await tx.jobs.tallies([job.number]))[job.number].accepted


async def _asked(given: parts.Environment, job: Job) -> list[float]:
    async with open_app(load_settings(given), kind="ask") as app:
        # A new process's first questions open connections and compile statements.
        seconds = [await _seconds_to_describe(app, job) for _ in range(10 + QUESTIONS)][10:]
        if not await _accepted(app, job):
            raise RuntimeError("the job did not run, so nothing was measured")
    return seconds


async def _seconds_to_describe(app: App, job: Job) -> float:
    await asyncio.sleep(0.05)
    begun = time.perf_counter()
    await describe_job(app, job.id)
    return time.perf_counter() - begun
