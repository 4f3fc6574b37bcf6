"""`muster job pause`, `resume`, `cancel`, `retry` and `priority`: the write side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.invocation import (
    Format,
    Invocation,
    actor,
    confirm_change,
    output_option,
    pass_invocation,
    reason_option,
    yes_option,
)
from orchestrator.cli.jobs import words_of
from orchestrator.domain.job import Priority
from orchestrator.domain.target import TargetStatus

if TYPE_CHECKING:
    from orchestrator.usecases.jobs.describe_jobs import JobView

_RETRIABLE = ("failed", "uncertain", "cancelled", "waiting")
_report = click.option(
    "--report", type=click.Path(path_type=Path), help="Where the report goes; by default muster-<job id>.csv."
)


@click.command()
@click.argument("wanted", metavar="ID")
@reason_option
@output_option
@pass_invocation
def pause(invocation: Invocation, wanted: str, *, reason: str | None) -> None:
    """Start no new call of a job until it is resumed."""
    from orchestrator.usecases.jobs.pause_job import pause_job

    _show(invocation, invocation.ask(lambda app: pause_job(app, wanted, by=actor(), reason=reason)))


@click.command()
@click.argument("wanted", metavar="ID")
@reason_option
@output_option
@pass_invocation
def cancel(invocation: Invocation, wanted: str, *, reason: str | None) -> None:
    """End a job: devices that wait are never called, the others keep their outcome."""
    from orchestrator.usecases.jobs.cancel_job import cancel_job

    _show(invocation, invocation.ask(lambda app: cancel_job(app, wanted, by=actor(), reason=reason)))


@click.command()
@click.argument("wanted", metavar="ID")
@reason_option
@click.option("--yes", "-y", is_flag=True, help="Ask no question.")
@pass_invocation
def delete(invocation: Invocation, wanted: str, *, reason: str | None, yes: bool) -> None:
    """Remove a job at rest for good, with its input and its targets; its audit entries stay."""
    from orchestrator.domain.figures import plural
    from orchestrator.usecases.jobs.delete_job import delete_job
    from orchestrator.usecases.jobs.describe_job import describe_job

    view = invocation.ask(lambda app: describe_job(app, wanted))
    if not yes:
        what = f"job {view.job.id} ({view.job.action}, {plural(view.tally.total, 'device')}, {view.status})"
        confirm_change(f"Delete {what}? Its report cannot be written any more.")
    # By its whole id: `latest` may be another job by now.
    done = invocation.ask(lambda app: delete_job(app, view.job.id, by=actor(), reason=reason))
    click.echo(f"Job {done.id} is deleted.", err=True)


@click.command()
@click.argument("wanted", metavar="ID")
@click.argument("priority", type=click.Choice([each.value for each in Priority], case_sensitive=False))
@reason_option
@output_option
@pass_invocation
def priority(invocation: Invocation, wanted: str, *, priority: str, reason: str | None) -> None:
    """Change the priority of a job among the others of its lane, at once."""
    from orchestrator.usecases.jobs.reprioritise_job import reprioritise_job

    _show(
        invocation,
        invocation.ask(lambda app: reprioritise_job(app, wanted, Priority(priority), by=actor(), reason=reason)),
    )


@click.command()
@click.argument("wanted", metavar="ID")
@click.option("--rebind", is_flag=True, help="Move what waits to the lane that the tenant's settings lead to now.")
@reason_option
@yes_option
@_report
@output_option
@pass_invocation
def resume(
    invocation: Invocation, wanted: str, *, rebind: bool, reason: str | None, yes: bool, report: Path | None
) -> int:
    """Go on with a job that was paused, stopped or interrupted: here, unless a service takes it."""
    from orchestrator.cli.go_on import launch_resume

    return launch_resume(invocation, wanted, reason=reason, report=report, yes=yes, rebind=rebind)


@click.command()
@click.argument("wanted", metavar="ID")
@click.option(
    "--status",
    metavar="STATUS,…",
    help=f"Of {', '.join(_RETRIABLE)}. Without it and without --error: failures that another attempt may mend.",
)
@click.option("--error", "code", metavar="CODE", help="Only those with this error code.")
@click.option("--search", metavar="TEXT", help="Only devices whose id contains it.")
@reason_option
@yes_option
@_report
@output_option
@pass_invocation
def retry(
    invocation: Invocation,
    wanted: str,
    *,
    status: str | None,
    code: str | None,
    search: str | None,
    reason: str | None,
    yes: bool,
    report: Path | None,
) -> int:
    """Submit a new job of the devices of a job that failed, and run it here unless a service takes it."""
    from orchestrator.cli.go_on import launch_retry

    statuses = tuple(TargetStatus(word) for word in words_of(status, _RETRIABLE))
    return launch_retry(
        invocation, wanted, statuses=statuses, code=code, search=search or None, reason=reason, report=report, yes=yes
    )


def _show(invocation: Invocation, view: JobView) -> None:
    from orchestrator.cli.job_text import show_job

    if invocation.output is Format.TABLE:
        click.echo(f"Job {view.job.id} is {view.status}, priority {view.job.priority}.", err=True)
    else:
        show_job(view, invocation.output)
