"""`muster run` and `muster submit`: a device list becomes a job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from orchestrator.cli.invocation import Invocation, output_option, pass_invocation
from orchestrator.cli.submission import Submission, submission_options

_REPORT = click.Path(path_type=Path)


@click.command()
@submission_options
@click.option(
    "--report", type=_REPORT, help="Where the report goes (- is standard output); by default muster-<job id>.csv."
)
@output_option
@pass_invocation
def run(invocation: Invocation, /, **options: Any) -> int:
    """Ask every device of FILE (- is standard input) for an action, here and now, and write a report."""
    from orchestrator.cli.launch import launch_run

    return launch_run(invocation, Submission.of(**options))


@click.command()
@submission_options
@click.option("--wait", is_flag=True, help="Follow the job to its end, as run does.")
@click.option(
    "--report",
    type=_REPORT,
    help="With --wait: where the report goes (- is standard output); without it none is written.",
)
@output_option
@pass_invocation
def submit(invocation: Invocation, /, *, wait: bool, **options: Any) -> int:
    """Store a job of FILE (- is standard input) for the running workers, and print its id."""
    from orchestrator.cli.launch import launch_submit

    submission = Submission.of(**options)
    if submission.report is not None and not wait:
        raise click.UsageError("--report is written at the end of the job: it needs --wait.")
    return launch_submit(invocation, submission, waits=wait)
