"""Follows one job to its end, in this process or in workers; then prints the summary and writes the report."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli import exits
from orchestrator.cli.bridge import Interrupt
from orchestrator.cli.invocation import Format, actor
from orchestrator.cli.job_text import show_job
from orchestrator.cli.progress import LOOK, Progress, open_progress
from orchestrator.cli.report_file import STANDARD_OUTPUT, write_report
from orchestrator.domain.errors import IllegalMove, NoWorkerRunning, TenantChanged, TryLater
from orchestrator.domain.job import JobStatus
from orchestrator.domain.waiting import WaitKind
from orchestrator.engine.driver import PATIENCE, drive_job
from orchestrator.engine.garbage_collection import tune_garbage_collection
from orchestrator.telemetry.logger import get_logger
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.jobs.describe_jobs import JobView
from orchestrator.usecases.jobs.job_lane import rebind_hint
from orchestrator.usecases.jobs.pause_job import pause_job
from orchestrator.usecases.jobs.write_report import report_text
from orchestrator.usecases.operations.live_processes import has_worker
from orchestrator.usecases.operations.send_notices import send_notices_now

if TYPE_CHECKING:
    from orchestrator.app import App
    from orchestrator.domain.job import Job
    from orchestrator.engine.stop import StopSignal

log = get_logger(__name__)

_PROMPT = 1.5
"""Seconds within which a database says how a job stands, unless it is slow."""


@dataclass(frozen=True, slots=True)
class Ending:
    """The steps at the end of a job: `report` None writes no report, `aside` is printed first.

    `is_part` marks one of several jobs, which are shown together later.
    """

    output: Format
    report: Path | None = None
    is_quiet: bool = False
    aside: Callable[[], None] | None = None
    is_part: bool = False


async def work_through(app: App, interrupt: Interrupt, job: Job, ending: Ending) -> int:
    """Call the devices of the job here; interrupted, it is paused."""
    with open_progress() as progress, interrupt.gently() as stop:
        showing = asyncio.create_task(show_until_at_rest(app, job, progress, stop))
        pausing = asyncio.create_task(_pause_when_told(app, job, stop))
        tune_garbage_collection()
        try:
            await drive_job(app, stop, job)
            if stop.is_requested:
                await pausing
        finally:
            await _end(showing, pausing)
    code = await conclude(app, job, ending, interrupted=interrupt.is_raised)
    await send_notices_now(app)
    return code


async def follow(app: App, interrupt: Interrupt, job: Job, ending: Ending, *, pauses: bool) -> int:
    """Watch until the job is at rest; `pauses` says whether Ctrl-C pauses it, or only ends the watching."""
    with open_progress(is_quiet=ending.is_quiet) as progress, interrupt.gently() as stop:
        await show_until_at_rest(app, job, progress, stop, is_ours=pauses)
        if stop.is_requested and pauses:
            await _pause_when_told(app, job, stop)
            await _let_go(app, job)
    return await conclude(app, job, ending, interrupted=interrupt.is_raised)


async def follow_started(app: App, interrupt: Interrupt, job: Job, ending: Ending) -> int:
    """Watch a job that was started here for others to do; NoWorkerRunning where there are none."""
    if not await has_worker(app):
        raise NoWorkerRunning(
            f"Job {job.id} is stored, and no worker is running: start `muster serve`, or with a broker "
            "`muster worker`. "
            f"`muster job watch {job.id}` follows it."
        )
    return await follow(app, interrupt, job, ending, pauses=True)


async def conclude(app: App, job: Job, ending: Ending, *, interrupted: bool) -> int:
    """Write the report of the job, then say how the job stands; the exit code.

    The report comes first: the reader of the output may close the pipe, and printing may fail.
    """
    view = await describe_job(app, job.id)
    code = exits.code_of_job(view.status, view.tally, interrupted=interrupted)
    written: Path | TryLater | None = None
    if ending.report is not None and code != exits.INTERRUPTED:
        try:
            written = await write_report(report_text(app, job.id), ending.report, job=job.id)
        except TryLater as problem:
            written = problem
    if ending.aside is not None:
        ending.aside()
    if not ending.is_part:
        show_job(view, ending.output, is_quiet=ending.is_quiet, err=ending.report == STANDARD_OUTPUT)
    if code == exits.INTERRUPTED:
        _say_how_to_go_on(view)
    elif isinstance(written, TryLater):
        click.echo(f"muster: {written}", err=True)
        return code or exits.UNAVAILABLE
    elif written is not None and written != STANDARD_OUTPUT:
        _say_where(written, ending)
    return code


def _say_where(written: Path, ending: Ending) -> None:
    if written != ending.report:
        click.echo(
            f"{ending.report} could not be replaced, so the report has a second name. Is it open in another program?",
            err=True,
        )
    click.echo(f"\nReport: {written.absolute()}", err=ending.is_part or ending.output is not Format.TABLE)


def report_path(job: str, wanted: Path | None) -> Path:
    """Where the report of a job goes."""
    return wanted or Path(f"muster-{job}.csv")


async def show_until_at_rest(
    app: App, job: Job, progress: Progress, stop: StopSignal, *, is_ours: bool = False
) -> None:
    """Show the job until it rests; TenantChanged where no worker can call the devices of one that was started here."""
    while not stop.is_requested:
        try:
            view = await _seen(app, job, progress)
        except TryLater as problem:
            log.warning("job.not_seen", job=job.id, reason=str(problem))
            progress.show_unseen(str(problem))
        else:
            progress.show(view)
            if view.status.is_at_rest:
                return
            if is_ours and view.waiting_for is not None and view.waiting_for.kind is WaitKind.TENANT_CHANGED:
                raise TenantChanged(f"{view.waiting_for.message} {rebind_hint(job.id)}")
        await _told_within(stop, LOOK)


async def _seen(app: App, job: Job, progress: Progress) -> JobView:
    """The job as it stands; a database that takes long to say so is named meanwhile."""
    looking = asyncio.ensure_future(describe_job(app, job.id))
    try:
        await asyncio.wait([looking], timeout=_PROMPT)
        if not looking.done():
            progress.show_unseen(f"The database has not answered for {_PROMPT:g} s: how the job stands cannot be seen.")
        return await looking
    finally:
        looking.cancel()


async def _told_within(stop: StopSignal, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


async def _pause_when_told(app: App, job: Job, stop: StopSignal) -> None:
    # At once, and not after the last answer: otherwise a service on the same database would take the work up.
    await stop.wait()
    try:
        await pause_job(app, job.id, by=actor(), reason="interrupted")
    except IllegalMove:
        return  # it came to its end meanwhile


async def _let_go(app: App, job: Job) -> None:
    """Until the workers have let go of the job, at most as long as they wait for answers on their way."""
    for _ in range(round(PATIENCE / LOOK)):
        if (await describe_job(app, job.id)).status.is_at_rest:
            return
        await asyncio.sleep(LOOK)


def _say_how_to_go_on(view: JobView) -> None:
    if view.status.is_at_rest:
        click.echo(f"Interrupted: what is known is recorded. `muster job resume {view.job.id}` goes on.", err=True)
    elif view.status is JobStatus.PAUSING:
        click.echo(
            "Interrupted: the job is pausing, until the process that holds a part of it lets go or its lease ends. "
            f"`muster job resume {view.job.id}` goes on.",
            err=True,
        )
    else:
        click.echo(f"No longer watching; the job goes on. `muster job pause {view.job.id}` would pause it.", err=True)


async def _end(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception) and not isinstance(result, TryLater):
            raise result
