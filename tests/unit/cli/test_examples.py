"""Each help page has examples, and each example is taken as it stands."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import click
import pytest

from orchestrator.cli.examples import EXAMPLES
from orchestrator.cli.main import muster


def pages(command: click.Command, context: click.Context) -> Iterator[tuple[str, click.Context]]:
    """The command and those below it, by their words after `muster`."""
    yield context.command_path.partition(" ")[2], context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            each = command.get_command(context, name)
            assert each is not None
            yield from pages(each, click.Context(each, info_name=name, parent=context, terminal_width=80))


def test_every_help_page_has_examples_and_fits_80_columns() -> None:
    found = dict(pages(muster, click.Context(muster, info_name="muster", terminal_width=80)))
    texts = {path: context.command.get_help(context) for path, context in found.items()}

    commands = {path for path, context in found.items() if not isinstance(context.command, click.Group)}
    assert commands | {"settings"} == set(EXAMPLES)
    assert [path for path, text in texts.items() if "Examples:" not in text] == []
    lines = [line for text in texts.values() for line in text.splitlines()]
    assert [line for line in lines if len(line) > 80 or (line.startswith("  ") and line.endswith("..."))] == []


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
