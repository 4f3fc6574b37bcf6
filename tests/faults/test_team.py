from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis

from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.serving import serve_in_thread
from orchestrator.simulator.throttling import Quota
from tests.support.apps import device_ids, devices_csv
from tests.support.command_line import CommandLine, Running
from tests.support.truth import assert_the_report_is_true
from tests.support.waiting import until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a team's installation runs on Linux")

DEVICES = 700


@pytest.fixture
def graph() -> SimulatedGraph:
    return SimulatedGraph(Quota(400, 4.0, window="sliding"))


@pytest.fixture
def broker(valkey_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(valkey_url) as client:
        client.flushall()
        yield client


class Team:
    """Workers over one database, one broker and one simulated Graph."""

    def __init__(self, folder: Path, variables: dict[str, str], opened: ExitStack) -> None:
        self._folder, self._variables, self._opened = folder, variables, opened
        self._workers = 0
        self.muster = CommandLine(folder, variables)

    def worker(self) -> Running:
        self._workers += 1
        folder = self._folder / f"worker{self._workers}"
        folder.mkdir()
        return self._opened.enter_context(CommandLine(folder, self._variables).started("worker"))

    def submit(self) -> str:
        file = self.muster.write("devices.csv", devices_csv(DEVICES))
        submitted = self.muster.run("submit", file, "--action", "refreshUserPolicy", "-o", "json")
        job: str = submitted.json["id"]
        return job

    def rows(self, job: str) -> list[dict[str, str]]:
        return self.muster.run("job", "report", job).rows

    def counts(self, job: str) -> dict[str, int]:
        counts: dict[str, int] = self.muster.run("job", "show", job, "-o", "json").json["counts"]
        assert sum(counts.values()) == 2 * counts["total"]
        return counts

    def finish(self, job: str, patience: float) -> None:
        until(lambda: self.counts(job)["accepted"] == DEVICES, patience)


@pytest.fixture
def team(
    graph: SimulatedGraph, postgresql_url: str, valkey_url: str, broker: redis.Redis, tmp_path: Path
) -> Iterator[Team]:
    del broker  # cleared before anybody listens
    with ExitStack() as opened:
        url = opened.enter_context(serve_in_thread(graph))
        variables = {
            "MUSTER_DATABASE_URL": postgresql_url,
            "MUSTER_BROKER_URL": valkey_url,
            "MUSTER_GRAPH_URL": url,
            "MUSTER_ACCESS_TOKEN": "token",
            "MUSTER_WRITE_LIMIT": "400/4s",
            "MUSTER_LOG_LEVEL": "info",
        }
        yield Team(tmp_path, variables, opened)


def test_what_killed_workers_held_is_taken_up_and_no_device_is_lost(team: Team, graph: SimulatedGraph) -> None:
    first, second = team.worker(), team.worker()
    job = team.submit()
    until(lambda: graph.tenant.total > 100, 30)
    first.process.kill()
    until(lambda: graph.tenant.total > 250, 30)
    second.process.kill()
    killed_at = time.monotonic()

    team.worker()
    team.finish(job, 60)

    # The rest takes some five seconds at this limit; what is beyond that is the time to take up.
    assert time.monotonic() - killed_at < 30 + DEVICES / 90
    rows = team.rows(job)
    assert [row["managedDeviceId"] for row in rows] == device_ids(DEVICES)
    assert_the_report_is_true(rows, graph)
    assert graph.tenant.by_status == {204: graph.tenant.total}
    assert graph.tenant.peak(4.0) <= 400


def test_a_worker_that_is_asked_to_end_repeats_nothing(team: Team, graph: SimulatedGraph) -> None:
    graph.answer_within(0.2, 0.6)
    worker = team.worker()
    job = team.submit()
    until(lambda: graph.tenant.total > 100, 30)

    asked_at = time.monotonic()
    worker.process.send_signal(signal.SIGTERM)
    ended = worker.end()
    took = time.monotonic() - asked_at
    called = graph.tenant.total
    counts = team.counts(job)

    assert ended.code == 0
    assert took < 10
    assert (counts["accepted"], counts["sending"]) == (called, 0)
    assert set(graph.tenant.effects.values()) == {1}


def test_a_broker_that_forgets_everything_costs_no_device(
    team: Team, graph: SimulatedGraph, broker: redis.Redis
) -> None:
    team.worker()
    team.worker()
    job = team.submit()
    for calls in (50, 200, 350):
        until(lambda calls=calls: graph.tenant.total > calls, 30)  # type: ignore[misc] # bound as it is now
        broker.flushall()

    team.finish(job, 60)

    assert_the_report_is_true(team.rows(job), graph)
    assert set(graph.tenant.effects.values()) == {1}
    assert graph.tenant.by_status == {204: DEVICES}
    assert graph.tenant.peak(4.0) <= 400


def test_bells_that_ring_twice_call_nobody_twice(team: Team, graph: SimulatedGraph, broker: redis.Redis) -> None:
    job = team.submit()
    bells = broker.lrange("muster", 0, -1)
    for _ in range(10):
        broker.lpush("muster", *bells)

    team.worker()
    team.worker()
    team.finish(job, 60)

    assert bells
    assert set(graph.tenant.effects.values()) == {1}
    assert_the_report_is_true(team.rows(job), graph)


def test_a_worker_without_its_tables_ends_and_says_what_to_do(
    empty_postgres_url: str, valkey_url: str, tmp_path: Path
) -> None:
    muster = CommandLine(tmp_path, {"MUSTER_DATABASE_URL": empty_postgres_url, "MUSTER_BROKER_URL": valkey_url})

    ended = muster.run("worker")

    assert ended.code == 4
    assert "muster db upgrade" in ended.err
    assert "Traceback" not in ended.err
