"""Worker processes that are killed, frozen and told wrong times; the ledger is compared with the report."""

from __future__ import annotations

import sys
import time

import pytest

from orchestrator.simulator.app import SimulatedGraph
from tests.faults.conftest import LIMIT
from tests.support.invariants import assert_all_holds
from tests.support.team import Team, ask
from tests.support.waiting import PATIENCE, until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a team's installation runs on Linux")


def test_killed_before_the_call_its_devices_are_called_by_others_and_marked(team: Team, graph: SimulatedGraph) -> None:
    first = team.worker()
    team.way_to_graph.freeze()
    job = team.submit(100)
    until(lambda: ask(team.database_url, "SELECT sum(sending) FROM batches"), team.last_words)
    before = graph.tenant.total

    first.kill()
    team.way_to_graph.reset()
    team.way_to_graph.mend()
    team.worker()
    team.taken_up(first)
    counts = team.finish(job)["counts"]

    assert before == 0
    assert counts["accepted"] == 100
    assert set(graph.tenant.effects.values()) == {1}
    # They never left, and nobody can know that: they are marked all the same, and nobody else is.
    assert 0 < sum(row["maybeRepeated"] == "true" for row in team.rows(job)) <= 20
    assert_all_holds(team.evidence(limit=LIMIT))


def test_a_scan_whose_worker_was_killed_after_the_call_waits_for_a_person(team: Team, graph: SimulatedGraph) -> None:
    first = team.worker()
    job = team.submit(110, action="fullScan")
    team.called(40)
    graph.answer_within(8.0, 9.0)
    team.called(graph.tenant.total + 30)

    first.kill()
    graph.answer_within(0.0, 0.0)
    team.worker()
    team.taken_up(first)
    counts = team.finish(job)["counts"]
    uncertain = [row for row in team.rows(job) if row["status"] == "uncertain"]

    assert counts["uncertain"] == len(uncertain) >= 20
    assert {row["errorCode"] for row in uncertain} == {"WorkerLost"}
    assert graph.tenant.repeated() == {}
    assert_all_holds(team.evidence(limit=LIMIT))

    retry = team.muster.run("job", "retry", job.id, "--status", "uncertain", "--yes", "-o", "json")

    assert retry.code == 0
    assert retry.json["counts"]["accepted"] == len(uncertain)


def test_killed_again_and_again_on_machines_whose_clocks_are_twenty_minutes_apart(team: Team) -> None:
    clocks = (600.0, -600.0)
    workers = [team.worker(clock=clock) for clock in clocks]
    job = team.submit(200)
    with team.watching():
        for number, calls in enumerate((20, 70, 120)):
            team.called(calls)
            workers.pop(0).kill()
            workers.append(team.worker(clock=clocks[number % 2]))

        counts = team.finish(job)["counts"]

    assert counts["accepted"] == 200
    assert len(team.recoveries) == 3
    assert_all_holds(team.evidence(limit=LIMIT))


def test_frozen_past_its_lease_a_worker_changes_nothing_when_it_thaws(team: Team, graph: SimulatedGraph) -> None:
    graph.answer_within(0.3, 0.6)
    first, second = team.worker(), team.worker()
    # Two batches, so that each of them has one.
    job = team.submit(560)
    team.called(60)
    first.freeze()
    until(lambda: not team.holds(first), team.last_words, pause=0.25)
    first.thaw()

    counts = team.finish(job)["counts"]

    assert first.lives
    assert second.lives
    assert counts["accepted"] == 560
    assert_all_holds(team.evidence(limit=LIMIT))


@pytest.mark.parametrize("order", ["pause", "cancel"])
def test_one_second_after_it_was_asked_for_no_call_leaves_any_more(
    team: Team, graph: SimulatedGraph, order: str
) -> None:
    team.worker()
    frozen = team.worker()
    # Two batches, so that each of them has one.
    job = team.submit(560)
    team.called(60)

    frozen.freeze()
    assert team.muster.run("job", order, job.id).code == 0
    # The simulator's clock is this process's; the command has ended, so its commit is older than this.
    job.fences.append((time.monotonic(), float("inf")))
    # That nothing happens is what is tried, so there is nothing to wait for.
    time.sleep(1.5)
    frozen.thaw()
    time.sleep(1.5)
    called = graph.tenant.total
    if order == "pause":
        job.fences[-1] = (job.fences[-1][0], time.monotonic())
        # Calls begin again; that all of the rest follow is proved in one process.
        with team.muster.started("job", "resume", job.id):
            team.called(called + 40)
            assert team.muster.run("job", "cancel", job.id).code == 0

    counts = team.finish(job)["counts"]

    assert called < 300
    assert counts["cancelled"] > 100
    assert_all_holds(team.evidence(limit=LIMIT))


def test_asked_to_end_while_answers_hang_a_worker_is_gone_within_ten_seconds(team: Team, graph: SimulatedGraph) -> None:
    worker = team.worker()
    job = team.submit(120)
    team.called(30)
    graph.hang(share=1.0, seconds=60.0)
    team.called(graph.tenant.total + 10)

    asked_at = time.monotonic()
    worker.process.terminate()
    code = worker.process.wait(PATIENCE)
    took = time.monotonic() - asked_at
    sending = team.show(job)["counts"]["sending"]
    graph.behave()
    team.worker()
    counts = team.finish(job)["counts"]

    assert took < 10 + team.stalls.allowance(10)
    assert (code, sending) == (0, 0)
    assert counts["accepted"] == 120
    # What hung was heard of by nobody: it is asked again and marked; nothing else is.
    assert set(graph.tenant.repeated()) == {
        row["managedDeviceId"] for row in team.rows(job) if row["maybeRepeated"] == "true"
    }
    assert_all_holds(team.evidence(limit=LIMIT))
