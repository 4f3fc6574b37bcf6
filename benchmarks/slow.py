"""Devices per second where every call takes its time, beside the naive designs."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from benchmarks import device_lists, naive, parts
from benchmarks.figures import Figure, Section, medians
from benchmarks.free import seconds_with_workers

DEVICES = 10_000
NAIVE_DEVICES = 3_000
LATENCY = "50-150"
THREADS = 32


def measure(folder: Path, rounds: int) -> Section:
    """Ours with two workers, and as many naive processes with many threads each."""
    file = device_lists.narrow(folder / "slow.csv", DEVICES)
    with (
        parts.simulator("--write-limit", "none", "--counts-only", "--latency", LATENCY) as graph,
        parts.team(folder) as shared,
    ):
        given = {**shared, "MUSTER_GRAPH_URL": graph, "MUSTER_WRITE_LIMIT": "none"}
        ours = medians([(_OURS, partial(seconds_with_workers, given, file, 2, "off"))], rounds)
        theirs = medians(
            [
                (
                    _NAIVE.format(design),
                    partial(naive.seconds_for, design, given, NAIVE_DEVICES, folder, threads=THREADS),
                )
                for design in naive.DESIGNS
            ],
            rounds,
        )
    naive_figures = tuple(Figure(name, NAIVE_DEVICES / seconds, "devices/s") for name, seconds in theirs.items())
    best = max(naive_figures, key=lambda figure: figure.value)
    return Section(
        f"Slow: {LATENCY} ms a call",
        f"{DEVICES:,} devices by ours, {NAIVE_DEVICES:,} by the naive designs (one message, POST and UPDATE a device;\n"
        f"{naive.PROCESSES} processes of {THREADS} threads); no limit, singles; median of {rounds}.",
        (*naive_figures, Figure(_OURS, DEVICES / ours[_OURS], "devices/s", best.what)),
    )


_OURS = "singles, 2 workers, Redis and PostgreSQL"
_NAIVE = "naive, {}"
