from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from orchestrator.cli.lazy import LazyGroup
from orchestrator.cli.main import job, list_, muster, schedule
from orchestrator.cli.report_file import refuse_unwritable, write_report
from orchestrator.domain.errors import RequestRejected, TryLater
from orchestrator.simulator.throttling import parse_limit

CONTRACT = (
    "run",
    "submit",
    "job",
    "schedule",
    "halt",
    "list",
    "inventory",
    "device",
    "notify",
    "tenant",
    "lane",
    "key",
    "session",
    "audit",
    "serve",
    "worker",
    "clock",
    "simulator",
    "demo",
    "status",
    "doctor",
    "db",
    "completion",
    "settings",
)
OF_A_SCHEDULE = (
    "add",
    "list",
    "show",
    "preview",
    "change",
    "pause",
    "resume",
    "run",
    "remove",
    "history",
    "blackout",
)
OF_A_LIST = ("import", "list", "show", "remove")
OF_A_JOB = (
    "list",
    "show",
    "watch",
    "wait",
    "targets",
    "errors",
    "report",
    "pause",
    "resume",
    "cancel",
    "retry",
    "delete",
    "priority",
)


@pytest.mark.parametrize(
    ("group", "names"), [(muster, CONTRACT), (job, OF_A_JOB), (schedule, OF_A_SCHEDULE), (list_, OF_A_LIST)]
)
def test_the_commands_are_those_of_the_contract(group: LazyGroup, names: tuple[str, ...]) -> None:
    context = click.Context(group)

    commands = [group.get_command(context, name) for name in group.list_commands(context)]

    assert [command.name for command in commands if command is not None] == list(names)


def test_help_says_every_command() -> None:
    shown = CliRunner().invoke(muster, ["--help"]).output

    assert all(f"\n  {name} " in shown for name in CONTRACT)


def test_a_command_that_is_none_is_bad_usage() -> None:
    result = CliRunner().invoke(muster, ["fly"])

    assert result.exit_code == 2
    assert "No such command 'fly'" in result.output


@pytest.mark.parametrize("command", [["run", "x.csv"], ["submit", "x.csv"], ["schedule", "add", "nightly"]])
def test_an_action_that_is_not_named_is_missed(command: list[str]) -> None:
    result = CliRunner().invoke(muster, command)

    assert result.exit_code == 2
    assert "Missing option '--action'" in result.output


def test_an_action_is_taken_in_any_letter_case_and_refused_as_graph_spells_them() -> None:
    result = CliRunner().invoke(muster, ["run", "x.csv", "--action", "Explode"])

    assert result.exit_code == 2
    assert "'Explode' is none of refreshMachinePolicy, refreshUserPolicy" in result.output
    assert "It takes one of refreshMachinePolicy, " in CliRunner().invoke(muster, ["run", "x.csv"]).output


@pytest.mark.parametrize("name", [name for name in CONTRACT if name not in {"worker", "simulator"}])
def test_every_command_that_takes_its_own_options_has_help(name: str) -> None:
    assert CliRunner().invoke(muster, [name, "--help"]).exit_code == 0


def test_a_report_is_moved_to_its_place_whole(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"

    _write(["a,b\r\n", "1,é\r\n"], path)

    assert path.read_bytes() == "a,b\r\n1,é\r\n".encode()
    assert list(tmp_path.iterdir()) == [path]


def test_a_report_that_breaks_off_leaves_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    path.write_text("before")

    with pytest.raises(TryLater, match="muster job report k3x"):
        _write(["a,b\r\n", OSError(28, "No space left on device")], path)

    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_report_that_could_not_be_written_is_refused_beforehand(tmp_path: Path) -> None:
    with pytest.raises(RequestRejected, match="does not exist"):
        refuse_unwritable(tmp_path / "nowhere" / "report.csv")
    with pytest.raises(RequestRejected, match="cannot be written"):
        refuse_unwritable(tmp_path)


def test_a_report_never_replaces_the_device_list(tmp_path: Path) -> None:
    devices = tmp_path / "devices.csv"
    devices.touch()

    with pytest.raises(RequestRejected, match="device list itself"):
        refuse_unwritable(devices, never=devices)


def test_the_demos_limit_is_one_that_the_simulator_knows() -> None:
    assert parse_limit("400/4s") == (400, 4.0)


def _write(pieces: list[str | OSError], path: Path) -> None:
    async def each() -> AsyncIterator[str]:
        for piece in pieces:
            if isinstance(piece, OSError):
                raise piece
            yield piece

    asyncio.run(write_report(each(), path, job="k3x"))
