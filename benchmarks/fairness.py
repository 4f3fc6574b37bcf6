"""What a job gets of a lane that others use as well."""

from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks import device_lists, parts
from benchmarks.figures import Figure, Section

LARGE = 5_000
SMALL = 20
COUNTED = 20.0
"""Seconds in which the calls of two equal jobs are counted."""


def measure(folder: Path, _rounds: int) -> Section:
    """A small job under a large one, and two alike."""
    return Section(
        "Fairness",
        f"Two workers over Valkey and PostgreSQL. {SMALL} devices under a job of {LARGE:,} at 200/20s (10 calls a\n"
        f"second); two jobs of {LARGE:,} at 400/4s, counted for {COUNTED:.0f} s.",
        (*_small_under_large(folder), *_two_alike(folder)),
    )


def _small_under_large(folder: Path) -> tuple[Figure, ...]:
    large, small = (device_lists.narrow(folder / f"fair{size}.csv", size) for size in (LARGE, SMALL))
    with parts.simulator("--write-limit", "200/20s") as graph, parts.team(folder) as shared:
        given = {**shared, "MUSTER_GRAPH_URL": graph, "MUSTER_WRITE_LIMIT": "200/20s"}
        with parts.workers(2, given, folder):
            _submit(given, large)
            time.sleep(10)
            job = parts.job(given, small)
            targets = json.loads(parts.muster(given, "job", "targets", job["id"], "-o", "json", cwd=folder))
    submitted = datetime.fromisoformat(job["submittedAt"])
    first = min(datetime.fromisoformat(target["firstAttemptAt"]) for target in targets)
    ended = datetime.fromisoformat(job["finishedAt"])
    return (
        Figure("from submitted to its first call", (first - submitted).total_seconds(), "s"),
        Figure("from submitted to finished", (ended - submitted).total_seconds(), "s"),
    )


def _two_alike(folder: Path) -> tuple[Figure, ...]:
    file = device_lists.narrow(folder / "alike.csv", LARGE)
    with parts.simulator("--write-limit", "400/4s") as graph, parts.team(folder) as shared:
        given = {**shared, "MUSTER_GRAPH_URL": graph, "MUSTER_WRITE_LIMIT": "400/4s"}
        with parts.workers(2, given, folder):
            jobs = [_submit(given, file) for _ in range(2)]
            time.sleep(5)
            before = [_accepted(given, job, folder) for job in jobs]
            time.sleep(COUNTED)
            calls = [_accepted(given, job, folder) - first for job, first in zip(jobs, before, strict=True)]
    return tuple(
        Figure(f"share of the {name} of two equal jobs", 100 * count / sum(calls), "%")
        for name, count in zip(("first", "second"), calls, strict=True)
    )


def _submit(given: parts.Environment, file: Path) -> str:
    job: dict[str, Any] = json.loads(parts.muster(given, "submit", str(file), *parts.JOB_OPTIONS, cwd=file.parent))
    return str(job["id"])


def _accepted(given: parts.Environment, job: str, folder: Path) -> int:
    return int(json.loads(parts.muster(given, "job", "show", job, "-o", "json", cwd=folder))["counts"]["accepted"])
