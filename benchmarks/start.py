"""How long somebody waits before anything happens."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import device_lists, parts
from benchmarks.figures import Figure, Section, medians
from tests.support.checkout import ROOT

DEVICES = 20


def measure(folder: Path, rounds: int) -> Section:
    """The help page, and the first call of a job."""
    rounds = max(rounds, 5)
    file = device_lists.narrow(folder / "start.csv", DEVICES)
    commands = medians(
        [
            (_NOTHING, partial(_seconds, "-c", "pass")),
            (_HELP, partial(_seconds, "-m", "orchestrator", "--help")),
        ],
        rounds,
    )
    short = _short_commands(folder, file, rounds)
    with parts.team(folder) as given, parts.simulator("--write-limit", "none") as graph:
        ours = {**given, "MUSTER_GRAPH_URL": graph, "MUSTER_WRITE_LIMIT": "200/20s"}
        with parts.workers(2, ours, folder):
            waits = medians([(_FIRST, partial(_until_first_call, ours, graph, file))], rounds)
        # A database that is there already: the second `run` is what people meet every day.
        alone = {**ours, **parts.embedded(folder, "start.db")}
        del alone["MUSTER_BROKER_URL"]
        parts.job(alone, file)
        runs = medians([(_RUN, partial(_until_run_calls, alone, graph, file))], rounds)
    milliseconds = {name: 1000 * seconds for name, seconds in {**commands, **short, **waits, **runs}.items()}
    return Section(
        "Start",
        f"Median of {rounds}; of short commands, the processor time. "
        "The last two at 200/20s, on a lane that was in use before.",
        tuple(Figure(name, value, "ms", _beside(name)) for name, value in milliseconds.items()),
    )


def _short_commands(folder: Path, file: Path, rounds: int) -> dict[str, float]:
    """Seconds of processor time that a short command takes, and the import that none of them can do without."""
    given = parts.embedded(folder, "short.db")
    submit = ("submit", str(file), "--action", "refreshMachinePolicy")
    _processor_seconds(given, "-m", "orchestrator", *submit)
    lines = {"job list": ("job", "list"), "job show": ("job", "show", "latest"), "audit": ("audit",), "submit": submit}
    contestants = [(_SQLALCHEMY, partial(_processor_seconds, given, "-c", "import sqlalchemy"))]
    for name, line in lines.items():
        contestants.append((f"muster {name}", partial(_processor_seconds, given, "-m", "orchestrator", *line)))
    return medians(contestants, rounds)


def _beside(name: str) -> str | None:
    if name == _HELP:
        return _NOTHING
    return _SQLALCHEMY if name.startswith("muster ") else None


_NOTHING = "Python itself"
_SQLALCHEMY = "import sqlalchemy"
_HELP = "muster --help"
_FIRST = "from submitted to the first call, 2 workers"
_RUN = "from `muster run`, typed, to the first call"


def _seconds(*arguments: str) -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True, cwd=ROOT)  # noqa: S603 - our own
    return time.perf_counter() - begun


def _processor_seconds(given: parts.Environment, *arguments: str) -> float:
    before = os.times()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True, cwd=ROOT, env=dict(given))  # noqa: S603 - our own
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def _until_first_call(given: parts.Environment, graph: str, file: Path) -> float:
    before = _calls(graph)
    job = parts.job(dict(given), file)
    return (_arrived(_calls(graph)[len(before) :]) - datetime.fromisoformat(job["submittedAt"])).total_seconds()


def _until_run_calls(given: parts.Environment, graph: str, file: Path) -> float:
    before = _calls(graph)
    begun = time.time()
    parts.job(dict(given), file)
    return _arrived(_calls(graph)[len(before) :]).timestamp() - begun


def _calls(graph: str) -> Sequence[dict[str, Any]]:
    return parts.ask_simulator(graph, "ledger?limit=10000")["calls"]  # type: ignore[no-any-return] # JSON


def _arrived(calls: Sequence[dict[str, Any]]) -> datetime:
    return min(datetime.fromisoformat(call["arrivedAt"]) for call in calls)
