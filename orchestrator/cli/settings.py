"""`muster settings`: what is in force and where each comes from; `init` writes a file to begin with."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from orchestrator.cli.invocation import Format, Invocation, output_option, pass_invocation

if TYPE_CHECKING:
    from orchestrator.settings.tree import Shown


@click.group(invoke_without_command=True)
@output_option
@pass_invocation
@click.pass_context
def settings(context: click.Context, invocation: Invocation) -> None:
    """The settings in force and where each comes from; secrets are redacted."""
    if context.invoked_subcommand is not None:
        return
    from orchestrator.cli.output import show_rows
    from orchestrator.settings.settings_files import intended_file

    shown = invocation.settings().shown
    if invocation.output is Format.TABLE and _is_narrow(max(len(each.name) for each in shown)):
        _say_one_below_the_other(shown)
    else:
        rows = [{"name": each.name, "value": each.value, "from": each.source} for each in shown]
        show_rows(rows, invocation.output)
    if invocation.output is Format.TABLE:
        file = intended_file(os.environ, invocation.config)
        there = "" if file.exists() else " (not there; `muster settings init` writes one)"
        click.echo(f"\nSettings file: {file}{there}", err=True)


def _is_narrow(longest_name: int) -> bool:
    """Whether the terminal has no room for an id beside the longest name."""
    from orchestrator.cli.column_fit import LONGEST_ID

    return sys.stdout.isatty() and shutil.get_terminal_size().columns < longest_name + 2 + LONGEST_ID


def _say_one_below_the_other(shown: Iterable[Shown]) -> None:
    from orchestrator.cli.terminal import say

    for each in shown:
        value = f"{each.value}  " if each.value else ""
        say(each.name)
        say(f"  {value}({each.source})")


@settings.command()
@pass_invocation
def init(invocation: Invocation) -> None:
    """Write a settings file in which everything is a comment.

    The command says where the file is, and never replaces one that is there. The file is the one that
    --config or MUSTER_CONFIG names, else muster.toml in your configuration folder. Only you may read it.
    """
    from orchestrator.settings.settings_files import intended_file, write_new_settings

    file = intended_file(os.environ, invocation.config)
    write_new_settings(file)
    click.echo(str(file))
    click.echo("Next: `muster tenant add NAME …` adds a tenant, `muster tenant check NAME` tries it.", err=True)
