"""`run` and `submit` for several tenants: one job each, checked before any is stored, and one table of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import exits
from orchestrator.cli.bridge import Interrupt
from orchestrator.cli.foreground import Ending, follow_started, report_path, work_through
from orchestrator.cli.invocation import Format
from orchestrator.cli.launch import receive
from orchestrator.cli.output import show_rows
from orchestrator.cli.questions import is_wanted, notes_of, say_preview
from orchestrator.cli.submission import Submission
from orchestrator.cli.tenant_choice import worst
from orchestrator.domain.confirmation import asks_above
from orchestrator.domain.errors import IntakeFailed, MusterError
from orchestrator.domain.figures import plural
from orchestrator.domain.job import status_words
from orchestrator.domain.line_problem import LineProblem
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.jobs.submit_job import NotConfirmed, preview_job
from orchestrator.views.jobs import job_object
from orchestrator.views.previews import preview_object

if TYPE_CHECKING:
    from orchestrator.app import App
    from orchestrator.domain.job import Job
    from orchestrator.settings import Settings
    from orchestrator.usecases.jobs.describe_jobs import JobView
    from orchestrator.usecases.jobs.submit_job import Preview


@dataclass(frozen=True, slots=True)
class _Came:
    """The result of the submission for one tenant: a job with its exit code, or a problem."""

    tenant: str
    code: int
    view: JobView | None = None
    problem: MusterError | None = None


async def preview_several(app: App, settings: Settings, parts: Sequence[Submission], output: Format) -> int:
    """Say what each tenant's job would be; nothing is stored."""
    previews = await _previews(app, settings, parts)
    _with_devices(parts, previews)
    if output is Format.TABLE:
        for part, preview in zip(parts, previews, strict=True):
            click.echo(f"{part.tenant}:", err=True)
            say_preview(part.job.action, preview)
        click.echo("Dry run: nothing was stored, and nothing called.", err=True)
    else:
        objects = [
            {"tenant": part.tenant, **preview_object(preview)} for part, preview in zip(parts, previews, strict=True)
        ]
        show_rows(objects, output)
    return exits.DONE


@dataclass(frozen=True, slots=True)
class Several:
    """Submits one job a tenant. `calls_here` runs each in this process, `waits` watches each to its end."""

    app: App
    interrupt: Interrupt
    settings: Settings
    output: Format
    calls_here: bool
    waits: bool

    @property
    def _follows(self) -> bool:
        return self.calls_here or self.waits

    async def launch(self, parts: Sequence[Submission]) -> int:
        """Submit the jobs, see them through where that was asked for, and show them all; the highest code.

        Every list is read whole before the first job is stored, and the number of all devices is confirmed once. A
        tenant whose job cannot be stored or called keeps no other from its own.
        """
        previews = await _previews(self.app, self.settings, parts)
        kept = _with_devices(parts, previews)
        await _confirm(self.interrupt, self.settings, kept, sum(preview.report.good for preview in previews))
        if not self._follows:
            _say_notes(parts, previews)
        parts = kept
        came: list[_Came] = []
        for part in parts:
            if self.interrupt.is_raised:
                break
            if self._follows:
                click.echo(f"\n{part.tenant}:", err=True)
            try:
                came.append(await self._one(replace(part, yes=True)))
            except asyncio.CancelledError:
                self._end(parts, came)
                raise
        self._end(parts, came)
        return worst(each.code for each in came)

    def _end(self, parts: Sequence[Submission], came: Sequence[_Came]) -> None:
        left = [str(part.tenant) for part in parts[len(came) :]]
        if left:
            click.echo(f"Interrupted: nothing was submitted for {', '.join(left)}.", err=True)
        _show(came, self.output)

    async def _one(self, part: Submission) -> _Came:
        tenant = str(part.tenant)
        try:
            quiet = not self._follows
            job = await receive(
                self.app, self.interrupt, self.settings, part, calls_here=self.calls_here, is_quiet=quiet
            )
            code = await self._seen_through(job)
        except MusterError as problem:
            if self._follows:
                click.echo(f"muster: {problem}", err=True)
            return _Came(tenant, exits.code_of(problem), problem=problem)
        return _Came(tenant, code, await describe_job(self.app, job.id))

    async def _seen_through(self, job: Job) -> int:
        if not self._follows:
            return exits.DONE
        report = report_path(job.id, None) if self.calls_here else None
        ending = Ending(self.output, report, is_part=True)
        return await (work_through if self.calls_here else follow_started)(self.app, self.interrupt, job, ending)


