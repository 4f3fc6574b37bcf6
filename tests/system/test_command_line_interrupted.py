from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator.simulator.app import SimulatedGraph
from tests.support.apps import device_ids, devices_csv
from tests.support.command_line import CommandLine
from tests.support.stalls import Stalls
from tests.support.waiting import PATIENCE, until

ACTION = ("--action", "refreshUserPolicy")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send Ctrl-C to one process")


@pytest.fixture
def write_limit() -> str:
    return "50/1s"


def test_ctrl_c_pauses_the_job_and_resume_calls_the_rest_once(muster: CommandLine, graph: SimulatedGraph) -> None:
    file = muster.write("devices.csv", devices_csv(150))

    with muster.started("run", file, *ACTION, "-o", "json") as running:
        until(lambda: graph.tenant.total >= 10)
        running.interrupt()
        interrupted = running.end()
    called = graph.tenant.total
    resumed = muster.run("job", "resume", interrupted.json["id"], "-o", "json", MUSTER_WRITE_LIMIT="none")

    assert interrupted.code == 130
    assert interrupted.json["status"] == "paused"
    assert interrupted.json["counts"]["accepted"] == called < 150
    assert "muster job resume" in interrupted.err
    assert resumed.code == 0
    assert resumed.json["counts"]["accepted"] == 150
    assert graph.tenant.effects == dict.fromkeys(device_ids(150), 1)


def test_the_second_ctrl_c_leaves_at_once(muster: CommandLine, graph: SimulatedGraph, stalls: Stalls) -> None:
    graph.hang(share=1.0, seconds=60)
    file = muster.write("devices.csv", devices_csv(5))

    with muster.started("run", file, *ACTION) as running:
        until(lambda: graph.tenant.total >= 1)
        running.interrupt()
        until(lambda: value(muster.folder / "muster.db", "SELECT status FROM jobs") == "paused")
        # The first Ctrl-C alone would wait ten seconds for answers.
        with stalls.within(5):
            running.interrupt()
            ended = running.end()

    assert ended.code == 130


def test_ctrl_c_while_a_list_is_read_leaves_nothing(muster: CommandLine, graph: SimulatedGraph) -> None:
    file = muster.write("devices.csv", devices_csv(200_000))

    with muster.started("run", file, *ACTION, "--yes") as running:
        until(lambda: value(muster.folder / "muster.db", "SELECT count(*) FROM input_pages"))
        running.interrupt()
        ended = running.end()

    assert ended.code == 130
    assert muster.run("job", "list", "-o", "json").json == []
    assert graph.tenant.total == 0


def value(database: Path, question: str) -> object:
    """The first value that the database answers with; None where it has no such table yet."""
    with closing(sqlite3.connect(database, timeout=PATIENCE)) as connection:
        try:
            return connection.execute(question).fetchone()[0]
        except sqlite3.OperationalError:
            return None


def test_who_only_watches_ends_the_watching_and_not_the_job(muster: CommandLine) -> None:
    job = muster.run("submit", muster.write("devices.csv", devices_csv(3)), *ACTION).out.strip()

    with muster.started("job", "watch", job) as watching:
        until(lambda: b"queued" in watching.told.read_bytes())
        watching.interrupt()
        ended = watching.end()

    assert ended.code == 130
    assert "the job goes on" in ended.err
    assert muster.run("job", "show", job, "-o", "json").json["status"] == "queued"
