"""`muster schedule blackout add`, `list` and `remove`: times in which no schedule starts a job."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from orchestrator.cli.invocation import Format, Invocation, actor, output_option, pass_invocation
from orchestrator.domain.errors import RequestRejected


@click.command()
@click.argument("dates", metavar="[DATES]…", nargs=-1)
@click.option("--file", "files", type=click.Path(path_type=Path), multiple=True, help="An iCalendar file.")
@click.option("--schedule", metavar="NAME", help="For this schedule alone.")
@click.option("--tenant", metavar="NAME", help="For every schedule of this tenant; else for all.")
@click.option("--reason", metavar="TEXT", help="What people read when a run does not start.")
@pass_invocation
def add(
    invocation: Invocation,
    dates: tuple[str, ...],
    *,
    files: tuple[Path, ...],
    schedule: str | None,
    tenant: str | None,
    reason: str | None,
) -> None:
    """Keep DATES free: 2026-12-24, 2026-12-24..2027-01-02 or 2026-12-24T18:00..2026-12-25T06:00, local to each zone."""
    from dataclasses import replace

    from orchestrator.cli.schedule_options import blackouts_of
    from orchestrator.usecases.schedules.change_blackouts import add_blackouts

    if not dates and not files:
        raise RequestRejected("Give dates, or a calendar with --file.")
    found = blackouts_of(dates, files, now=datetime.now(UTC))
    named = [each if each.reason or reason is None else replace(each, reason=reason) for each in found]
    invocation.ask(lambda app: add_blackouts(app, named, schedule=schedule, tenant=tenant, by=actor()))
    whom = f"schedule {schedule}" if schedule else f"tenant {tenant}" if tenant else "all schedules"
    click.echo(f"{len(named):,} {'blackout' if len(named) == 1 else 'blackouts'} added for {whom}.", err=True)


@click.command("list")
@output_option
@pass_invocation
def list_(invocation: Invocation) -> None:
    """Every blackout, and for whom it holds."""
    from orchestrator.cli.output import show_rows
    from orchestrator.usecases.schedules.change_blackouts import list_blackouts
    from orchestrator.views.blackouts import ListedBlackout, listed_blackout_object

    rows = [*map(listed_blackout_object, invocation.ask(list_blackouts))]
    if invocation.output is Format.TABLE and not rows:
        click.echo("No blackouts.", err=True)
        return
    columns = ("number", "from", "to", "for", "reason")
    show_rows(rows, invocation.output, columns=columns, names=ListedBlackout.__annotations__)


@click.command()
@click.argument("number", type=int)
@pass_invocation
def remove(invocation: Invocation, number: int) -> None:
    """Remove the blackout of this number."""
    from orchestrator.usecases.schedules.change_blackouts import remove_blackout

    invocation.ask(lambda app: remove_blackout(app, number, by=actor()))
    click.echo(f"Blackout {number} is removed.", err=True)
