"""Each help page has examples, and each example is taken as it stands."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import click
import pytest

from orchestrator.cli.examples import EXAMPLES
from orchestrator.cli.main import muster


def commands(command: click.Command, context: click.Context) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield context.command_path.partition(" ")[2], command
        return
    for name in command.list_commands(context):
        each = command.get_command(context, name)
        assert each is not None
        yield from commands(each, click.Context(each, info_name=name, parent=context))


def test_every_command_has_examples_on_its_help_page() -> None:
    found = dict(commands(muster, click.Context(muster, info_name="muster")))

    assert set(found) == set(EXAMPLES)
    assert all("Examples:" in (command.epilog or "") for command in found.values())


@pytest.mark.parametrize("example", [line for lines in EXAMPLES.values() for line in lines])
def test_an_example_is_taken_as_it_stands(example: str) -> None:
    words = shlex.split(example)
    command, context = muster, click.Context(muster, info_name="muster")
    while isinstance(command, click.Group) and words:
        name, command, words = command.resolve_command(context, words)  # type: ignore[assignment] # never None here
        context = click.Context(command, info_name=name, parent=context)

    command.make_context("example", list(words), parent=context.parent)


def test_a_mistyped_command_is_answered_with_those_like_it() -> None:
    context = click.Context(muster, info_name="muster")

    with pytest.raises(click.UsageError, match="Did you mean status"):
        muster.resolve_command(context, ["statsu"])
