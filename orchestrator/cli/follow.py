"""`muster job watch` and `wait`: the end of a job that others work on."""

from __future__ import annotations

import click

from orchestrator.cli.invocation import Invocation, output_option, pass_invocation


@click.command()
@click.argument("wanted", metavar="ID")
@output_option
@pass_invocation
def watch(invocation: Invocation, wanted: str) -> int:
    """Follow a job to its end, live; Ctrl-C ends the watching and not the job."""
    return _follow(invocation, wanted, is_quiet=False)


@click.command()
@click.argument("wanted", metavar="ID")
@output_option
@pass_invocation
def wait(invocation: Invocation, wanted: str) -> int:
    """Wait for the end of a job and say nothing; the exit code tells."""
    return _follow(invocation, wanted, is_quiet=True)


def _follow(invocation: Invocation, wanted: str, *, is_quiet: bool) -> int:
    from orchestrator.cli.go_on import launch_follow

    return launch_follow(invocation, wanted, is_quiet=is_quiet)
