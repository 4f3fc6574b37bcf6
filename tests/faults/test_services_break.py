"""PostgreSQL, Redis and the ways to them break under load; and messages that nobody of ours sent."""

from __future__ import annotations

import base64
import json
import pickle
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from orchestrator.simulator.app import SimulatedGraph
from tests.faults.conftest import LIMIT
from tests.support.invariants import assert_all_holds
from tests.support.team import PARTS, Team, a_team

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a team's installation runs on Linux")


def test_postgres_restarted_under_load_costs_no_device(
    graph: SimulatedGraph,
    own_postgres: tuple[str, Callable[[], None]],
    valkey_url: str,
    broker: redis.Redis,
    tmp_path: Path,
) -> None:
    del broker
    url, restart = own_postgres
    graph.answer_within(0.05, 0.4)
    with a_team(tmp_path, graph, database_url=url, broker_url=valkey_url) as team:
        team.worker()
        team.worker()
        job = team.submit(200)
        for calls in (25, 100, 180):
            team.called(calls)
            restart()

        counts = team.finish(job)["counts"]
        evidence = team.evidence(limit=LIMIT)

    assert counts["accepted"] == 200
    assert_all_holds(evidence)


def test_redis_back_from_an_old_snapshot_lets_no_call_too_many_through(
    graph: SimulatedGraph, own_valkey: tuple[str, Callable[[], None]], postgresql_url: str, tmp_path: Path
) -> None:
    url, restart = own_valkey
    with a_team(tmp_path, graph, database_url=postgresql_url, broker_url=url) as team:
        team.worker()
        team.worker()
        job = team.submit(200)
        team.called(25)
        with redis.Redis.from_url(url) as client:
            snapshot = {key: client.dump(key) for key in client.keys("*")}
        team.called(80)
        restart()
        with redis.Redis.from_url(url) as client:
            for key, value in snapshot.items():
                if value is not None:
                    client.restore(key, 0, value, replace=True)
        team.called(160)
        restart()

        counts = team.finish(job)["counts"]
        evidence = team.evidence(limit=LIMIT)

    assert snapshot
    assert counts["accepted"] == 200
    assert set(graph.tenant.effects.values()) == {1}
    assert_all_holds(evidence)


@pytest.mark.parametrize("harm", ["cut", "freeze"])
def test_a_worker_cut_off_from_each_of_what_it_needs_goes_on_when_it_can(
    team: Team, graph: SimulatedGraph, harm: str
) -> None:
    graph.answer_within(0.05, 0.2)
    lonely = team.worker(through=PARTS)
    job = team.submit(300)
    for way in (team.way_to_graph, *lonely.ways.values()):
        team.called(graph.tenant.total + 20)
        getattr(way, harm)()
        # How long it lasts is a part of the damage.
        time.sleep(2.0)
        way.mend()
        team.called(graph.tenant.total + 12)
        way.reset()

    counts = team.finish(job)["counts"]

    assert lonely.lives
    assert counts["accepted"] == 300
    assert_all_holds(team.evidence(limit=LIMIT))


def test_what_strangers_put_into_the_queue_makes_a_worker_look_at_worst(
    team: Team, broker: redis.Redis, tmp_path: Path
) -> None:
    proof = tmp_path / "proof"
    worker = team.worker()
    for message in _strange_messages(proof):
        broker.lpush("muster", message)

    job = team.submit(50)
    counts = team.finish(job)["counts"]
    broker_is_read = broker.llen("muster") == 0

    assert counts["accepted"] == 50
    assert worker.lives
    assert broker_is_read
    assert not proof.exists()
    assert_all_holds(team.evidence(limit=LIMIT))


class _Touch:
    """Pickled, it makes a file when somebody unpickles it."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __reduce__(self) -> tuple[Callable[..., None], tuple[Path]]:
        return Path.touch, (self._file,)


def _strange_messages(proof: Path) -> list[str]:
    def message(body: bytes, content_type: str, task: str, **headers: object) -> str:
        return json.dumps(
            {
                "body": base64.b64encode(body).decode(),
                "content-encoding": "utf-8",
                "content-type": content_type,
                "headers": {"lang": "py", "task": task, "id": "1-2-3", "root_id": "1-2-3", **headers},
                "properties": {
                    "correlation_id": "1-2-3",
                    "delivery_info": {"exchange": "", "routing_key": "muster"},
                    "delivery_tag": task,
                    "body_encoding": "base64",
                },
            }
        )

    nothing = json.dumps([[], {}, {}]).encode()
    of_no_job = json.dumps([["zzzzzzzzzzz2", 7], {}, {}]).encode()
    arguments = json.dumps([["rm -rf /"], {"device": "x" * 100_000}, {}]).encode()
    return [
        message(pickle.dumps([[_Touch(proof)], {}, {}]), "application/x-python-serialize", "muster.work"),
        message(pickle.dumps(_Touch(proof)), "application/json", "muster.work"),
        message(nothing, "application/json", "os.system"),
        message(nothing, "application/json", "celery.backend_cleanup"),
        message(arguments, "application/json", "muster.work"),
        message(nothing, "application/json", "muster.work", eta="2099-01-01T00:00:00Z"),
        message(b"\xff\xfe not json", "application/json", "muster.work"),
        message(nothing, "application/x-yaml", "muster.work"),
        message(nothing, "application/json", "muster.run_batch"),
        message(of_no_job, "application/json", "muster.run_batch"),
    ]
