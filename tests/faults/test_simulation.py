"""Many small disasters on virtual time. A seed that fails is played again by `make chaos SEED=…`."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from orchestrator.domain.lane import WriteLimit
from orchestrator.throttle.gcra import interval
from tests.support.seeded_run import RunSummary, Totals, how_to_replay, run_crowd, run_seed

FIRST = 1000
PARTS = 3
"""Tests of as many seeds each, so that the processes that run tests can share them."""

BUDGET = 5.0
"""Seconds of processor time of one part: it is what is given, and `make chaos` gives more.

Beside other programs the same work takes three times as many, so up to four times as much is given for LEAST seeds."""

LEAST = 4
"""Seeds that every part must get for it."""


@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_breaks_every_device_ends_with_one_true_outcome(part: int, sqlite_template: Path) -> None:
    totals = Totals()
    for run in _runs(part, sqlite_template):
        totals.add(run)

    print(totals)  # noqa: T201 - how much was tried, for whoever reads why it failed
    replay = "\n".join(f"{how_to_replay(seed)}: {lines[0]}" for seed, lines in totals.broken.items())
    assert not totals.broken, replay
    assert totals.seeds >= LEAST, f"{BUDGET} s of processor time were enough for no more than {totals.seeds} seeds"
    # A simulation in which nothing dies, hangs or happens twice would prove nothing.
    assert totals.calls >= 250 * totals.seeds
    assert totals.faults.total() >= 5 * totals.seeds
    assert totals.devices["accepted"] > 0
    assert totals.devices["marked"] > 0
    assert totals.repeated > 0
    assert totals.recoveries


def test_the_same_seed_gives_the_same_run(sqlite_template: Path) -> None:
    # A short run in which workers die and devices are reached twice.
    first, again = run_seed(1011, sqlite_template), run_seed(1011, sqlite_template)

    assert first.digest
    assert first.recoveries
    assert first.repeated
    assert first == again


def test_eight_workers_on_fifty_jobs_of_one_lane_lose_no_device_and_use_its_limit(sqlite_template: Path) -> None:
    limit = WriteLimit(400, timedelta(seconds=4))

    run = run_crowd(sqlite_template, workers=8, jobs=50, devices=4, limit=limit)

    assert run.broken == []
    assert run.calls == run.devices["accepted"] == 200
    # In virtual time: the workers begin together, and each job has to prove itself with its first calls.
    assert run.digest[-1] - run.digest[0] < 1.5 * run.calls * interval(limit)


def _runs(part: int, template: Path) -> Iterator[RunSummary]:
    """The seeds of one part, one after the other, until the budget is used up."""
    began = time.process_time()
    gc.disable()
    try:
        for played, seed in enumerate(count(FIRST + part, PARTS), start=1):
            run = run_seed(seed, template)
            run.digest = ()
            yield run
            gc.collect()
            spent = time.process_time() - began
            if spent > 4 * BUDGET or (spent > BUDGET and played >= LEAST):
                return
    finally:
        gc.enable()
