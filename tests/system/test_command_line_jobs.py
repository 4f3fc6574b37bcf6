from __future__ import annotations

import pytest

from orchestrator.domain.line_problem import MOST_PROBLEMS
from orchestrator.simulator.app import SimulatedGraph
from tests.support.apps import device_ids, devices_csv
from tests.support.command_line import CommandLine

ACTION = ("--action", "refreshUserPolicy")


def test_the_first_run_calls_every_device_once_and_reports_it(new_muster: CommandLine, graph: SimulatedGraph) -> None:
    muster = new_muster
    file = muster.write("devices.csv", devices_csv(60))

    ended = muster.run("run", file, *ACTION, "-o", "json")

    assert ended.code == 0
    assert ended.json["status"] == "finished"
    assert ended.json["counts"]["accepted"] == 60
    report = muster.report(ended.json["id"])
    assert [row["managedDeviceId"] for row in report] == device_ids(60)
    assert {row["status"] for row in report} == {"accepted"}
    assert graph.tenant.effects == dict.fromkeys(device_ids(60), 1)


def test_a_run_says_with_the_first_job_what_204_means_and_not_again(muster: CommandLine) -> None:
    file = muster.write("devices.csv", devices_csv(1))

    first, second = (muster.run("run", file, *ACTION) for _ in range(2))

    assert "CMGatewayNotificationWorker.log" in first.err
    assert "CMGatewayNotificationWorker.log" not in second.err


def test_every_bad_line_is_named_as_csv_however_many_there_are(muster: CommandLine) -> None:
    file = muster.write("devices.csv", b"Device ID\n" + b"x\n" * (MOST_PROBLEMS + 5))

    refused = muster.run("run", file, *ACTION, "-o", "csv")

    assert refused.code == 2
    assert len(refused.rows) == MOST_PROBLEMS + 5
    assert f"and {MOST_PROBLEMS - 15:,} more; `-o csv` names them all" in refused.err


def test_standard_input_is_a_device_list_too(muster: CommandLine) -> None:
    ended = muster.run("run", "-", *ACTION, "-o", "json", stdin=devices_csv(3))

    assert ended.code == 0
    assert ended.json["intake"]["fileName"] is None
    assert ended.json["counts"]["accepted"] == 3


def test_a_job_with_failures_exits_with_1_and_its_failures_can_be_retried(
    muster: CommandLine, graph: SimulatedGraph
) -> None:
    devices = device_ids(30)
    graph.refuse(devices[:4], status=404)
    file = muster.write("devices.csv", devices_csv(30))

    ended = muster.run("run", file, *ACTION, "-o", "json")
    errors = muster.run("job", "errors", "latest", "-o", "csv")
    in_words = muster.run("job", "errors", "latest")
    failed = muster.run("job", "targets", "latest", "--status", "failed", "-o", "json")
    graph.behave()
    hopeless = muster.run("job", "retry", "latest")
    retried = muster.run("job", "retry", "latest", "--status", "failed", "-o", "json")

    assert ended.code == 1
    # Graph knows no such devices, so another attempt mends nothing unless somebody says so.
    assert hopeless.code == 2
    assert f"job retry {ended.json['id']} --status failed" in hopeless.err
    assert [(row["status"], row["httpStatus"], row["count"]) for row in errors.rows] == [("failed", "404", "4")]
    assert errors.rows[0]["hint"]
    assert in_words.out.startswith("4 failed: 404 ")
    assert errors.rows[0]["exampleRequestId"]
    assert [row["device"] for row in failed.json] == devices[:4]
    assert retried.code == 0
    assert retried.json["retryOf"] == ended.json["id"]
    assert graph.tenant.effects == dict.fromkeys(devices, 1)


def test_a_bad_file_is_refused_with_every_bad_line_and_nothing_is_called(
    muster: CommandLine, graph: SimulatedGraph
) -> None:
    lines = devices_csv(2).decode().splitlines() + [f"bad-{number}" for number in range(30)]
    file = muster.write("devices.csv", "\n".join(lines).encode())

    ended = muster.run("run", file, *ACTION, "-o", "csv")

    assert ended.code == 2
    assert [row["line"] for row in ended.rows] == [str(line) for line in range(4, 34)]
    assert ended.err.count("  line ") == 20
    assert graph.tenant.total == 0
    assert muster.run("job", "list", "-o", "json").json == []


