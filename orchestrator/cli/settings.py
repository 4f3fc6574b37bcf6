"""`muster settings`: what is in force, and where each comes from."""

from __future__ import annotations

import click

from orchestrator.cli.invocation import Invocation, output_option, pass_invocation


@click.command()
@output_option
@pass_invocation
def settings(invocation: Invocation) -> None:
    """The settings in force and where each comes from; secrets are redacted."""
    from orchestrator.cli.output import show_rows

    rows = [{"name": each.name, "value": each.value, "from": each.source} for each in invocation.settings().shown]
    show_rows(rows, invocation.output)
