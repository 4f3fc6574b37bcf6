"""Workers of a team that are asked to end, and a broker that forgets, repeats or meets a database without tables."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import redis

from orchestrator.simulator.app import SimulatedGraph
from tests.faults.conftest import LIMIT
from tests.support.command_line import CommandLine
from tests.support.invariants import assert_all_holds
from tests.support.team import Team
from tests.support.truth import assert_the_report_is_true
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a team's installation runs on Linux")

DEVICES = 200


def test_a_worker_that_is_asked_to_end_repeats_nothing(team: Team, graph: SimulatedGraph) -> None:
    graph.answer_within(0.2, 0.6)
    worker = team.worker()
    job = team.submit(DEVICES)
    team.called(40)

    worker.process.terminate()
    code = worker.process.wait(PATIENCE)
    counts = team.show(job)["counts"]

    assert code == 0
    assert (counts["accepted"], counts["sending"]) == (graph.tenant.total, 0)
    assert set(graph.tenant.effects.values()) == {1}


def test_a_broker_that_forgets_everything_costs_no_device(
    team: Team, graph: SimulatedGraph, broker: redis.Redis
) -> None:
    team.worker()
    team.worker()
    job = team.submit(DEVICES)
    for calls in (20, 60, 100):
        team.called(calls)
        broker.flushdb()

    team.finish(job)

    assert_the_report_is_true(team.rows(job), graph)
    assert set(graph.tenant.effects.values()) == {1}
    assert graph.tenant.by_status == {204: DEVICES}
    assert_all_holds(team.evidence(limit=LIMIT))


def test_messages_that_are_doubled_call_nobody_twice(team: Team, graph: SimulatedGraph, broker: redis.Redis) -> None:
    job = team.submit(DEVICES)
    messages = broker.lrange("muster", 0, -1)
    for _ in range(10):
        broker.lpush("muster", *messages)

    team.worker()
    team.worker()
    team.finish(job)

    assert messages
    assert set(graph.tenant.effects.values()) == {1}
    assert_all_holds(team.evidence(limit=LIMIT))


def test_a_worker_without_its_tables_ends_and_says_what_to_do(
    empty_postgres_url: str, valkey_url: str, tmp_path: Path
) -> None:
    muster = CommandLine(tmp_path, {"MUSTER_DATABASE_URL": empty_postgres_url, "MUSTER_BROKER_URL": valkey_url})

    ended = muster.run("worker")

    assert ended.code == 4
    assert "muster db upgrade" in ended.err
    assert "Traceback" not in ended.err