def test_the_good_rows_of_a_bad_file_are_called_when_that_is_said(muster: CommandLine) -> None:
    file = muster.write("devices.csv", devices_csv(2) + b"\nnot-an-id\n")

    ended = muster.run("run", file, *ACTION, "--skip-invalid", "-o", "json")

    assert ended.code == 0
    assert [row["status"] for row in muster.report(ended.json["id"])] == ["accepted", "accepted", "rejected"]


def test_a_dry_run_stores_nothing_and_calls_nothing(muster: CommandLine, graph: SimulatedGraph) -> None:
    file = muster.write("devices.csv", devices_csv(5) + b"\n" + device_ids(5)[0].encode())

    bad = muster.write("bad.csv", b"managedDeviceId\nnot-an-id\n")

    ended = muster.run("run", file, *ACTION, "--dry-run", "-o", "json")
    refused = muster.run("run", bad, *ACTION, "--dry-run", "--skip-invalid")

    assert ended.code == 0
    assert (ended.json["devices"], ended.json["duplicates"]) == (5, 1)
    assert (refused.code, "No row is left to call" in refused.err) == (2, True)
    assert graph.tenant.total == 0
    assert muster.run("job", "list", "-o", "json").json == []


@pytest.mark.parametrize(
    ("count", "options", "code"),
    [(11, (), 2), (11, ("--yes",), 0), (10, (), 0)],
)
def test_without_a_terminal_a_costly_action_on_many_devices_wants_a_yes(
    muster: CommandLine, graph: SimulatedGraph, count: int, options: tuple[str, ...], code: int
) -> None:
    file = muster.write("devices.csv", devices_csv(count))

    ended = muster.run("run", file, "--action", "fullScan", *options)

    assert ended.code == code
    assert graph.tenant.total == (0 if code else count)


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "missing.csv", *ACTION),
        ("run", ".", *ACTION),
        ("run", "devices.csv"),
        ("run", "devices.csv", *ACTION, "--report", "nowhere/report.csv"),
        ("run", "devices.csv", *ACTION, "--report", "devices.csv"),
        ("run", "devices.csv", *ACTION, "--tenant", "north"),
        ("job", "show", "nothing"),
        ("job", "targets", "latest", "--status", "done"),
        ("--config", "missing.toml", "settings"),
    ],
)
def test_bad_usage_and_bad_input_exit_with_2_and_one_clear_line(
    muster: CommandLine, graph: SimulatedGraph, arguments: tuple[str, ...]
) -> None:
    muster.write("devices.csv", devices_csv(1))

    ended = muster.run(*arguments)

    assert ended.code == 2
    assert ended.out == ""
    assert "Traceback" not in ended.err
    assert ended.err.strip()
    assert graph.tenant.total == 0


def test_what_is_not_set_up_exits_with_4(muster: CommandLine) -> None:
    file = muster.write("devices.csv", devices_csv(1))

    no_tenant = muster.run("run", file, *ACTION, MUSTER_ACCESS_TOKEN="")
    no_database = muster.run("job", "list", MUSTER_DATABASE_URL="postgresql://muster:hunter2@127.0.0.1:1/muster")

    assert (no_tenant.code, no_database.code) == (4, 4)
    assert "MUSTER_TENANT_ID" in no_tenant.err
    assert "hunter2" not in no_database.err


def test_a_job_that_nothing_can_help_stops_with_3_and_goes_on_once_mended(
    muster: CommandLine, graph: SimulatedGraph
) -> None:
    graph.withdraw_consent()
    file = muster.write("devices.csv", devices_csv(100))

    stopped = muster.run("run", file, *ACTION, "-o", "json")
    calls = graph.tenant.total
    graph.behave()
    resumed = muster.run("job", "resume", "latest", "-o", "json")

    assert stopped.code == 3
    assert (stopped.json["status"], stopped.json["counts"]["waiting"]) == ("stopped", 100)
    assert "DeviceManagementManagedDevices.PrivilegedOperations.All" in stopped.json["reason"]
    assert calls <= 20
    assert resumed.code == 0
    assert resumed.json["counts"]["accepted"] == 100


def test_a_run_names_unfinished_jobs_and_leaves_them_alone(muster: CommandLine) -> None:
    file = muster.write("devices.csv", devices_csv(2))
    left = muster.run("submit", file, *ACTION).out.strip()

    ended = muster.run("run", file, *ACTION)

    assert ended.code == 0
    assert left in ended.err
    assert muster.run("job", "show", left, "-o", "json").json["status"] == "queued"


