"""What goes wrong while nobody looks: tokens, secrets, consent, locks and full disks, under a job that runs."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.issuing import Registration
from tests.support.apps import device_ids, devices_csv
from tests.support.command_line import CommandLine
from tests.support.invariants import Evidence, JobEvidence, assert_all_holds
from tests.support.signed_in import APP, served_with_sign_in
from tests.support.tls import Authority
from tests.support.waiting import PATIENCE, until

DEVICES = 150
ACTION = ("--action", "refreshUserPolicy")


@pytest.fixture
def graph() -> SimulatedGraph:
    graph = SimulatedGraph(None, check_tokens=True)
    graph.entra.register(Registration(APP, secret="the first secret"))
    return graph


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.write_text("the first secret\n")
    return file


@pytest.fixture
def muster(graph: SimulatedGraph, authority: Authority, secret: Path, tmp_path: Path) -> Iterator[CommandLine]:
    with served_with_sign_in(graph, authority) as variables:
        yield CommandLine(
            tmp_path,
            {
                **variables,
                "MUSTER_CLIENT_SECRET_FILE": str(secret),
                "MUSTER_DATABASE_URL": f"sqlite:///{(tmp_path / 'muster.db').as_posix()}",
                "MUSTER_WRITE_LIMIT": "25/1s",
            },
        )


def evidence_of(muster: CommandLine, graph: SimulatedGraph) -> Evidence:
    rows = muster.run("job", "report", "latest").rows
    counts = muster.run("job", "show", "latest", "-o", "json").json["counts"]
    return Evidence(graph.tenant.calls, [JobEvidence(device_ids(DEVICES), rows, counts)])


def test_tokens_that_expire_are_renewed_with_the_secret_that_stands_on_disk_then(
    muster: CommandLine, graph: SimulatedGraph, secret: Path
) -> None:
    graph.entra.mint.lifetime = 3
    with muster.started("run", muster.write("devices.csv", devices_csv(DEVICES)), *ACTION, "-o", "json") as run:
        until(lambda: graph.tenant.total > 30)
        secret.write_text("the second secret\n")
        graph.entra.register(Registration(APP, secret="the second secret"))
        ended = run.end()

    assert ended.code == 0, ended.err
    assert ended.json["counts"]["accepted"] == DEVICES
    assert graph.entra.requests["client_credentials"] >= 3
    assert_all_holds(evidence_of(muster, graph))


def test_consent_withdrawn_in_mid_job_stops_it_and_given_back_it_goes_on(
    muster: CommandLine, graph: SimulatedGraph
) -> None:
    graph.withdraw_consent(after_calls=50)

    stopped = muster.run("run", muster.write("devices.csv", devices_csv(DEVICES)), *ACTION, "-o", "json")
    called = graph.tenant.total
    graph.behave()
    resumed = muster.run("job", "resume", "latest", "-o", "json")

    assert (stopped.code, stopped.json["status"]) == (3, "stopped")
    assert "PrivilegedOperations" in stopped.json["reason"]
    assert stopped.json["counts"]["accepted"] == 50
    # Those that were on their way when the first refusal came were refused as well; the others were never sent.
    assert called < DEVICES
    assert resumed.code == 0
    assert resumed.json["counts"]["accepted"] == DEVICES
    assert_all_holds(evidence_of(muster, graph))


def test_a_file_that_a_backup_locks_past_the_lease_costs_no_device(muster: CommandLine, graph: SimulatedGraph) -> None:
    with muster.started("run", muster.write("devices.csv", devices_csv(DEVICES)), *ACTION, "-o", "json") as run:
        until(lambda: graph.tenant.total > 30)
        with closing(sqlite3.connect(muster.folder / "muster.db", timeout=PATIENCE, isolation_level=None)) as backup:
            backup.execute("BEGIN EXCLUSIVE")
            called = graph.tenant.total
            # Longer than a lease, during which nothing is to happen.
            time.sleep(11.5)
            called = graph.tenant.total - called
            backup.execute("ROLLBACK")
        ended = run.end()

    assert ended.code == 0, ended.err
    assert ended.json["counts"]["accepted"] == DEVICES
    # Nothing is called that could not be written down before.
    assert called < 60
    assert_all_holds(evidence_of(muster, graph))


@pytest.mark.skipif(sys.platform == "win32", reason="the shell's limit on files stands for a full disk")
def test_a_report_that_finds_the_disk_full_leaves_no_half_of_one_and_can_be_had_later(
    muster: CommandLine, graph: SimulatedGraph
) -> None:
    # As large as SQLite's own files, which the limit must let through, and larger.
    devices = 300
    file = muster.write("devices.csv", devices_csv(devices))
    assert muster.run("run", file, *ACTION, MUSTER_WRITE_LIMIT="none").code == 0
    command = [sys.executable, "-m", "orchestrator", "job", "report", "latest", "--file", "report.csv"]

    full = subprocess.run(
        ["sh", "-c", 'ulimit -f 80; exec "$@"', "sh", *command],
        cwd=muster.folder,
        env=muster.environ(),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    left = [file.name for file in muster.folder.iterdir() if file.name.startswith("report.csv")]
    later = muster.run("job", "report", "latest", "--file", "report.csv")

    assert full.returncode == 4, full.stderr
    assert "could not be written" in full.stderr
    assert "muster job report" in full.stderr
    assert "Traceback" not in full.stderr
    assert left == []
    assert later.code == 0
    assert (muster.folder / "report.csv").read_text(encoding="utf-8-sig").count("\n") == devices + 1
    assert len(graph.tenant.effects) == devices
