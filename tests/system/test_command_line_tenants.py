from __future__ import annotations

import pytest

from orchestrator.simulator.app import SimulatedGraph
from tests.support.apps import device_ids
from tests.support.command_line import CommandLine

ACTION = ("--action", "refreshUserPolicy")
TENANTS = ("north", "south", "west")


@pytest.fixture
def tenants(muster: CommandLine) -> CommandLine:
    """A person with three tenants, none of them the default, who share one way to sign in."""
    tables = "".join(f'[tenants.{name}]\ntenant_id = "{name}.example"\n' for name in TENANTS)
    shared = '[tenant_defaults]\nclient_id = "app"\naccess_token = "simulated"\n'
    file = muster.write("own.toml", (shared + tables).encode())
    variables = {name: value for name, value in muster.variables.items() if "TOKEN" not in name and "_ID" not in name}
    return CommandLine(muster.folder, {**variables, "MUSTER_CONFIG": file})


def listed(muster: CommandLine, *owners: str) -> str:
    """A list of one device for each of these owners."""
    rows = [f"{device},{owner}" for device, owner in zip(device_ids(len(owners)), owners, strict=True)]
    return muster.write("devices.csv", "\n".join(["managedDeviceId,tenant", *rows, ""]).encode())


def test_each_row_goes_to_its_tenant_and_the_worst_code_is_that_of_all(
    tenants: CommandLine, graph: SimulatedGraph
) -> None:
    file = listed(tenants, "north", "south", "north", "south")
    graph.refuse(device_ids(4)[1:2], status=404)

    ended = tenants.run("run", file, *ACTION, "-o", "json")

    assert ended.code == 1
    assert [(job["tenant"], job["status"], job["counts"]["accepted"]) for job in ended.json] == [
        ("north", "finished", 2),
        ("south", "finished", 1),
    ]
    assert {row["managedDeviceId"] for row in tenants.report(ended.json[0]["id"])} == {*device_ids(4)[::2]}


def test_a_bad_row_of_any_tenant_keeps_every_job_from_being_stored(tenants: CommandLine) -> None:
    file = listed(tenants, "north", "nobody", "south")

    refused = tenants.run("submit", file, *ACTION)

    assert refused.code == 2
    assert "line 3: there is no tenant 'nobody'" in refused.err
    assert tenants.run("job", "list", "-o", "json").json == []


def test_a_list_with_rows_of_other_tenants_is_refused_with_what_to_leave_out(tenants: CommandLine) -> None:
    refused = tenants.run("submit", listed(tenants, "north", "south"), *ACTION, "--tenant", "north")

    assert refused.code == 2
    assert "Without --tenant the column `tenant` sends each row to its tenant." in refused.err


def test_a_key_finds_the_job_of_each_tenant_again(tenants: CommandLine) -> None:
    file = tenants.write("plain.csv", b"managedDeviceId\n" + device_ids(1)[0].encode() + b"\n")
    again = ("submit", file, *ACTION, "--all-tenants", "--idempotency-key", "k", "-o", "json")

    first, second = (tenants.run(*again).json for _ in range(2))

    assert [job["tenant"] for job in first] == list(TENANTS)
    assert [job["id"] for job in first] == [job["id"] for job in second]


def test_a_submission_for_several_is_one_line_and_one_table_and_its_jobs_are_listed_and_halted_together(
    tenants: CommandLine,
) -> None:
    file = tenants.write("plain.csv", b"managedDeviceId\n" + device_ids(1)[0].encode() + b"\n")

    submitted = tenants.run("submit", file, *ACTION, "--all-tenants")
    some = tenants.run("job", "list", "--tenant", "north,west", "-o", "json", "--fields", "tenant")
    halted = tenants.run("halt", "--tenant", "north,nrth,south", "--reason", "Wrong list", "-o", "json")

    told = [line for line in submitted.err.splitlines() if line]
    assert told == [
        "refreshUserPolicy: 3 devices of 3 tenants.",
        "No worker is running: start `muster serve`.",
    ]
    assert [line.split()[0] for line in submitted.out.splitlines()] == ["tenant", *TENANTS]
    assert sorted(job["tenant"] for job in some.json) == ["north", "west"]
    assert halted.code == 2
    assert "There is no tenant 'nrth'" in halted.err
    assert sorted(stop["tenant"] for stop in halted.json) == ["north", "south"]


def test_where_several_are_there_a_command_asks_for_a_name_and_the_check_takes_them_all(tenants: CommandLine) -> None:
    unclear = tenants.run("tenant", "check")
    every = tenants.run("tenant", "check", "--all", "-o", "json")

    assert unclear.code == 2
    assert "none of the 3 in the settings is the default" in unclear.err
    assert every.code == 0
    assert [(row["tenant"], row["usable"], row["reachable"]) for row in every.json] == [
        (name, True, True) for name in TENANTS
    ]


def test_the_rows_of_a_saved_list_go_to_their_tenants(tenants: CommandLine) -> None:
    file = listed(tenants, "north", "south", "north")

    assert tenants.run("list", "import", "fleet", file).code == 0
    ended = tenants.run("submit", "--list", "fleet", *ACTION, "-o", "json")

    assert [(job["tenant"], job["counts"]["total"]) for job in ended.json] == [("north", 2), ("south", 1)]


def test_the_inventories_of_several_tenants_are_refreshed_and_shown_together(
    tenants: CommandLine, graph: SimulatedGraph
) -> None:
    refreshed = tenants.run("inventory", "refresh", "--tenant", "north,south", "-o", "json")
    shown = tenants.run("inventory", "show", "--all-tenants", "-o", "json")

    assert (refreshed.code, [each["tenant"] for each in refreshed.json]) == (0, ["north", "south"]), refreshed.err
    assert shown.code == 2
    assert "There is no inventory of tenant 'west'" in shown.json[2]["problem"]
    assert graph
