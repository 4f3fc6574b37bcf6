"""`muster job list`, `show`, `targets`, `errors` and `report`: the read side."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.invocation import Format, Invocation, output_option, pass_invocation
from orchestrator.cli.option_types import Spelled
from orchestrator.cli.tenant_choice import names_of
from orchestrator.domain.action import Action
from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.job import JobStatus
from orchestrator.domain.job_filter import EVERY_JOB, WITH_FAILURES, JobFilter, Standing
from orchestrator.domain.target import RowVerdict, TargetFilter, TargetStatus

if TYPE_CHECKING:
    from datetime import datetime

    from orchestrator.app import App
    from orchestrator.usecases.jobs.describe_jobs import JobView

_STATUSES = tuple(status.value for status in TargetStatus)
_ROW_STATUSES = (*_STATUSES, *(verdict.value for verdict in RowVerdict))
_TARGET_COLUMNS = ("line", "deviceName", "device", "status", "httpStatus", "errorCode", "errorMessage", "attempts")
_JOB_STATUSES = (*(status.value for status in JobStatus if status is not JobStatus.RECEIVING), WITH_FAILURES)
_LIST_RANK = (
    *("id", "status", "action", "failed", "devices", "schedule", "tenant"),
    *("duration", "submitted", "accepted", "uncertain", "left", "name"),
)
_TARGET_RANK = ("device", "status", "deviceName", "line", "errorCode", "httpStatus", "errorMessage", "attempts")
_PAGE = 1000


@click.command("list")
@click.option("--status", metavar="STATUS,…", help=f"Only jobs that are {', '.join(_JOB_STATUSES)}.")
@click.option("--action", type=Spelled(each.value for each in Action), help="Only jobs of this action.")
@click.option("--tenant", metavar="NAME,…", help="Only jobs of these tenants.")
@click.option("--schedule", metavar="NAME", help="Only jobs of this schedule.")
@click.option("--by", metavar="WHO", help="Only jobs that this person or key submitted.")
@click.option("--search", metavar="TEXT", help="Only where this is in the id, the name, the file or the reason.")
@click.option(
    "--since", metavar="TIME", help="Only jobs submitted then or later: 24h, 7d, 2026-11-28, 2026-11-28T02:00."
)
@click.option("--until", metavar="TIME", help="Only jobs submitted before then.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many.")
@output_option
@pass_invocation
def list_(
    invocation: Invocation,
    *,
    status: str | None,
    action: str | None,
    tenant: str | None,
    schedule: str | None,
    by: str | None,
    search: str | None,
    since: str | None,
    until: str | None,
    limit: int,
) -> None:
    """The newest jobs, or those that fit."""
    from datetime import UTC, datetime

    from orchestrator.cli.output import show_rows
    from orchestrator.domain.instants import parse_instant
    from orchestrator.usecases.jobs.describe_jobs import list_jobs

    now = datetime.now(UTC)
    wanted = JobFilter(
        tuple(_standing(word) for word in words_of(status, _JOB_STATUSES)),
        None if action is None else Action(action),
        names_of(tenant),
        by,
        schedule,
        search,
        None if since is None else parse_instant(since, now=now, zone=None),
        None if until is None else parse_instant(until, now=now, zone=None),
    )
    views = invocation.ask(lambda app: list_jobs(app, wanted=wanted, limit=limit))
    if invocation.output is not Format.TABLE:
        from orchestrator.cli.job_text import show_jobs

        show_jobs(views, invocation.output)
    elif not views and wanted != EVERY_JOB:
        click.echo("No job fits.", err=True)
    elif not views:
        click.echo("No jobs yet. `muster run FILE --action ACTION` makes one.", err=True)
    else:
        show_rows([_line(view, now) for view in views], Format.TABLE, rank=_LIST_RANK, folds={"name"})


@click.command()
@click.argument("wanted", metavar="ID")
@output_option
@pass_invocation
def show(invocation: Invocation, wanted: str) -> None:
    """How one job stands."""
    from orchestrator.cli.job_text import facts_of, show_job
    from orchestrator.cli.output import show_facts
    from orchestrator.usecases.jobs.describe_job import describe_job

    view = invocation.ask(lambda app: describe_job(app, wanted))
    show_job(view, invocation.output)
    if invocation.output is Format.TABLE:
        click.echo("")
        show_facts(facts_of(view), Format.TABLE)


@click.command()
@click.argument("wanted", metavar="ID")
@output_option
@pass_invocation
def errors(invocation: Invocation, wanted: str) -> None:
    """Show the errors of a job, grouped by cause, with their meaning, a remedy and a request id to quote."""
    from orchestrator.cli.job_text import say_errors, say_no_errors
    from orchestrator.cli.output import show_rows
    from orchestrator.usecases.jobs.describe_job import describe_job
    from orchestrator.views.jobs import ErrorFacts, error_object

    view = invocation.ask(lambda app: describe_job(app, wanted))
    if invocation.output is Format.TABLE:
        say_errors(view.errors, view.job.id, is_first=True)
        if not view.errors:
            say_no_errors(view)
        return
    rows = [{"status": error.status.value, **error_object(error, view.job.id)} for error in view.errors]
    show_rows(rows, invocation.output, names=("status", *ErrorFacts.__annotations__))


@click.command()
@click.argument("wanted", metavar="ID")
@click.option("--status", metavar="STATUS,…", help=f"Only those that are {', '.join(_STATUSES)}.")
@click.option("--error", "code", metavar="CODE", help="Only those with this error code.")
@click.option("--search", metavar="TEXT", help="Only devices whose name, user or id contains it.")
@click.option("--after", "after_line", type=click.IntRange(0), default=0, help="Go on after this line of the input.")
@click.option("--limit", type=click.IntRange(1), help="How many; 100 in a table, all of them otherwise.")
@output_option
@pass_invocation
def targets(
    invocation: Invocation,
    wanted: str,
    *,
    status: str | None,
    code: str | None,
    search: str | None,
    after_line: int,
    limit: int | None,
) -> None:
    """Every device of a job with its outcome, in the order of the input."""
    from orchestrator.cli.output import show_rows, stream_rows
    from orchestrator.cli.terminal import has_reader
    from orchestrator.usecases.jobs.list_targets import list_targets
    from orchestrator.views.jobs import TargetView, target_object

    statuses = tuple(TargetStatus(word) for word in words_of(status, _STATUSES))
    fitting = TargetFilter(statuses, code, search)
    most = limit or (100 if invocation.output is Format.TABLE else 10**9)

    async def pages(app: App, add: Callable[[list[TargetView]], None]) -> None:
        last, left = after_line, most
        while left and has_reader():
            page = await list_targets(app, wanted, fitting, after_line=last, limit=min(_PAGE, left))
            if not page:
                return
            add([target_object(target) for target in page])
            last, left = page[-1].line, left - len(page)

    if invocation.output is not Format.TABLE:
        with stream_rows(invocation.output, names=TargetView.__annotations__) as add:
            invocation.ask(lambda app: pages(app, add))
        return
    found: list[TargetView] = []
    invocation.ask(lambda app: pages(app, found.extend))
    if not found:
        click.echo("No device fits.", err=True)
        return
    show_rows(found, Format.TABLE, columns=_TARGET_COLUMNS, rank=_TARGET_RANK)
    if len(found) == most:
        click.echo(f"There may be more: --after {found[-1]['line']} goes on, --limit takes more at once.", err=True)


@click.command()
@click.argument("wanted", metavar="ID")
@click.option("--status", metavar="STATUS,…", help=f"Only rows that are {', '.join(_ROW_STATUSES)}.")
@click.option("--report", "path", type=click.Path(path_type=Path), help="Write it there instead of to standard output.")
@click.option("--file", "old_path", type=click.Path(path_type=Path), hidden=True)
@pass_invocation
def report(
    invocation: Invocation, wanted: str, *, status: str | None, path: Path | None, old_path: Path | None
) -> None:
    """The report: every row of the input with its outcome, as CSV."""
    from orchestrator.cli.output import write
    from orchestrator.cli.report_file import STANDARD_OUTPUT, refuse_unwritable, write_report
    from orchestrator.cli.terminal import has_reader
    from orchestrator.usecases.jobs.write_report import report_text

    statuses = words_of(status, _ROW_STATUSES)
    path = path or old_path
    if path == STANDARD_OUTPUT:
        path = None
    if path is not None:
        refuse_unwritable(path)

    async def pour(pieces: AsyncIterator[str]) -> None:
        async for piece in pieces:
            write(piece)
            if not has_reader():
                return

    async def work(app: App) -> None:
        pieces = report_text(app, wanted, statuses=statuses)
        if path is None:
            await pour(pieces)
        else:
            written = await write_report(pieces, path, job=wanted)
            if written != path:
                click.echo(
                    f"{path} could not be replaced, so the report has a second name. Is it open in another program?",
                    err=True,
                )
            click.echo(f"Report: {written}", err=True)

    invocation.ask(work)


def words_of(text: str | None, known: tuple[str, ...]) -> tuple[str, ...]:
    """The words between the commas; RequestRejected for one that means nothing."""
    words = tuple(word.strip().casefold() for word in (text or "").split(",") if word.strip())
    for word in words:
        if word not in known:
            raise RequestRejected(f"{word!r} is no status; there are {', '.join(known)}.")
    return words


def _standing(word: str) -> Standing:
    return WITH_FAILURES if word == WITH_FAILURES else JobStatus(word)


def _line(view: JobView, now: datetime) -> dict[str, object]:
    from orchestrator.domain.figures import local
    from orchestrator.domain.job import status_words
    from orchestrator.domain.spans import span

    job, tally = view.job, view.tally
    took = None if job.started_at is None else (job.finished_at or now) - job.started_at
    return {
        "id": job.id,
        "status": status_words(view.status, tally),
        "action": job.action.value,
        "tenant": job.tenant,
        "schedule": job.schedule or "",
        "devices": tally.total,
        "accepted": tally.accepted,
        "failed": tally.failed,
        "uncertain": tally.uncertain,
        "left": tally.waiting + tally.sending,
        "submitted": local(job.submitted_at),
        "duration": "" if took is None else span(took.total_seconds()),
        "name": job.name or job.intake.file_name or "",
    }
