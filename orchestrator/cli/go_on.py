"""What `job resume` and `retry` and `schedule run` do: seeing a job through that was there before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from orchestrator.app import App
from orchestrator.cli.bridge import Interrupt
from orchestrator.cli.foreground import Ending, follow_started, report_path, work_through
from orchestrator.cli.invocation import Invocation, actor
from orchestrator.cli.launch import with_app
from orchestrator.cli.questions import Agreement
from orchestrator.cli.report_file import refuse_both, refuse_unwritable
from orchestrator.domain.errors import IllegalMove, RequestRejected, TenantChanged, UnknownTenant
from orchestrator.domain.figures import plural
from orchestrator.domain.job import Job
from orchestrator.domain.target import TargetStatus
from orchestrator.settings import Settings
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.jobs.resume_job import resume_job
from orchestrator.usecases.jobs.retry_job import RetryWish, preview_retry, retry_job
from orchestrator.usecases.operations.check_way import check_way_to_resume, check_way_to_retry, check_way_to_run
from orchestrator.usecases.operations.live_processes import has_worker
from orchestrator.usecases.schedules.run_schedule import run_schedule


def launch_resume(
    invocation: Invocation,
    wanted: str,
    *,
    reason: str | None,
    report: Path | None,
    yes: bool,
    rebind: bool = False,
) -> int:
    """Go on with a job: here, unless others take it."""
    settings = invocation.settings()
    refuse_both(report, invocation.output)
    refuse_unwritable(report or Path("muster-report.csv"))

    async def work(app: App, interrupt: Interrupt) -> int:
        try:
            if await _calls_here(app, settings):
                await check_way_to_resume(app, wanted, by=actor(), rebind=rebind)
            resumed = await _agreement(settings, interrupt, yes=yes).carry_out(
                lambda confirm: resume_job(app, wanted, by=actor(), reason=reason, rebind=rebind, confirm=confirm)
            )
        except IllegalMove as refusal:
            raise await _what_else(app, wanted, refusal) from None
        job = resumed.job
        return await _see_through(app, interrupt, job, settings, Ending(invocation.output, report_path(job.id, report)))

    return with_app(settings, work, kind="run" if settings.is_embedded else "ask")


def launch_retry(
    invocation: Invocation,
    wanted: str,
    *,
    statuses: Sequence[TargetStatus],
    code: str | None,
    search: str | None,
    reason: str | None,
    report: Path | None,
    yes: bool,
) -> int:
    """Make the linked job, and see it through: here, unless others take it."""
    settings = invocation.settings()
    refuse_both(report, invocation.output)
    refuse_unwritable(report or Path("muster-report.csv"))

    async def work(app: App, interrupt: Interrupt) -> int:
        if await _calls_here(app, settings):
            await check_way_to_retry(app, wanted)
        job = await _agreement(settings, interrupt, yes=yes).carry_out(
            lambda confirm: retry_job(
                app, wanted, statuses=statuses, code=code, search=search, by=actor(), reason=reason, confirm=confirm
            )
        )
        click.echo(f"Job {job.id} retries {plural(job.intake.rows, 'device')} of {job.retry_of}.", err=True)
        wish = RetryWish(frozenset(statuses), code, search)
        left_out = (await preview_retry(app, job.retry_of or wanted, wish)).left_out
        if left_out:
            click.echo(
                f"Left out: {plural(left_out, 'device')} that failed for good (gone, or not able to take the action). "
                f"`muster job retry {job.retry_of} --status failed` calls them all the same.",
                err=True,
            )
        return await _see_through(app, interrupt, job, settings, Ending(invocation.output, report_path(job.id, report)))

    return with_app(settings, work, kind="run" if settings.is_embedded else "ask")


def launch_schedule(
    invocation: Invocation, name: str, *, reason: str | None, report: Path | None, yes: bool, accept: bool = False
) -> int:
    """Make a job of a schedule now, and see it through: here, unless others take it."""
    settings = invocation.settings()
    refuse_both(report, invocation.output)
    refuse_unwritable(report or Path("muster-report.csv"))

    async def work(app: App, interrupt: Interrupt) -> int:
        try:
            if await _calls_here(app, settings):
                await check_way_to_run(app, name)
            job = await _agreement(settings, interrupt, yes=yes).carry_out(
                lambda confirm: run_schedule(app, name, by=actor(), reason=reason, confirm=confirm, accept=accept)
            )
        except UnknownTenant as lost:
            # The schedule knew it: the settings changed since, and nothing about this command is wrong.
            raise TenantChanged(str(lost)) from lost
        click.echo(f"Job {job.id} of schedule {name} is submitted.", err=True)
        return await _see_through(app, interrupt, job, settings, Ending(invocation.output, report_path(job.id, report)))

    return with_app(settings, work, kind="run" if settings.is_embedded else "ask")


async def _calls_here(app: App, settings: Settings) -> bool:
    """Whether this process will call the devices: the way is only worth a look where the calls leave."""
    return settings.is_embedded and not await has_worker(app)


async def _what_else(app: App, wanted: str, refusal: IllegalMove) -> RequestRejected:
    """Returns the refusal for a job that has ended, with the command that helps instead."""
    view = await describe_job(app, wanted)
    left = [status for status in ("failed", "uncertain", "cancelled") if getattr(view.tally, status)]
    if not view.status.is_final:
        return refusal
    if not left:
        return RequestRejected(f"Job {view.job.id} is {view.status}, and nothing of it is left to call.")
    which = "" if left == ["failed"] else f" --status {','.join(left)}"
    return RequestRejected(
        f"Job {view.job.id} is {view.status}: it does not go on. `muster job retry {view.job.id}{which}` makes a new "
        f"job of the devices that are {' or '.join(left)}."
    )


def _agreement(settings: Settings, interrupt: Interrupt, *, yes: bool) -> Agreement:
    return Agreement(confirm_above=settings.confirm_above, is_agreed=yes, is_interrupted=lambda: interrupt.is_raised)


async def _see_through(app: App, interrupt: Interrupt, job: Job, settings: Settings, ending: Ending) -> int:
    if await _calls_here(app, settings):
        return await work_through(app, interrupt, job, ending)
    return await follow_started(app, interrupt, job, ending)
