"""Commands that are named in a table and loaded when they are called: `muster --help` imports none of them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import click

from orchestrator.domain.plain_text import ControlCharacter, plain_text


class Named(NamedTuple):
    """Where a command is, and what the list of commands says about it."""

    target: str
    help: str


def load(target: str) -> Any:
    """Imports and returns the object that `module:attribute` names.

    By name, because the parts that the command line starts (the web process, workers, the simulator) stand above or
    beside it in the picture: it may start them and not know them.
    """
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)


class PlainText(click.ParamType[str]):
    """Text on one line, without control characters."""

    name = "text"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text, or a usage error that names the option."""
        try:
            return plain_text(value)
        except ControlCharacter as problem:
            self.fail(str(problem), param, ctx)


def finish(command: click.Command, path: str) -> None:
    """Gives the command, and those below it, what holds for each: plain text alone, and a help page of 80 columns.

    Here and not at each option: one that is added later is covered too. `path` is the command with its groups, without
    `muster`. What may hold anything, as a path may, has a type of its own (`click.Path`, `click.UNPROCESSED`).
    """
    from orchestrator.cli.examples import examples_of

    for parameter in command.params:
        if parameter.type is click.STRING:
            parameter.type = _PLAIN_TEXT
        if isinstance(parameter, click.Option) and parameter.metavar is None:
            _shorten(parameter)
    lines = examples_of(path)
    if lines:
        command.epilog = "\b\nExamples:\n" + "\n".join(f"  muster {line}" for line in lines)
    if isinstance(command, click.Group) and not isinstance(command, LazyGroup):
        for name, each in command.commands.items():
            # The list of commands shows the whole first sentence, written as those of the tables are.
            words = " ".join((each.help or "").partition("\n\n")[0].split()).removesuffix(".")
            each.short_help = words[:1].lower() + words[1:]
            finish(each, f"{path} {name}")


def _shorten(option: click.Option) -> None:
    """Lets a name stand for long values on the help page; the values follow its sentence."""
    if isinstance(option.type, click.IntRange):
        option.metavar = "N"
    elif isinstance(option.type, click.Choice) and len(names := ", ".join(option.type.choices)) > _LONGEST_VALUES:
        option.metavar = option.opts[-1].strip("-").upper()
        option.help = f"{option.help} Values: {names}."


_LONGEST_VALUES = 60
_PLAIN_TEXT = PlainText()


class LazyGroup(click.Group):
    """A group whose commands are a table."""

    def __init__(self, *args: Any, table: Mapping[str, Named], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table."""
        del ctx
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, loaded now."""
        if cmd_name not in self._table:
            return None
        command: click.Command = load(self._table[cmd_name].target)
        finish(command, f"{ctx.command_path} {cmd_name}".partition(" ")[2])
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments name; a wrong name is answered with the names like it."""
        if args and args[0] not in self._table and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], self._table, n=3)
            meant = f" Did you mean {' or '.join(near)}?" if near else ""
            ctx.fail(f"No such command {args[0]!r}.{meant}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, from the table alone."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, named.help) for name, named in self._table.items()])
