"""How fast old jobs are removed."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from itertools import count
from pathlib import Path

from benchmarks import device_lists, parts
from benchmarks.figures import Figure, Section, medians
from benchmarks.intake import REQUEST, fresh
from orchestrator.bootstrap import open_app
from orchestrator.intake.device_list import IntakeOptions
from orchestrator.settings import load_settings
from orchestrator.usecases.jobs.cancel_job import cancel_job
from orchestrator.usecases.jobs.submit_job import submit_job
from orchestrator.usecases.operations.prune import prune
from tests.support.services import kept

DEVICES = 100_000

_names = count()


def measure(folder: Path, rounds: int) -> Section:
    """One job on each database."""
    file = device_lists.narrow(folder / "old.csv", DEVICES)
    with kept("postgres") as server:
        measured = medians(
            [("SQLite", partial(_prune, folder, None, file)), ("PostgreSQL", partial(_prune, folder, server, file))],
            rounds,
        )
    return Section(
        "Pruning",
        f"`muster db prune` of a job of {DEVICES:,} devices, with its input; median of {rounds}.",
        tuple(Figure(name, DEVICES / seconds, "devices/s") for name, seconds in measured.items()),
    )


def _prune(folder: Path, server: str | None, file: Path) -> float:
    if server is None:
        given = parts.embedded(folder, f"old{next(_names)}.db")
    else:
        given = {**parts.environment(folder), "MUSTER_DATABASE_URL": asyncio.run(fresh(server))}
    return asyncio.run(_pruned(given, file))


async def _pruned(given: parts.Environment, file: Path) -> float:
    async with open_app(load_settings(given), kind="ask") as app:
        with file.open("rb") as stream:
            job = await submit_job(app, REQUEST, stream, file_name=file.name, options=IntakeOptions())
        await cancel_job(app, job.id, by=REQUEST.by, reason=None)
        begun = time.perf_counter()
        if await prune(app, keep_days=-1, by=REQUEST.by) != 1:
            raise RuntimeError("the job was not removed, so nothing was measured")
        return time.perf_counter() - begun
