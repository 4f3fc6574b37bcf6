"""`muster job watch` and `wait`: the end of jobs that others work on."""

from __future__ import annotations

import click

from orchestrator.cli.invocation import Invocation, output_option, pass_invocation


@click.command()
@click.argument("wanted", metavar="[ID]...", nargs=-1)
@output_option
@pass_invocation
def watch(invocation: Invocation, wanted: tuple[str, ...]) -> int:
    """Follow jobs to their end, live; without an ID all that run now.

    Ctrl-C ends the watching and not the jobs. Of several jobs the worst exit code counts.
    """
    from orchestrator.cli.follow_jobs import launch_follow

    return launch_follow(invocation, wanted)


@click.command()
@click.argument("wanted", metavar="ID...", nargs=-1, required=True)
@click.option("--timeout", metavar="SPAN", help="Wait no longer than this (90s, 2h); then exit with 5.")
@output_option
@pass_invocation
def wait(invocation: Invocation, wanted: tuple[str, ...], *, timeout: str | None) -> int:
    """Wait for the end of jobs and say nothing; the exit code tells, of several jobs the worst one."""
    from orchestrator.cli.follow_jobs import launch_follow
    from orchestrator.domain.spans import parse_span

    seconds = None if timeout is None else parse_span(timeout).total_seconds()
    return launch_follow(invocation, wanted, is_quiet=True, timeout=seconds)
