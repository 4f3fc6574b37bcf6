"""`muster schedule …`: jobs that are submitted by themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli.invocation import (
    Format,
    Invocation,
    actor,
    output_option,
    pass_invocation,
    reason_option,
    yes_option,
)
from orchestrator.cli.schedule_options import (
    OnlyGiven,
    change_options,
    new_schedule,
    recurrence_options,
    schedule_options,
    written_change,
)
from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.schedule import ScheduleStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.app import App
    from orchestrator.usecases.jobs.describe_jobs import JobView
    from orchestrator.usecases.schedules.describe_schedules import OccurrenceView, ScheduleView

_NAME = click.argument("name", metavar="NAME")
_LIST_RANK = ("name", "status", "next", "tenant", "last", "recurrence", "action", "list", "reason")


@click.command()
@_NAME
@schedule_options
@output_option
@pass_invocation
def add(invocation: Invocation, /, **options: Any) -> None:
    """Submit a job at set times: by --cron, --every so often, or once --at a time.

    A saved list is submitted as it was last imported; a --group, conditions (--where) and devices are expanded anew for
    each run. A run whose selection is empty, or shrank by more than half, waits for a person.
    """
    from orchestrator.usecases.operations.live_processes import has_clock
    from orchestrator.usecases.schedules.add_schedule import add_schedule

    new = new_schedule(invocation.settings(), options)

    async def ask(app: App) -> tuple[ScheduleView, bool]:
        return await add_schedule(app, new, by=actor()), await has_clock(app)

    view, is_kept = invocation.ask(ask)
    if invocation.output is Format.TABLE:
        click.echo(f"Schedule {new.name} is added.", err=True)
    if not is_kept:
        start = "`muster serve`" if invocation.settings().is_embedded else "`muster clock`"
        click.echo(f"No clock is running: no schedule fires before {start} runs.", err=True)
    # With jitter each of them is another few minutes short: the first says enough, and the table says the others.
    for late in [mark for occurrence in view.upcoming for mark in occurrence.marks if mark.startswith("window: ")][:1]:
        click.echo(f"muster: note: {late}.", err=True)
    if invocation.output is not Format.TABLE and view.problem:
        click.echo(f"muster: note: {view.problem}", err=True)
    _show(invocation, view)


@click.command("list")
@output_option
@pass_invocation
def list_(invocation: Invocation) -> None:
    """Every schedule with its next run."""
    from orchestrator.cli.output import show_rows
    from orchestrator.usecases.schedules.describe_schedules import list_schedules, unreadable_schedules

    async def ask(app: App) -> tuple[list[ScheduleView], list[str]]:
        return await list_schedules(app), await unreadable_schedules(app)

    views, unreadable = invocation.ask(ask)
    for problem in unreadable:
        click.echo(f"muster: note: {problem}", err=True)
    if invocation.output is not Format.TABLE:
        from orchestrator.views.schedules import ScheduleFacts, schedule_object

        rows = [schedule_object(view) for view in views]
        show_rows(rows, invocation.output, names=ScheduleFacts.__annotations__)
    elif views:
        from orchestrator.views.schedule_words import schedule_row

        show_rows([schedule_row(view) for view in views], invocation.output, rank=_LIST_RANK)
    else:
        click.echo("No schedules yet. `muster schedule add NAME --cron …` makes one.", err=True)


@click.command()
@_NAME
@output_option
@pass_invocation
def show(invocation: Invocation, name: str) -> None:
    """One schedule: its rules, how it stands, and its next ten runs."""
    from orchestrator.usecases.schedules.describe_schedules import describe_schedule

    _show(invocation, invocation.ask(lambda app: describe_schedule(app, name)))


@click.command(cls=OnlyGiven)
@_NAME
@change_options
@output_option
@pass_invocation
def change(invocation: Invocation, /, name: str, **options: Any) -> None:
    """Change what is given, and leave all else of the schedule as it is.

    `none` takes away an --until, a --name, a --reason or every --notify; --notify names all channels anew.
    """
    from orchestrator.usecases.schedules.change_schedule import change_schedule

    wanted = written_change(options)
    changed = invocation.ask(lambda app: change_schedule(app, name, wanted, by=actor()))
    if invocation.output is Format.TABLE:
        for part, words in changed.differences.items():
            click.echo(f"{part}: {words}", err=True)
        status = changed.view.schedule.status
        still = "" if status is ScheduleStatus.ACTIVE else f"; it is {status} (`muster schedule resume {name}`)"
        click.echo(f"Schedule {name} is {'changed' if changed.differences else 'as it was'}{still}.", err=True)
    _show(invocation, changed.view)


@click.command()
@click.argument("name", metavar="[NAME]", required=False)
@recurrence_options
@click.option(
    "--from", "start", metavar="TIME", help="From when on, such as 2026-03-28 or 2026-03-28T00:00Z; else now."
)
@click.option("--count", type=click.IntRange(1, 10_000), default=10, show_default=True, help="How many.")
@output_option
@pass_invocation
def preview(
    invocation: Invocation,
    name: str | None,
    *,
    cron: str | None,
    every: str | None,
    at: str | None,
    timezone: str,
    start: str | None,
    count: int,
) -> None:
    """The next runs of schedule NAME, or of a recurrence that is none yet, in local time and UTC."""
    from orchestrator.cli.output import show_rows
    from orchestrator.domain.recurrence import recurrence_of
    from orchestrator.domain.zones import zone_of
    from orchestrator.usecases.schedules.describe_schedules import (
        describe_schedule,
        preview_recurrence,
        preview_schedule,
    )
    from orchestrator.views.schedules import NextOccurrence, occurrence_object

    if (name is None) == (cron is None and every is None and at is None):
        raise RequestRejected("Give the name of a schedule, or one of --cron, --every and --at.")
    if name is None:
        zone_of(timezone)
        after = _start(start, timezone)
        recurrence = recurrence_of(cron, every, at, timezone, now=after)
        views = preview_recurrence(recurrence, after=after, count=count)
    else:

        async def ask(app: App) -> list[OccurrenceView]:
            zone = (await describe_schedule(app, name, count=1)).schedule.recurrence.timezone
            after = None if start is None else _start(start, zone)
            return await preview_schedule(app, name, after=after, count=count)

        views = invocation.ask(ask)
    rows = [occurrence_object(view) for view in views]
    if invocation.output is Format.TABLE and not rows:
        click.echo("There is no further run.", err=True)
        return
    if invocation.output is Format.TABLE:
        _show_occurrences(views)
    else:
        show_rows(rows, invocation.output, names=NextOccurrence.__annotations__)


@click.command()
@_NAME
@reason_option
@output_option
@pass_invocation
def pause(invocation: Invocation, name: str, *, reason: str | None) -> None:
    """Start no further run."""
    from orchestrator.usecases.schedules.pause_schedule import pause_schedule

    view = invocation.ask(lambda app: pause_schedule(app, name, by=actor(), reason=reason))
    _say_moved(invocation, view)


@click.command()
@_NAME
@reason_option
@output_option
@pass_invocation
def resume(invocation: Invocation, name: str, *, reason: str | None) -> None:
    """Resume a schedule that was paused or set aside."""
    from orchestrator.usecases.schedules.resume_schedule import resume_schedule

    _say_moved(invocation, invocation.ask(lambda app: resume_schedule(app, name, by=actor(), reason=reason)))


@click.command()
@_NAME
@reason_option
@yes_option
@click.option(
    "--report", type=click.Path(path_type=Path), help="Where the report goes; by default muster-<job id>.csv."
)
@click.option("--accept", is_flag=True, help="Run a selection although it shrank by more than half.")
@output_option
@pass_invocation
def run(invocation: Invocation, name: str, *, reason: str | None, yes: bool, report: Path | None, accept: bool) -> int:
    """A job of the schedule now, outside its recurrence and its window: here, unless a service takes it."""
    from orchestrator.cli.go_on import launch_schedule

    return launch_schedule(invocation, name, reason=reason, report=report, yes=yes, accept=accept)


@click.command()
@_NAME
@reason_option
@pass_invocation
def remove(invocation: Invocation, name: str, *, reason: str | None) -> None:
    """Remove a schedule and its history; its jobs stay."""
    from orchestrator.usecases.schedules.remove_schedule import remove_schedule

    invocation.ask(lambda app: remove_schedule(app, name, by=actor(), reason=reason))
    click.echo(f"Schedule {name} is removed; its jobs stay.", err=True)


@click.command()
@_NAME
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="How many.")
@output_option
@pass_invocation
def history(invocation: Invocation, name: str, *, limit: int) -> None:
    """Every occurrence with its result and the reason, newest first, also those that did not run."""
    from orchestrator.cli.output import show_rows
    from orchestrator.usecases.jobs.describe_jobs import standings_of
    from orchestrator.usecases.schedules.describe_schedules import schedule_history
    from orchestrator.views.schedules import PastOccurrence, history_object

    async def ask(app: App) -> list[dict[str, object]]:
        schedule, occurrences = await schedule_history(app, name, limit=limit)
        standings = await standings_of(
            app, {occurrence.job for occurrence in occurrences if occurrence.job is not None}
        )
        return [
            {**history_object(each, schedule), **_ended(standings.get(each.job) if each.job else None)}
            for each in occurrences
        ]

    rows = invocation.ask(ask)
    if invocation.output is Format.TABLE and not rows:
        click.echo("Nothing yet: no run of this schedule was due, and none was started by hand.", err=True)
        return
    columns = ("local", "status", "job", "jobStatus", "accepted", "failed", "uncertain", "listVersion", "reason")
    rank = ("local", "status", "job", "reason", "failed", "jobStatus", "uncertain", "accepted", "listVersion")
    names = (*PastOccurrence.__annotations__, *_ended(None))
    show_rows(rows, invocation.output, columns=columns, rank=rank, names=names)


def _ended(view: JobView | None) -> dict[str, object]:
    """How the job of an occurrence stands; nothing where there is none, or where it was removed since."""
    from orchestrator.domain.job import status_words

    if view is None:
        return dict.fromkeys(("jobStatus", "accepted", "failed", "uncertain"))
    tally = view.tally
    return {
        "jobStatus": status_words(view.status, tally),
        "accepted": tally.accepted,
        "failed": tally.failed,
        "uncertain": tally.uncertain,
    }


def _show(invocation: Invocation, view: ScheduleView) -> None:
    from orchestrator.cli.output import show_facts
    from orchestrator.views.schedule_words import schedule_words
    from orchestrator.views.schedules import schedule_object

    if invocation.output is not Format.TABLE:
        show_facts(schedule_object(view), invocation.output)
        return
    show_facts(schedule_words(view), Format.TABLE)
    if view.upcoming:
        click.echo("")
        _show_occurrences(view.upcoming)


def _show_occurrences(views: Sequence[OccurrenceView]) -> None:
    """A table of runs to come: the times of the schedule's zone and of UTC, not those of this machine."""
    from orchestrator.cli.output import show_rows
    from orchestrator.views.schedules import occurrence_object

    show_rows([{**occurrence_object(each), "utc": each.at.isoformat()} for each in views], Format.TABLE)


def _say_moved(invocation: Invocation, view: ScheduleView) -> None:
    if invocation.output is not Format.TABLE:
        _show(invocation, view)
        return
    following = f"; next at {view.upcoming[0].local:%Y-%m-%d %H:%M %Z}" if view.upcoming else ""
    click.echo(f"Schedule {view.schedule.name} is {view.schedule.status}{following}.", err=True)


def _start(text: str | None, timezone: str) -> datetime:
    """From this time on, itself included; a local time where it names no zone."""
    from orchestrator.domain.zones import instant_at, zone_of

    if text is None:
        return datetime.now(UTC)
    try:
        given = datetime.fromisoformat(text.strip())
    except ValueError:
        raise RequestRejected(f"{text!r} is no time; --from takes 2026-03-28T00:00 or 2026-03-28T00:00Z.") from None
    occurrence = instant_at(given, zone_of(timezone)) if given.tzinfo is None else given.astimezone(UTC)
    return occurrence - timedelta(microseconds=1)
