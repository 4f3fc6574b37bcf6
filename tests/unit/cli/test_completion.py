from __future__ import annotations

import pytest
from click.testing import CliRunner

from orchestrator.cli.completion import PowerShellComplete
from orchestrator.cli.main import muster


@pytest.mark.parametrize(
    ("shell", "words"),
    [
        ("bash", ("_MUSTER_COMPLETE=bash_complete", "complete -o nosort -F")),
        ("zsh", ("_MUSTER_COMPLETE=zsh_complete", "compdef")),
        ("fish", ("_MUSTER_COMPLETE=fish_complete", "complete --no-files --command muster")),
        ("powershell", ("$env:_MUSTER_COMPLETE = 'powershell_complete'", "-CommandName muster")),
    ],
)
def test_each_shell_has_a_script(shell: str, words: tuple[str, ...]) -> None:
    printed = CliRunner().invoke(muster, ["completion", shell])

    assert printed.exit_code == 0
    assert [word for word in words if word not in printed.output] == []


def test_powershell_is_told_commands_with_their_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMP_WORDS", "job")
    monkeypatch.setenv("COMP_CWORD", "wat")

    told = PowerShellComplete(muster, {}, "muster", "_MUSTER_COMPLETE").complete()

    kind, value, text = told.split("\t")
    assert (kind, value) == ("plain", "watch")
    assert text
    assert told.isprintable() or told.count("\t") == 2


def test_powershell_completes_an_option_behind_other_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMP_WORDS", "run\ndevices of berlin.csv")
    monkeypatch.setenv("COMP_CWORD", "--all-t")

    assert PowerShellComplete(muster, {}, "muster", "_MUSTER_COMPLETE").complete().startswith("plain\t--all-tenants\t")


def test_actions_are_completed_as_graph_spells_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMP_WORDS", "run\n--action")
    monkeypatch.setenv("COMP_CWORD", "REFRESHM")

    told = PowerShellComplete(muster, {}, "muster", "_MUSTER_COMPLETE").complete()

    assert told.split("\t")[1] == "refreshMachinePolicy"
