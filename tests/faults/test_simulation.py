"""Hundreds of small disasters on virtual time. A seed that fails is replayed by `make chaos SEED=…`."""

from __future__ import annotations

import gc
import multiprocessing
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.seeded_run import RunSummary, Totals, how_to_replay, run_seed

FIRST, SEEDS = 1000, 305


@pytest.mark.timeout(900)
def test_whatever_breaks_every_device_ends_with_one_true_outcome(sqlite_template: Path) -> None:
    totals = Totals()
    for run in _runs(sqlite_template):
        totals.add(run)

    replay = "\n".join(f"{how_to_replay(seed)}: {lines[0]}" for seed, lines in totals.broken.items())
    assert not totals.broken, replay
    assert totals.seeds >= 300
    assert totals.calls >= 100_000
    assert totals.faults.total() >= 2_000
    # A simulation in which nothing dies, hangs or happens twice would prove nothing.
    assert min(totals.devices[status] for status in ("accepted", "failed", "uncertain", "cancelled", "marked")) > 50
    assert totals.repeated > 50
    assert len(totals.recoveries) > 100


def test_the_same_seed_gives_the_same_run(sqlite_template: Path) -> None:
    first, again = run_seed(7, sqlite_template), run_seed(7, sqlite_template)

    assert first.digest
    assert first == again


def _runs(template: Path) -> Iterator[RunSummary]:
    """Several processes share the seeds; each run is by itself on a clock of its own."""
    seeds = [(seed, template) for seed in range(FIRST, FIRST + SEEDS)]
    with multiprocessing.get_context("spawn").Pool(os.cpu_count(), _give_way) as processes:
        yield from processes.imap_unordered(_run, seeds, chunksize=5)


def _give_way() -> None:
    """Virtual time can wait: tests beside it that live by the real one go first."""
    if sys.platform != "win32":
        os.nice(5)


def _run(seed_and_template: tuple[int, Path]) -> RunSummary:
    gc.disable()
    run = run_seed(*seed_and_template)
    gc.collect()
    run.digest = ()
    return run
