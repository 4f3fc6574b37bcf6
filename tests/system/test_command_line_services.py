from __future__ import annotations

import socket
from pathlib import Path

import pytest

from orchestrator.simulator.app import SimulatedGraph
from orchestrator.store.engine.schema import HEAD
from tests.support.apps import device_ids, devices_csv
from tests.support.command_line import CommandLine
from tests.support.services import free_port
from tests.support.waiting import is_ready, until

ACTION = ("--action", "refreshUserPolicy")


def test_submit_prints_the_id_and_says_that_nobody_is_working(muster: CommandLine, graph: SimulatedGraph) -> None:
    ended = muster.run("submit", muster.write("devices.csv", devices_csv(3)), *ACTION)
    job = ended.out.strip()
    resumed = muster.run("job", "resume", job, "-o", "json")

    assert ended.code == 0
    assert "No worker is running" in ended.err
    assert resumed.code == 0
    assert resumed.json["id"] == job
    assert graph.tenant.total == 3


def test_submit_that_waits_exits_with_4_where_nobody_works_and_the_job_is_stored(muster: CommandLine) -> None:
    ended = muster.run("submit", muster.write("devices.csv", devices_csv(3)), *ACTION, "--wait")
    stored = muster.run("job", "show", "latest", "-o", "json").json

    assert ended.code == 4
    assert stored["status"] == "queued"
    assert stored["id"] in ended.err


def test_a_service_takes_what_is_submitted_beside_it(muster: CommandLine, graph: SimulatedGraph) -> None:
    file = muster.write("devices.csv", devices_csv(40))
    port = free_port()

    with muster.started("serve", "--port", str(port)):
        until(lambda: is_ready(f"http://127.0.0.1:{port}"))
        waited = muster.run("submit", file, *ACTION, "--wait", "-o", "json")
        watched = muster.run("job", "watch", waited.json["id"])
        doctor = muster.run("doctor", "-o", "json")

    assert waited.code == 0
    assert waited.json["counts"]["accepted"] == 40
    assert watched.code == 0
    assert "40  accepted" in watched.out
    assert next(check for check in doctor.json if check["name"] == "workers")["ok"]
    assert graph.tenant.effects == dict.fromkeys(device_ids(40), 1)


def test_a_port_that_is_taken_exits_with_4(muster: CommandLine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = muster.run("serve", "--port", str(taken.getsockname()[1]))

    assert ended.code == 4


@pytest.mark.parametrize("command", ["worker", "clock"])
def test_what_needs_a_broker_or_database_and_has_none_exits_with_4(muster: CommandLine, command: str) -> None:
    ended = muster.run(command, MUSTER_DATABASE_URL="postgresql://127.0.0.1:1/muster")

    assert ended.code == 4
    assert "Traceback" not in ended.err


def test_the_schema_is_checked_without_making_a_database_and_upgraded_once(new_muster: CommandLine) -> None:
    muster = new_muster
    before = muster.run("db", "check")
    made = list(muster.folder.glob("*.db"))
    upgraded, again, after = (muster.run("db", command) for command in ("upgrade", "upgrade", "check"))
    facts = muster.run("db", "check", "-o", "json")
    unreachable = muster.run("db", "check", MUSTER_DATABASE_URL="postgresql://m:hunter2@127.0.0.1:1/m")

    assert (before.code, made) == (4, [])
    assert (upgraded.code, again.code, after.code) == (0, 0, 0)
    assert "already" in again.err
    assert facts.json == {"schema": HEAD, "wanted": HEAD, "fits": True}
    assert unreachable.code == 4
    assert unreachable.err.startswith("muster: The database cannot be used: ")
    assert "postgresql://m:***@127.0.0.1:1/m" in unreachable.err


@pytest.mark.parametrize(
    ("command", "fields"),
    [
        ("job list", "id,name,action"),
        ("schedule list", "name,status,reason,cron"),
        ("schedule blackout list", "from,to,reason"),
        ("list list", "name,version,via"),
        ("key list", "id,name,role"),
        ("session list", "id,name,role"),
        ("notify list", "channel,kind"),
        ("notify log", "channel,event"),
        ("audit --who nobody", "at,who"),
        ("halt --show", "tenant,reason"),
        ("status", "id,kind,severity"),
        ("db prune --dry-run", "id,endedAt,devices,name"),
    ],
)
def test_a_list_of_nothing_has_a_header_all_the_same(muster: CommandLine, command: str, fields: str) -> None:
    ended = muster.run(*command.split(), "-o", "csv")

    (header,) = ended.out.splitlines()
    assert set(fields.split(",")) <= set(header.split(","))


def test_every_format_of_the_lanes_but_the_table_has_data(muster: CommandLine) -> None:
    (row,) = muster.run("lane", "list", "-o", "csv").rows
    (facts,) = muster.run("lane", "list", "-o", "json").json

    assert row.keys() == facts.keys()
    assert (row["limit"], row["learnedShare"], row["closedUntil"]) == ("", str(facts["learnedShare"]), "")


def test_doctor_says_what_is_missing_and_how_to_mend_it(muster: CommandLine) -> None:
    well = muster.run("doctor")
    ill = muster.run("doctor", MUSTER_ACCESS_TOKEN="")

    assert well.code == 0
    assert ill.code == 4
    assert "MUSTER_TENANT_ID" in ill.out


def test_the_demo_ends_with_counts_errors_and_the_report(tmp_path: Path) -> None:
    ended = CommandLine(tmp_path).run("demo", "--report", "demo.csv")

    assert ended.code == 0
    assert "400/4s" in ended.err
    assert "489  accepted" in ended.out
    assert "404 ResourceNotFound" in ended.out
    assert ended.out.rstrip().endswith(str(tmp_path / "demo.csv"))
    assert len((tmp_path / "demo.csv").read_text(encoding="utf-8").splitlines()) == 501
