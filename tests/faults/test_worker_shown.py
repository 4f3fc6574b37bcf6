"""What Celery's own tools show of a worker, and what they can do to it."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import asyncpg
import pytest
from celery import Celery

from orchestrator.queueing.messages import RUN_BATCH
from orchestrator.simulator.app import SimulatedGraph
from tests.faults.conftest import LIMIT
from tests.support.invariants import assert_all_holds
from tests.support.team import Team
from tests.support.waiting import PATIENCE, until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a team's installation runs on Linux")

DEVICES = 200
"""Of each of two jobs: whoever looks finds a batch held for as long as the limit makes them last, eight seconds."""


def test_a_task_stands_for_each_batch_that_a_worker_holds_and_a_worker_that_is_told_to_end_ends_well(
    team: Team, graph: SimulatedGraph, valkey_url: str
) -> None:
    graph.answer_within(0.05, 0.2)
    celery = Celery(broker=valkey_url)
    worker = team.worker()
    jobs = [team.submit(DEVICES, seed=seed) for seed in (1, 2)]
    team.called(30)

    def is_shown() -> bool:
        shown = _shown(celery)
        return bool(shown) and shown == _held(team)

    until(is_shown, team.last_words, pause=0.5)
    refused = celery.control.broadcast("revoke", {"task_id": "x"}, reply=True, limit=1, timeout=PATIENCE)
    celery.control.shutdown()
    code = worker.process.wait(PATIENCE)
    still_held = _held(team)
    team.worker()
    counts = [team.finish(job)["counts"]["accepted"] for job in jobs]

    assert refused
    assert all("do not obey" in answer["error"] for answer in refused[0].values())
    assert code == 0
    assert still_held == set()
    assert counts == [DEVICES, DEVICES]
    # This process asks Celery and the database all the time, and its simulator takes the arrival times of calls: one
    # that arrives late by the longest stall joins those after it, so the window is shorter by as much.
    calls, seconds = LIMIT
    assert_all_holds(team.evidence(limit=(calls, seconds - team.stalls.longest)))


def _shown(celery: Celery) -> set[tuple[str, int]]:
    """The batches that the running tasks of all workers name."""
    answers: list[dict[str, Any]] = celery.control.broadcast("active", reply=True, limit=1, timeout=PATIENCE) or []
    tasks = [task for answer in answers for tasks in answer.values() for task in tasks]
    assert {task["name"] for task in tasks} <= {RUN_BATCH}
    return {(job, batch) for job, batch in (task["args"] for task in tasks)}


def _held(team: Team) -> set[tuple[str, int]]:
    """The batches that anybody holds, by the database."""

    async def fetch() -> list[Any]:
        connection = await asyncpg.connect(team.database_url, timeout=PATIENCE)
        try:
            question = (
                "SELECT j.id, b.batch FROM batches b JOIN jobs j ON j.number = b.job_number WHERE b.holder IS NOT NULL"
            )
            return list(await connection.fetch(question))
        finally:
            await connection.close()

    return {(row["id"], row["batch"]) for row in asyncio.run(fetch())}
