from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.serving import serve_in_thread
from orchestrator.simulator.throttling import Quota
from tests.support.apps import device_ids, devices_csv
from tests.support.command_line import CommandLine, embedded
from tests.support.truth import assert_the_report_is_true
from tests.support.waiting import until

DEVICES = 120
ACTION = ("--action", "refreshUserPolicy", "--yes")


@pytest.fixture
def graph() -> SimulatedGraph:
    return SimulatedGraph(Quota(80, 2.0, window="sliding"))


@pytest.fixture
def muster(graph: SimulatedGraph, tmp_path: Path) -> Iterator[CommandLine]:
    with serve_in_thread(graph) as url:
        yield embedded(tmp_path, url, MUSTER_WRITE_LIMIT="80/2s")


def test_two_runs_on_one_file_share_the_limit_and_neither_loses_a_device(
    muster: CommandLine, graph: SimulatedGraph
) -> None:
    lists = {name: devices_csv(DEVICES, seed=seed) for seed, name in enumerate(("one.csv", "other.csv"), 1)}

    with ExitStack() as opened:
        runs = [
            opened.enter_context(muster.started("run", muster.write(name, content), *ACTION, "-o", "json"))
            for name, content in lists.items()
        ]
        ended = [run.end() for run in runs]

    assert [each.code for each in ended] == [0, 0]
    assert [each.json["counts"]["accepted"] for each in ended] == [DEVICES, DEVICES]
    assert set(graph.tenant.effects) == {*device_ids(DEVICES, seed=1), *device_ids(DEVICES, seed=2)}
    assert graph.tenant.by_status == {204: 2 * DEVICES}
    assert graph.tenant.peak(2.0) <= 80


def test_a_run_that_was_killed_is_resumed_and_every_device_is_told_truly(
    muster: CommandLine, graph: SimulatedGraph
) -> None:
    graph.answer_within(0.05, 0.3)
    with muster.started("run", muster.write("devices.csv", devices_csv(DEVICES)), *ACTION) as run:
        until(lambda: graph.tenant.total > 40)
        run.process.kill()
        run.process.wait(10)

    resumed = muster.run("job", "resume", "latest", "-o", "json")
    rows = muster.run("job", "report", "latest").rows

    assert resumed.code == 0
    assert [row["status"] for row in rows] == ["accepted"] * DEVICES
    assert_the_report_is_true(rows, graph)
    assert graph.tenant.peak(2.0) <= 80


def test_a_scan_that_was_killed_is_never_sent_again_by_itself(muster: CommandLine, graph: SimulatedGraph) -> None:
    graph.answer_within(0.3, 0.6)
    scan = ("--action", "fullScan", "--yes")
    with muster.started("run", muster.write("devices.csv", devices_csv(DEVICES)), *scan) as run:
        until(lambda: graph.tenant.total > 40)
        run.process.kill()
        run.process.wait(10)

    resumed = muster.run("job", "resume", "latest", "-o", "json")
    rows = muster.run("job", "report", "latest").rows

    assert resumed.code == 1
    assert graph.tenant.repeated() == {}
    uncertain = [row for row in rows if row["status"] == "uncertain"]
    assert uncertain
    assert {row["errorCode"] for row in uncertain} == {"WorkerLost"}
    assert len(uncertain) + resumed.json["counts"]["accepted"] == DEVICES
    assert_the_report_is_true(rows, graph)
