"""Clocks as processes, killed and started again while schedules are due: each moment becomes one job at most."""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from random import Random

import pytest

from tests.support.apps import devices_csv
from tests.support.command_line import CommandLine, Running
from tests.support.team import ask
from tests.support.waiting import until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a team's installation runs on Linux")

CLOCKS = 4
KILLS = 4
DEVICES = 600
"""Two batches, so that a clock can be killed between them."""

NAMES = ("one", "two")


def test_clocks_that_are_killed_again_and_again_make_no_occurrence_twice(
    postgresql_url: str, valkey_url: str, tmp_path: Path
) -> None:
    variables = {
        "MUSTER_DATABASE_URL": postgresql_url,
        "MUSTER_BROKER_URL": valkey_url,
        "MUSTER_GRAPH_URL": "http://127.0.0.1:1",
        "MUSTER_ACCESS_TOKEN": "token",
        "MUSTER_LOG_LEVEL": "warning",
    }
    muster = CommandLine(tmp_path, variables)
    chance = Random(5)
    assert muster.run("list", "import", "fleet", muster.write("devices.csv", devices_csv(DEVICES))).code == 0
    with ExitStack() as opened:

        def clock(number: int) -> Running:
            folder = tmp_path / f"clock{number}"
            folder.mkdir()
            return opened.enter_context(CommandLine(folder, variables).started("clock"))

        def occurrences() -> int:
            return int(ask(postgresql_url, "SELECT count(*) FROM moments"))

        clocks = [clock(number) for number in range(CLOCKS)]
        for name in NAMES:
            added = muster.run(
                *("schedule", "add", name, "--every", "1s", "--overlap", "cancel", "--start-within", "1d"),
                *("--action", "refreshUserPolicy", "--list", "fleet"),
            )
            assert added.code == 0, added.err
        for kill in range(KILLS):
            seen = occurrences()
            # Right after one of them began with a moment, which is as likely as not the one that is killed.
            until(lambda seen=seen: occurrences() > seen, pause=0.02)  # type: ignore[misc] # bound as it is now
            victim = chance.randrange(CLOCKS)
            clocks[victim].process.kill()
            clocks[victim] = clock(CLOCKS + kill)
        # What a killed clock held is taken up soon after; then nothing is in the way any more.
        until(lambda: fewest_started(postgresql_url) > 2, pause=0.25)
        for name in NAMES:
            muster.run("schedule", "pause", name)

    jobs = muster.run("job", "list", "--limit", "1000", "-o", "json").json
    for name in NAMES:
        history = muster.run("schedule", "history", name, "--limit", "1000", "-o", "json").json
        made = started(muster, name)
        assert len(made) > 2
        assert set(made.values()) == {1}
        assert len({row["utc"] for row in history}) == len(history)
        assert sorted(made) == sorted(job["id"] for job in jobs if job["schedule"] == name)
    # Killed in the middle of a list, a clock leaves no half of a job.
    assert {job["counts"]["total"] for job in jobs} == {DEVICES}


def started(muster: CommandLine, name: str) -> Counter[str]:
    """The jobs of a schedule, each with how many moments claim it."""
    occurrences = muster.run("schedule", "history", name, "--limit", "1000", "-o", "json").json
    return Counter(row["job"] for row in occurrences if row["status"] == "started")


def fewest_started(database_url: str) -> int:
    """How many jobs that schedule has started which has started the fewest."""
    started = "SELECT count(*) FROM moments WHERE schedule_number = number AND status = 'started'"
    return int(ask(database_url, f"SELECT min(({started})) FROM schedules"))  # noqa: S608 - written above


def test_celery_beat_is_a_clock_too(postgresql_url: str, valkey_url: str, tmp_path: Path) -> None:
    variables = {
        "MUSTER_DATABASE_URL": postgresql_url,
        "MUSTER_BROKER_URL": valkey_url,
        "MUSTER_GRAPH_URL": "http://127.0.0.1:1",
        "MUSTER_ACCESS_TOKEN": "token",
    }
    muster = CommandLine(tmp_path, variables)
    muster.run("list", "import", "fleet", muster.write("devices.csv", devices_csv(10)))
    muster.run(
        *("schedule", "add", "one", "--every", "1s", "--action", "refreshUserPolicy", "--list", "fleet"),
    )

    with muster.started_module("celery", "-A", "workers", "beat") as beat:
        until(lambda: fewest_started(postgresql_url), lambda: beat.told.read_text(errors="replace"), pause=0.25)

    assert started(muster, "one")
    assert [file.name for file in tmp_path.iterdir() if "beat-schedule" in file.name] == []
