"""What `run` and `submit` do once their arguments are read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

import click

from orchestrator.app import App
from orchestrator.bootstrap import open_app
from orchestrator.cli import bridge, exits
from orchestrator.cli.bridge import Interrupt
from orchestrator.cli.invocation import Format, Invocation, prompt_sign_in, say_stops
from orchestrator.cli.job_text import show_job, unfinished_line
from orchestrator.cli.output import show_facts
from orchestrator.cli.questions import confirm_with, finish_line, say_preview
from orchestrator.cli.report_file import refuse_both, refuse_unwritable
from orchestrator.cli.split_by_tenant import split_by_tenant
from orchestrator.cli.submission import STDIN, Submission
from orchestrator.domain.confirmation import asks_above
from orchestrator.domain.errors import IntakeFailed
from orchestrator.domain.figures import plural
from orchestrator.domain.job import Job
from orchestrator.settings import Settings
from orchestrator.usecases.jobs.submit_job import NotConfirmed, preview_job, refuse_if_bad, submit_job
from orchestrator.usecases.operations.live_processes import has_worker

Work = Callable[[App, Interrupt], Awaitable[int]]


def launch_run(invocation: Invocation, submission: Submission) -> int:
    """Submit, see it through, write the report; with a broker, others do the work."""
    return run_list(invocation.settings(), submission, invocation.output)


def run_list(
    settings: Settings, submission: Submission, output: Format, *, aside: Callable[[], None] | None = None
) -> int:
    """Runs a list as `run` does, with the settings that are given; the demo uses it."""
    submission.refuse_unclear_source()
    refuse_both(submission.report, output)
    refuse_unwritable(
        submission.report or Path("muster-report.csv"),
        never=None if submission.file in {None, STDIN} else Path(str(submission.file)),
    )

    async def work(app: App, interrupt: Interrupt) -> int:
        async with split_by_tenant(app, settings, submission) as parts:
            if submission.dry_run:
                return await _dry_run(app, settings, parts, output)
            if len(parts) > 1:
                from orchestrator.cli.launch_several import Several

                several = Several(app, interrupt, settings, output, calls_here=settings.is_embedded, waits=True)
                return await several.launch(parts)
            job = await receive(app, interrupt, settings, parts[0], calls_here=settings.is_embedded)
        await _say_submitted(app, job, calls_here=settings.is_embedded)
        from orchestrator.cli.foreground import Ending, follow_started, report_path, work_through

        ending = Ending(output, report_path(job.id, submission.report), aside=aside)
        through = work_through if settings.is_embedded else follow_started
        return await through(app, interrupt, job, ending)

    return with_app(settings, work, kind="run" if settings.is_embedded else "ask")


def launch_submit(invocation: Invocation, submission: Submission, *, waits: bool) -> int:
    """Submit; the id is all that a script wants to hear, unless it waits."""
    submission.refuse_unclear_source()
    settings = invocation.settings()
    if submission.report is not None:
        refuse_both(submission.report, invocation.output)
        refuse_unwritable(submission.report)

    async def work(app: App, interrupt: Interrupt) -> int:
        async with split_by_tenant(app, settings, submission) as parts:
            if submission.dry_run:
                return await _dry_run(app, settings, parts, invocation.output)
            if len(parts) > 1:
                from orchestrator.cli.launch_several import Several

                several = Several(app, interrupt, settings, invocation.output, calls_here=False, waits=waits)
                code = await several.launch(parts)
                if not (waits or await has_worker(app)):
                    _say_nobody_works(None, settings)
                return code
            job = await receive(app, interrupt, settings, parts[0])
        if waits:
            from orchestrator.cli.foreground import Ending, follow_started

            await _say_submitted(app, job, calls_here=False)
            return await follow_started(app, interrupt, job, Ending(invocation.output, submission.report))
        _say_relay(job)
        if invocation.output is Format.TABLE:
            click.echo(job.id)
        else:
            from orchestrator.usecases.jobs.describe_job import describe_job

            show_job(await describe_job(app, job.id), invocation.output)
        if not await has_worker(app):
            _say_nobody_works(job, settings)
        return exits.DONE

    return with_app(settings, work, kind="ask")


def with_app(settings: Settings, work: Work, *, kind: str) -> int:
    """Do the work with an application that calls itself by this kind; the exit code."""

    async def inside(interrupt: Interrupt) -> int:
        async with open_app(settings, kind=kind, sign_in_prompt=prompt_sign_in) as app:
            await say_stops(app)
            return await work(app, interrupt)

    return bridge.run(inside)


async def receive(
    app: App,
    interrupt: Interrupt,
    settings: Settings,
    submission: Submission,
    *,
    calls_here: bool = False,
    is_quiet: bool = False,
) -> Job:
    """The stored job of one tenant, announced unless quiet.

    NotConfirmed where the person says no, IntakeFailed with every bad line.
    """
    action = submission.job.action
    confirm = confirm_with(
        action,
        above=asks_above(action, settings.confirm_above),
        is_agreed=submission.yes,
        is_interrupted=lambda: interrupt.is_raised,
        is_quiet=is_quiet,
    )
    request, options = submission.request(settings), submission.intake(settings)
    async with submission.stream(app, settings) as stream:
        try:
            return await submit_job(
                app,
                request,
                stream,
                file_name=submission.file_name,
                options=options,
                confirm=confirm,
                check_way=partial(_check_way, app, request.tenant) if calls_here else None,
            )
        except NotConfirmed:
            if interrupt.is_raised:
                raise KeyboardInterrupt from None
            raise


async def _check_way(app: App, tenant: str) -> None:
    # A command that only stores the job does not load it.
    from orchestrator.usecases.operations.check_way import check_way

    await check_way(app, tenant)


async def _dry_run(app: App, settings: Settings, parts: Sequence[Submission], output: Format) -> int:
    if len(parts) == 1:
        return await _preview(app, settings, parts[0], output)
    from orchestrator.cli.launch_several import preview_several

    return await preview_several(app, settings, parts, output)


async def _preview(app: App, settings: Settings, submission: Submission, output: Format) -> int:
    request, options = submission.request(settings), submission.intake(settings)
    async with submission.stream(app, settings) as stream:
        preview = await preview_job(app, request, stream, file_name=submission.file_name, options=options)
    report = preview.report
    if report.bad and not submission.skip_invalid:
        raise IntakeFailed(
            f"{plural(report.bad, 'line')} {'is' if report.bad == 1 else 'are'} bad, and {report.good:,} good: the "
            "file would be refused. Mend it, or take the good rows with --skip-invalid.",
            report.problems,
            columns=report.columns,
        )
    refuse_if_bad(report, options)
    if output is Format.TABLE:
        say_preview(submission.job.action, preview)
        exits.name_lines(report.problems)
        click.echo("Dry run: nothing was stored, and nothing called.", err=True)
    else:
        from orchestrator.views.previews import preview_object

        show_facts(preview_object(preview), output)
    return exits.DONE


async def _say_submitted(app: App, job: Job, *, calls_here: bool) -> None:
    from orchestrator.usecases.jobs.describe_job import describe_job

    named = f" ({job.name})" if job.name else ""
    click.echo(f"Job {job.id}{named} is submitted.", err=True)
    done_at = (await describe_job(app, job.id)).estimated_finish_at
    if (line := finish_line(done_at, app.clock.now(), calls_here=calls_here)) is not None:
        click.echo(line, err=True)
    _say_relay(job)
    from orchestrator.usecases.jobs.describe_jobs import unfinished_jobs

    others = await unfinished_jobs(app, other_than=job.id)
    if others:
        click.echo("Not finished besides this one; `muster job resume ID` goes on with a job:", err=True)
        for view in others:
            click.echo(unfinished_line(view), err=True)


def _say_relay(job: Job) -> None:
    """Prints, with the first job of an installation, that 204 means relayed and not completed."""
    if job.number == 1:
        from orchestrator.usecases.operations.check_tenant import RELAY

        click.echo(f"Good to know: {RELAY}", err=True)


def _say_nobody_works(job: Job | None, settings: Settings) -> None:
    here = "`muster serve`" + ("" if job is None else f", or call it here with `muster job resume {job.id}`")
    start = here if settings.is_embedded else "`muster worker`"
    click.echo(f"No worker is running: start {start}.", err=True)