async def _previews(app: App, settings: Settings, parts: Sequence[Submission]) -> list[Preview]:
    found = []
    for part in parts:
        async with part.stream(app, settings) as stream:
            try:
                preview = await preview_job(
                    app, part.request(settings), stream, file_name=part.file_name, options=part.intake(settings)
                )
            except IntakeFailed as failed:
                raise IntakeFailed(f"Tenant {part.tenant}: {failed}", failed.problems) from failed
        found.append(preview)
    return found


def _with_devices(parts: Sequence[Submission], previews: Sequence[Preview]) -> list[Submission]:
    """Returns the parts that have a device to call; IntakeFailed names the bad lines of all tenants, or no device.

    Where bad rows are skipped, a tenant that has no others is named with its lines.
    """
    bad = sum(preview.report.bad for preview in previews)
    if bad and not parts[0].skip_invalid:
        problems: list[LineProblem] = sorted(
            (each for preview in previews for each in preview.report.problems), key=lambda each: each.line
        )
        raise IntakeFailed(
            f"{plural(bad, 'line')} {'is' if bad == 1 else 'are'} bad, so nothing was submitted and nothing is called. "
            "Mend the file, or take the good rows with --skip-invalid.",
            tuple(problems),
        )
    without = [(part, preview) for part, preview in zip(parts, previews, strict=True) if not preview.report.good]
    if len(without) == len(parts):
        raise IntakeFailed(
            "No row is left to call: every one was rejected or is a duplicate.", previews[0].report.problems
        )
    for part, preview in without:
        click.echo(f"{part.tenant}: no row is left to call, so it gets no job.", err=True)
        exits.name_lines(preview.report.problems)
    return [part for part, preview in zip(parts, previews, strict=True) if preview.report.good]


async def _confirm(interrupt: Interrupt, settings: Settings, parts: Sequence[Submission], count: int) -> None:
    action = parts[0].job.action
    above = asks_above(action, settings.confirm_above)
    click.echo(f"{action}: {plural(count, 'device')} of {plural(len(parts), 'tenant')}.", err=True)
    if parts[0].yes or count <= above:
        return
    agreed = await asyncio.to_thread(is_wanted, action, count, above=above, is_interrupted=lambda: interrupt.is_raised)
    if interrupt.is_raised:
        raise KeyboardInterrupt
    if not agreed:
        raise NotConfirmed("Nothing was submitted.")


def _say_notes(parts: Sequence[Submission], previews: Sequence[Preview]) -> None:
    """Each note once, with the tenants that it is about."""
    about: dict[str, list[str]] = {}
    for part, preview in zip(parts, previews, strict=True):
        for note in notes_of(preview):
            about.setdefault(note, []).append(str(part.tenant))
    for note, tenants in about.items():
        click.echo(f"{', '.join(tenants)}: {note}", err=True)


def _show(came: Sequence[_Came], output: Format) -> None:
    if output.is_nested:
        show_rows([_object(each) for each in came], output, is_strict=False)
        return
    rows = [_row(each) for each in came]
    if not any(row["problem"] for row in rows):
        rows = [{name: value for name, value in row.items() if name != "problem"} for row in rows]
    click.echo("", err=True)
    show_rows(rows, output, rank=_RANK, folds={"problem"}, is_strict=False)


_RANK = ("tenant", "id", "status", "problem", "failed", "uncertain", "accepted", "devices", "left")


def _object(came: _Came) -> Mapping[str, Any]:
    if came.view is not None:
        return job_object(came.view)
    return {"id": None, "tenant": came.tenant, "problem": str(came.problem)}


def _row(came: _Came) -> dict[str, Any]:
    if came.view is None:
        names = ("id", "devices", "accepted", "failed", "uncertain", "left")
        return {"tenant": came.tenant, **dict.fromkeys(names), "status": "not called", "problem": str(came.problem)}
    tally = came.view.tally
    return {
        "tenant": came.tenant,
        "id": came.view.job.id,
        "status": status_words(came.view.status, tally),
        "devices": tally.total,
        "accepted": tally.accepted,
        "failed": tally.failed,
        "uncertain": tally.uncertain,
        "left": tally.waiting + tally.sending,
        "problem": "",
    }
