"""`python -m benchmarks [SECTION …]`: all of them where none is named."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from benchmarks import (
    device_history,
    fairness,
    free,
    intake,
    inventory,
    lanes,
    large,
    memory,
    pages,
    picture,
    pruning,
    reading,
    slow,
    start,
    throttled,
    web,
)
from benchmarks.figures import Section, table
from orchestrator.telemetry.logs import set_up_logs
from tests.support.checkout import ROOT

SECTIONS: dict[str, Callable[[Path, int], Section]] = {
    "intake": intake.measure,
    "inventory": inventory.measure,
    "history": device_history.measure,
    "reading": reading.measure,
    "throttled": throttled.measure,
    "fairness": fairness.measure,
    "free": free.measure,
    "slow": slow.measure,
    "large": large.measure,
    "lanes": lanes.measure,
    "memory": memory.measure,
    "pruning": pruning.measure,
    "start": start.measure,
    "pages": pages.measure,
    "web": web.measure,
}

FULL: dict[str, Callable[[Path, int], Section]] = {
    "inventory": partial(inventory.measure, size=inventory.FULL),
    "history": partial(device_history.measure, size=device_history.FULL),
    "pages": partial(pages.measure, targets=pages.FULL),
}
"""Sections that are measured with fewer devices unless `--full` is given."""


def main() -> None:
    """Measure one section after the other, print one table, and keep everything under build/."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured; the median counts")
    parser.add_argument("--full", action="store_true", help=f"{', '.join(FULL)} at full size: minutes more")
    options = parser.parse_args()
    if unknown := set(options.sections) - set(SECTIONS):
        parser.error(f"there is no section {', '.join(sorted(unknown))}")
    set_up_logs(as_json=False, level="warning")
    machine = f"{os.cpu_count()} processors, Python {platform.python_version()}, {platform.system()}"
    _say(f"{machine}. Everything below runs on it together: read the ratios rather than the figures.")
    kept = ROOT / "build" / "benchmarks"
    kept.mkdir(parents=True, exist_ok=True)
    measured: list[Section] = []
    for name in options.sections or SECTIONS:
        section = _measure(name, options.rounds, FULL if options.full else {})
        measured.append(section)
        when = datetime.now(UTC).isoformat(timespec="seconds")
        results = {"measuredAt": when, "machine": machine, **section.as_json()}
        # A file each: measuring one section again leaves the others as they were.
        (kept / f"{name}.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    # Of what was measured last, so that one section measured again does not lose the other's bars.
    (kept / "speed.svg").write_text(picture.of(kept), encoding="utf-8")
    _say(table(measured))
    _say(f"The same as JSON, and speed.svg: {kept.relative_to(ROOT)}")


def _measure(name: str, rounds: int, full: Mapping[str, Callable[[Path, int], Section]]) -> Section:
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="muster-bench-") as folder:
        section = full.get(name, SECTIONS[name])(Path(folder), rounds)
    _say(f"{name}: measured in {time.perf_counter() - begun:.0f} s")
    return section


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
