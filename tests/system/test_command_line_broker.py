from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.serving import serve_in_thread
from tests.support.apps import device_ids, devices_csv
from tests.support.command_line import CommandLine, embedded
from tests.support.waiting import until

ACTION = ("--action", "refreshUserPolicy")


@pytest.fixture
def muster(graph: SimulatedGraph, tmp_path: Path, postgresql_url: str, valkey_url: str) -> Iterator[CommandLine]:
    with redis.Redis.from_url(valkey_url) as broker:
        broker.flushdb()
    with serve_in_thread(graph) as url:
        yield embedded(
            tmp_path,
            url,
            MUSTER_DATABASE_URL=postgresql_url,
            MUSTER_BROKER_URL=valkey_url,
            MUSTER_WRITE_LIMIT="50/1s",
        )


def test_with_a_broker_a_run_is_done_by_a_worker_and_reported_here(muster: CommandLine, graph: SimulatedGraph) -> None:
    file = muster.write("devices.csv", devices_csv(60))

    with muster.started("worker"):
        _until_somebody_works(muster)
        ended = muster.run("run", file, *ACTION, "-o", "json")

    assert ended.code == 0
    assert ended.json["counts"]["accepted"] == 60
    assert len(muster.report(ended.json["id"])) == 60
    assert graph.tenant.effects == dict.fromkeys(device_ids(60), 1)


def test_with_a_broker_and_no_worker_a_run_exits_with_4_and_the_job_is_stored(muster: CommandLine) -> None:
    ended = muster.run("run", muster.write("devices.csv", devices_csv(3)), *ACTION)

    assert ended.code == 4
    assert muster.run("job", "show", "latest", "-o", "json").json["status"] == "queued"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send Ctrl-C to one process")
def test_with_a_broker_ctrl_c_pauses_what_a_run_started(muster: CommandLine, graph: SimulatedGraph) -> None:
    file = muster.write("devices.csv", devices_csv(1000))

    with muster.started("worker"):
        _until_somebody_works(muster)
        with muster.started("run", file, *ACTION, "-o", "json") as running:
            until(lambda: graph.tenant.total >= 10)
            running.interrupt()
            interrupted = running.end()

    assert interrupted.code == 130
    assert interrupted.json["status"] == "paused"
    assert interrupted.json["counts"]["waiting"] > 0


def test_a_broker_that_is_away_exits_with_4(muster: CommandLine) -> None:
    ended = muster.run("doctor", "-o", "json", MUSTER_BROKER_URL="redis://:hunter2@127.0.0.1:1/0")

    assert ended.code == 4
    assert not next(check for check in ended.json if check["name"] == "broker")["ok"]
    assert "hunter2" not in ended.out + ended.err


def _until_somebody_works(muster: CommandLine) -> None:
    def works() -> bool:
        return bool(next(each for each in muster.run("doctor", "-o", "json").json if each["name"] == "workers")["ok"])

    until(works)