def test_a_report_goes_where_it_is_wanted_and_is_the_same_later(muster: CommandLine) -> None:
    file = muster.write("devices.csv", devices_csv(3))

    muster.run("run", file, *ACTION, "--report", "mine.csv")
    again = muster.run("job", "report", "latest")
    filed = muster.run("job", "report", "latest", "--file", "again.csv", "--status", "failed")

    mine = (muster.folder / "mine.csv").read_bytes()
    assert mine.startswith(b"\xef\xbb\xbfline,managedDeviceId,status")
    assert again.out.encode() == mine
    assert filed.code == 0
    assert (muster.folder / "again.csv").read_bytes().count(b"\n") == 1


def test_a_job_is_paused_cancelled_and_reweighed_by_any_beginning_of_its_id(muster: CommandLine) -> None:
    job = muster.run("submit", muster.write("devices.csv", devices_csv(3)), *ACTION).out.strip()

    paused = muster.run("job", "pause", job[:6], "-o", "json")
    weighed = muster.run("job", "priority", job, "HIGH", "-o", "json")
    cancelled = muster.run("job", "cancel", "latest", "-o", "json")
    waited = muster.run("job", "wait", job)

    assert (paused.json["status"], weighed.json["priority"], cancelled.json["status"]) == (
        "paused",
        "high",
        "cancelled",
    )
    assert (waited.code, waited.out) == (3, "")


def test_the_same_key_is_the_same_job(muster: CommandLine, graph: SimulatedGraph) -> None:
    file = muster.write("devices.csv", devices_csv(3))

    first, second = (muster.run("run", file, *ACTION, "--idempotency-key", "k", "-o", "json") for _ in range(2))
    other = muster.run("run", file, "--action", "quickScan", "--idempotency-key", "k")

    assert (first.code, second.code, other.code) == (0, 0, 2)
    assert first.json["id"] == second.json["id"]
    assert graph.tenant.total == 3


def test_every_command_that_shows_something_shows_it_as_data(muster: CommandLine) -> None:
    muster.run("run", muster.write("devices.csv", devices_csv(2)), *ACTION)

    for command in (("job", "list"), ("job", "targets", "latest"), ("tenant", "list"), ("settings",), ("doctor",)):
        assert muster.run(*command, "-o", "json").json
        assert muster.run(*command, "-o", "csv").rows
        assert muster.run(*command).out


def test_settings_show_no_secret(muster: CommandLine) -> None:
    ended = muster.run("settings", MUSTER_ACCESS_TOKEN="hunter2-0123", MUSTER_CLEINT_ID="x")

    assert "hunter2" not in ended.out + ended.err
    assert "MUSTER_CLIENT_ID may be meant" in ended.err


def test_canaries_and_the_brake_stop_a_run_that_goes_badly_and_say_why(
    muster: CommandLine, graph: SimulatedGraph
) -> None:
    graph.refuse(None, 409, share=0.5)
    file = muster.write("devices.csv", devices_csv(400))

    canaries = muster.run("run", file, *ACTION, "--canary", "20", "--brake-share", "30", "-o", "json")
    called_first = graph.tenant.total
    braked = muster.run("job", "resume", "latest", "-o", "json", MUSTER_WRITE_LIMIT="200/1s")
    graph.behave()
    finished = muster.run("job", "resume", "latest")

    assert (canaries.code, canaries.json["status"]) == (3, "stopped")
    assert "The canaries" in canaries.json["reason"]
    assert called_first == 20
    assert (braked.code, braked.json["status"]) == (3, "stopped")
    assert "more than the 30 %" in braked.json["reason"]
    assert braked.json["counts"]["waiting"] > 0
    assert finished.code == 1
    assert "409 Conflict" in finished.out
    assert graph.tenant.total == 400


@pytest.mark.parametrize(
    "wrong", [("--canary", "-1"), ("--brake-share", "0"), ("--brake-share", "101"), ("--brake-sample", "0")]
)
def test_a_brake_that_makes_no_sense_is_bad_usage(muster: CommandLine, wrong: tuple[str, str]) -> None:
    ended = muster.run("run", muster.write("devices.csv", devices_csv(1)), *ACTION, *wrong)

    assert ended.code == 2
    assert wrong[0] in ended.err
