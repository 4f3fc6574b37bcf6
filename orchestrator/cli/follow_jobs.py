"""What `job watch` and `job wait` do: following jobs that others work on, and how they ended."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import click

from orchestrator.app import App
from orchestrator.cli import exits
from orchestrator.cli.bridge import Interrupt
from orchestrator.cli.foreground import Ending, follow, show_until_at_rest
from orchestrator.cli.invocation import Format, Invocation
from orchestrator.cli.job_text import show_job, show_jobs
from orchestrator.cli.launch import with_app
from orchestrator.cli.progress import open_progress_of
from orchestrator.cli.tenant_choice import worst
from orchestrator.domain.figures import plural
from orchestrator.domain.job import Job
from orchestrator.domain.spans import span
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.jobs.describe_jobs import JobView, list_running
from orchestrator.usecases.operations.list_attention import MOST_RUNNING


def launch_follow(
    invocation: Invocation, wanted: Sequence[str], *, is_quiet: bool = False, timeout: float | None = None
) -> int:
    """Follow these jobs, or all that run now, for so many seconds at most; the worst of their exit codes.

    Ctrl-C ends the following and not the jobs.
    """
    settings = invocation.settings()

    async def work(app: App, interrupt: Interrupt) -> int:
        jobs = await _jobs(app, wanted)
        if not jobs:
            click.echo("No job is running.", err=True)
            return exits.DONE
        try:
            async with asyncio.timeout(timeout) as limit:
                if len(jobs) == 1:
                    ending = Ending(invocation.output, is_quiet=is_quiet)
                    return await follow(app, interrupt, jobs[0], ending, pauses=False)
                return await _follow_all(app, interrupt, jobs, invocation.output, is_quiet=is_quiet)
        except TimeoutError:
            if not limit.expired():
                raise
        return await _say_timeout(app, jobs, invocation.output, timeout or 0.0)

    return with_app(settings, work, kind="ask")


async def _jobs(app: App, wanted: Sequence[str]) -> list[Job]:
    if not wanted:
        return [view.job for view in (await list_running(app, limit=MOST_RUNNING))[0]]
    found = [(await describe_job(app, each)).job for each in wanted]
    return list({job.id: job for job in found}.values())


async def _follow_all(app: App, interrupt: Interrupt, jobs: Sequence[Job], output: Format, *, is_quiet: bool) -> int:
    with open_progress_of([job.id for job in jobs], is_quiet=is_quiet) as shown, interrupt.gently() as stop:
        await asyncio.gather(*(show_until_at_rest(app, job, shown[job.id], stop) for job in jobs))
    views = [await describe_job(app, job.id) for job in jobs]
    _show(views, output, is_quiet=is_quiet)
    return worst(exits.code_of_job(view.status, view.tally, interrupted=interrupt.is_raised) for view in views)


async def _say_timeout(app: App, jobs: Sequence[Job], output: Format, seconds: float) -> int:
    """Exit code 5, unless all jobs came to rest in the last moment."""
    views = [await describe_job(app, job.id) for job in jobs]
    left = [view for view in views if not view.status.is_at_rest]
    _show(views, output, is_quiet=True)
    if not left:
        return worst(exits.code_of_job(view.status, view.tally, interrupted=False) for view in views)
    go_on = "goes on" if len(left) == 1 else "go on"
    click.echo(f"{span(seconds)} are over, and {plural(len(left), 'job')} {go_on}.", err=True)
    return exits.TIME_IS_OVER


def _show(views: Sequence[JobView], output: Format, *, is_quiet: bool) -> None:
    if len(views) > 1 and output is not Format.TABLE:
        show_jobs(views, output)
        return
    for view in views:
        show_job(view, output, is_quiet=is_quiet)
