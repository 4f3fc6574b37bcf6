"""How close to a limit a job stays, and that it never passes it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from benchmarks import device_lists, parts
from benchmarks.figures import Figure, Section
from orchestrator.domain.lane import WriteLimit, parse_write_limit
from orchestrator.throttle.gcra import interval


def measure(folder: Path, _rounds: int) -> Section:
    """Two workers at the demo's limit, and four at the one that Microsoft documents, far away."""
    figures: list[Figure] = []
    with parts.team(folder) as given:
        for limit, devices, number, latency in (("400/4s", 4_000, 2, "0-0"), ("200/20s", 2_000, 4, "0-300")):
            figures += _at(limit, devices, given, folder, number=number, latency=latency)
    return Section(
        "Throttled",
        "Workers over Valkey and PostgreSQL; arrivals as the simulator saw them. What caution allows is\n"
        "docs/throttle.md's arithmetic: window / (window + life + spread).",
        tuple(figures),
    )


def _at(text: str, devices: int, given: dict[str, str], folder: Path, *, number: int, latency: str) -> list[Figure]:
    limit = parse_write_limit(text)
    if limit is None:
        raise ValueError(text)
    file = device_lists.narrow(folder / f"{devices}.csv", devices)
    with parts.simulator("--write-limit", text, "--window", "sliding", "--latency", latency) as graph:
        ours = {**given, "MUSTER_GRAPH_URL": graph, "MUSTER_WRITE_LIMIT": text}
        with parts.workers(number, ours, folder):
            job = parts.job(ours, file)
        seconds = limit.window.total_seconds()
        summary = parts.ask_simulator(graph, f"summary?seconds={seconds}")
        arrivals = [
            call["arrived"] for call in parts.ask_simulator(graph, f"ledger?limit={min(devices * 2, 10_000)}")["calls"]
        ]
    named = f"{text}, {number} workers, {latency} ms"
    per_second = limit.calls / seconds
    used = (len(arrivals) - 1) / (max(arrivals) - min(arrivals)) / per_second
    whole = devices / seconds_of(job) / per_second
    return [
        Figure(f"{named}: what caution allows", 100 * _allowed(limit), "% of the limit"),
        Figure(f"{named}: used, first call to last", 100 * used, "% of the limit", f"{named}: what caution allows"),
        Figure(f"{named}: used, submitted to finished", 100 * whole, "% of the limit"),
        Figure(f"{named}: most calls in any {seconds:g} s", summary["peak"]["calls"], "calls"),
        Figure(f"{named}: refused with 429", summary["byStatus"].get("429", 0), "calls"),
    ]


def seconds_of(job: dict[str, str]) -> float:
    """From the moment a job could be taken to its end."""
    begun, ended = (datetime.fromisoformat(job[name]) for name in ("submittedAt", "finishedAt"))
    return (ended - begun).total_seconds()


def _allowed(limit: WriteLimit) -> float:
    return limit.window.total_seconds() / limit.calls / interval(limit)
