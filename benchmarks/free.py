"""Devices per second where nothing limits, beside a loop that keeps nothing."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from itertools import count
from pathlib import Path

from benchmarks import device_lists, naive, parts
from benchmarks.bare_calls import AT_ONCE
from benchmarks.figures import Figure, Section, medians
from benchmarks.throttled import seconds_of
from tests.support.checkout import ROOT

DEVICES = 10_000
ENVELOPE_DEVICES = 60_000
"""Of 10,000 in envelopes half of the time would be the job's start."""
NAIVE_DEVICES = 3_000
THREADS = 8
"""Of each naive process: httpx's own pool slows with more."""

_names = count()


def measure(folder: Path, rounds: int) -> Section:
    """Singles and envelopes, embedded and with one and two workers."""
    file = device_lists.narrow(folder / "free.csv", DEVICES)
    long = device_lists.narrow(folder / "long.csv", ENVELOPE_DEVICES)
    with parts.simulator("--write-limit", "none", "--counts-only") as graph, parts.team(folder) as shared:
        given = {**shared, "MUSTER_GRAPH_URL": graph, "MUSTER_WRITE_LIMIT": "none"}
        alone = {**parts.environment(folder), "MUSTER_GRAPH_URL": graph, "MUSTER_WRITE_LIMIT": "none"}
        measured = medians(
            [
                (_OWN, partial(_bare, graph, "own-pool")),
                (_SINGLE, partial(_bare, graph, "same-pool")),
                ("singles, embedded, SQLite", partial(_embedded, alone, file, "off")),
                ("singles, 1 worker, Redis and PostgreSQL", partial(seconds_with_workers, given, file, 1, "off")),
                ("singles, 2 workers, Redis and PostgreSQL", partial(seconds_with_workers, given, file, 2, "off")),
                (_OWN_ENVELOPE, partial(_bare, graph, "own-envelopes")),
                (_ENVELOPE, partial(_bare, graph, "envelopes")),
                ("envelopes, embedded, SQLite", partial(_embedded, alone, long, "on")),
                ("envelopes, 1 worker, Redis and PostgreSQL", partial(seconds_with_workers, given, long, 1, "on")),
                ("envelopes, 2 workers, Redis and PostgreSQL", partial(seconds_with_workers, given, long, 2, "on")),
            ],
            rounds,
        )
        theirs = medians(
            [
                (f"naive, {design}", partial(naive.seconds_for, design, given, NAIVE_DEVICES, folder, threads=THREADS))
                for design in naive.DESIGNS
            ],
            rounds,
        )
    figures = tuple(
        Figure(name, _devices(name) / seconds, "devices/s", _beside(name)) for name, seconds in measured.items()
    )
    figures += tuple(Figure(name, NAIVE_DEVICES / seconds, "devices/s", _SINGLE) for name, seconds in theirs.items())
    return Section(
        "Free",
        f"{DEVICES:,} devices, in envelopes {ENVELOPE_DEVICES:,}, no limit, {AT_ONCE} calls at once; median of\n"
        f"{rounds}. From submitted to finished, intent and outcome of every call committed (SQLite syncs, PostgreSQL\n"
        "here does not). Simulator, servers and workers share this machine's processors. Naive: one message, POST and\n"
        f"UPDATE a device, for {NAIVE_DEVICES:,} devices. Envelopes stand beside the loop over httpx as it comes;\n"
        "how much faster the same loop is over our transport says its own row.",
        figures,
    )


_OWN = "bare loop, singles, httpx's own pool"
_SINGLE = "bare loop, singles, our transport"
_OWN_ENVELOPE = "bare loop, envelopes, httpx's own pool"
_ENVELOPE = "bare loop, envelopes, our transport"


def _beside(name: str) -> str | None:
    """Singles beside the fastest loop; envelopes beside httpx as it comes, and so is our transport, twice as fast."""
    if name in {_OWN, _SINGLE, _OWN_ENVELOPE}:
        return None
    return _OWN_ENVELOPE if "envelopes" in name else _SINGLE


def _devices(name: str) -> int:
    return ENVELOPE_DEVICES if "envelopes" in name else DEVICES


def _bare(graph: str, how: str) -> float:
    command = [sys.executable, "-m", "benchmarks.bare_calls", graph, str(_devices(how)), how]
    answer = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603 - our own
    return float(answer.stdout)


def _embedded(given: dict[str, str], file: Path, batching: str) -> float:
    database = parts.embedded(file.parent, f"free{next(_names)}.db")
    return seconds_of(parts.job({**given, **database, **_with(given, batching)}, file))


def seconds_with_workers(given: dict[str, str], file: Path, number: int, batching: str) -> float:
    """From submitted to finished."""
    ours = {**given, **_with(given, batching)}
    with parts.workers(number, ours, file.parent):
        return seconds_of(parts.job(ours, file))


def _with(given: dict[str, str], batching: str) -> dict[str, str]:
    kept = ("MUSTER_GRAPH_URL", "MUSTER_WRITE_LIMIT")
    return {**{name: given[name] for name in kept}, "MUSTER_BATCHING": batching}
