"""A job in words for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from orchestrator.cli.invocation import Format
from orchestrator.cli.progress import standing, waits_for
from orchestrator.cli.terminal import Styled, say
from orchestrator.domain.figures import local, plural
from orchestrator.domain.hints import with_job_id
from orchestrator.domain.job import status_words
from orchestrator.domain.plain_text import shown
from orchestrator.domain.spans import span

if TYPE_CHECKING:
    from orchestrator.domain.ids import JobId
    from orchestrator.domain.job import Job
    from orchestrator.usecases.jobs.describe_job import BrakeView, ErrorView
    from orchestrator.usecases.jobs.describe_jobs import JobView

_COUNTS = (
    ("accepted", "green", "Graph took the request and will relay it"),
    ("failed", "red", "Graph said no, or every attempt was used up"),
    ("uncertain", "yellow", "sent, and no answer that can be trusted"),
    ("cancelled", "", "never sent"),
    ("sending", "", "on the way"),
    ("waiting", "", "not sent yet"),
)


def show_job(view: JobView, output: Format, *, is_quiet: bool = False, err: bool = False) -> None:
    """One job on stdout; with `err` the words for people go to stderr."""
    if output is Format.TABLE:
        if not is_quiet:
            say_summary(view, err=err)
        return
    from orchestrator.cli.output import show_facts
    from orchestrator.views.jobs import job_object, job_row

    show_facts(job_object(view) if output.is_nested else job_row(view), output, is_strict=False)


def show_jobs(views: Sequence[JobView], output: Format) -> None:
    """Several jobs on stdout for a program."""
    from orchestrator.cli.output import show_rows
    from orchestrator.views.jobs import JOB_ROW, job_object, job_row

    show_rows([job_object(view) if output.is_nested else job_row(view) for view in views], output, names=JOB_ROW)


def say_summary(view: JobView, *, err: bool = False) -> None:
    """How the job stands, its counts and its error groups, to stdout or to stderr."""
    job = view.job
    stands = status_words(view.status, view.tally)
    click.echo(f"Job {job.id} is {stands}: {job.action} on {plural(view.tally.total, 'device')}{_took(job)}.", err=err)
    if reason := waits_for(view) or job.reason:
        say(f"  {shown(with_job_id(reason, job.id))}", err=err)
    for name, colour, meaning in _COUNTS:
        count = getattr(view.tally, name)
        if count or name == "accepted":
            say(Styled(f"{count:>9,}", fg=colour or None), f"  {name:<9}  ", Styled(meaning, dim=True), err=err)
    rows = job.intake
    if rows.duplicates or rows.rejected:
        left_out = f"{plural(rows.duplicates, 'duplicate')}, {rows.rejected:,} rejected"
        click.echo(f"           of {plural(rows.rows, 'row')} in the list; not called: {left_out}", err=err)
    say_errors(view.errors, job.id, err=err)


def say_errors(errors: Sequence[ErrorView], job: JobId, *, err: bool = False, is_first: bool = False) -> None:
    """Each error group with its meaning, what to do, and a request to quote; `is_first`: no blank line before it."""
    for place, error in enumerate(errors):
        head = f"{error.count:,} {error.status}: {error.http_status or ''} {error.code}".replace("  ", " ")
        if place or not is_first:
            click.echo("", err=err)
        say(Styled(head, bold=True), err=err)
        if error.example_message:
            say(f"  It said: {shown(error.example_message)}", err=err)
        say(f"  {shown(error.meaning)}", err=err)
        say(f"  {shown(with_job_id(error.hint, job))}", err=err)
        if error.example_device:
            name = f"{shown(error.example_device_name)} " if error.example_device_name else ""
            say(Styled(f"  for example {name}{shown(error.example_device)}", dim=True), err=err)
        if error.example_request_id:
            say(Styled(f"  example request id {error.example_request_id}", dim=True), err=err)


def say_no_errors(view: JobView) -> None:
    """No device has an error: said on stderr, with the reason why the job waits, is paused or was stopped."""
    job = view.job
    say(f"No device of job {job.id} has an error.", err=True)
    if reason := waits_for(view) or job.reason:
        say(f"The job is {status_words(view.status, view.tally)}: {shown(with_job_id(reason, job.id))}", err=True)


def facts_of(view: JobView) -> dict[str, str | None]:
    """The facts of a job that its summary leaves out."""
    job = view.job
    return {
        "name": job.name,
        "via": job.via.value,
        "tenant": job.tenant,
        "priority": job.priority.value,
        "file": job.intake.file_name,
        "selection": None if view.selection is None else shown(view.selection.words),
        "submitted": f"{local(job.submitted_at)} by {job.submitted_by}",
        "why": job.submit_reason,
        "started": local(job.started_at),
        "finished": local(job.finished_at),
        "done by": local(view.estimated_finish_at),
        "retry of": job.retry_of,
        "retried by": ", ".join(view.retried_by),
        "brake": None if view.brake is None else _brake_words(view.brake),
        "canaries": _canary_words(view.brake),
    }


def unfinished_line(view: JobView) -> str:
    """One line about a job that may be forgotten."""
    return f"  {view.job.id}  {status_words(view.status, view.tally)}, {view.job.action}: {standing(view.tally)}"


def _brake_words(brake: BrakeView) -> str:
    counted = f"{brake.errors:,} errors of {plural(brake.ended, 'device')} so far"
    if brake.share >= 100:
        return f"never stops the job; {counted}"
    return f"stops at more than {brake.share} % errors of at least {plural(brake.sample, 'device')}; {counted}"


def _canary_words(brake: BrakeView | None) -> str | None:
    if brake is None or not brake.canaries:
        return None
    return f"{brake.canaries_ended:,} of {brake.canaries:,} called; the others wait until all of them went well"


def _took(job: Job) -> str:
    if job.started_at is None or job.finished_at is None:
        return ""
    return f", in {span((job.finished_at - job.started_at).total_seconds())}"
