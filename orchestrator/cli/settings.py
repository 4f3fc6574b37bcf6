"""`muster settings`: what is in force and where each comes from; `init` writes a file to begin with."""

from __future__ import annotations

import os

import click

from orchestrator.cli.invocation import Format, Invocation, output_option, pass_invocation


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

    rows = [{"name": each.name, "value": each.value, "from": each.source} for each in invocation.settings().shown]
    show_rows(rows, invocation.output)
    if invocation.output is Format.TABLE:
        file = intended_file(os.environ, invocation.config)
        there = "" if file.exists() else " (not there; `muster settings init` writes one)"
        click.echo(f"\nSettings file: {file}{there}", err=True)


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
