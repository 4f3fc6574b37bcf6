from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from orchestrator.cli import exits, main
from orchestrator.cli.submission import file_name_of


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


def test_no_option_of_any_command_takes_any_text() -> None:
    found = [
        (" ".join(path), parameter.name)
        for path, command in commands(main.muster)
        for parameter in command.params
        if parameter.type is click.STRING
    ]

    assert found == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "devices.csv", "--action", "fullScan", "--reason", "why\x1b[2J"),
        ("submit", "devices.csv", "--action", "fullScan", "--name", "night\u202egnp"),
        ("job", "cancel", "latest", "--reason", "a\x9bb"),
        ("key", "create", "--role", "viewer", "--name", "ci\x07"),
        ("list", "remove", "night", "--reason", "\udc9b"),
        ("schedule", "pause", "ni\x1bght"),
        ("schedule", "blackout", "add", "2026-12-24", "--reason", "\u2066"),
        ("audit", "--search", "\x00"),
    ],
)
def test_a_control_character_is_refused_and_not_repeated(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main.run(arguments) == exits.REJECTED

    told = capsys.readouterr().err
    assert "control character" in told
    assert not set("\x1b\x9b\x07\x00\u202e\u2066\udc9b") & set(told)


def test_a_file_name_is_kept_with_symbols() -> None:
    assert file_name_of("/lists/de\x1b[2Jvices\udcff.csv") == "de\u241b[2Jvices<U+DCFF>.csv"
    assert file_name_of("-") is None
