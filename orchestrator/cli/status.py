"""`muster status`: is everything fine, what runs and why it waits, what is next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orchestrator.cli import exits
from orchestrator.cli.invocation import Format, Invocation, actor, output_option, pass_invocation
from orchestrator.domain.errors import RequestRejected

if TYPE_CHECKING:
    from orchestrator.domain.attention import AttentionItem
    from orchestrator.usecases.jobs.describe_jobs import JobView
    from orchestrator.usecases.operations.describe_status import StatusView
    from orchestrator.usecases.schedules.describe_schedules import ScheduleView


@click.command()
@click.option("--acknowledge", "item", metavar="ITEM", help="Show this item no more, by its id or its subject.")
@click.option("--reason", metavar="TEXT", help="Why; --acknowledge needs it, and the audit log keeps it.")
@output_option
@pass_invocation
def status(invocation: Invocation, *, item: str | None, reason: str | None) -> int:
    """Show the items that need attention, the jobs under way with what they wait for, and the next runs.

    Exits with 0 where nothing needs attention, else with 1: a monitoring system can call it as it is.
    """
    from orchestrator.usecases.operations.describe_status import describe_status

    if item is not None:
        return _acknowledge(invocation, item, reason)
    if reason is not None:
        raise RequestRejected("--reason belongs to --acknowledge ITEM.")
    view = invocation.ask(describe_status)
    _show(view, invocation.output)
    return exits.DONE if view.is_well else exits.SOME_FAILED


def _acknowledge(invocation: Invocation, item: str, reason: str | None) -> int:
    from orchestrator.usecases.operations.list_attention import acknowledge

    if not (reason or "").strip():
        raise RequestRejected("An acknowledgement needs a reason: --reason TEXT.")
    done = invocation.ask(lambda app: acknowledge(app, item, reason=reason or "", by=actor()))
    click.echo(f"Acknowledged {done.id}: it is shown again if it begins anew.", err=True)
    if invocation.output is not Format.TABLE:
        from orchestrator.cli.output import show_facts
        from orchestrator.views.status import attention_object

        show_facts(attention_object(done), invocation.output)
    return exits.DONE


def _show(view: StatusView, output: Format) -> None:
    if output is Format.TABLE:
        _say_attention(view.attention)
        _say_running(view.running)
        _say_next(view.upcoming)
        return
    from orchestrator.cli.output import show_facts, show_rows
    from orchestrator.views.status import AttentionFacts, status_object

    facts = status_object(view)
    if output.is_nested:
        show_facts(facts, output)
    else:
        # One table alone: what a monitoring system counts.
        show_rows(facts["attention"], output, names=AttentionFacts.__annotations__)


def _say_attention(items: tuple[AttentionItem, ...]) -> None:
    from orchestrator.cli.terminal import Styled, say
    from orchestrator.domain.attention import Severity
    from orchestrator.domain.figures import local, plural
    from orchestrator.domain.plain_text import shown

    if not items:
        say(Styled("Nothing needs attention.", fg="green", bold=True))
        return
    needs = "needs" if len(items) == 1 else "need"
    say(Styled(f"{plural(len(items), 'item')} {needs} attention.", fg="red", bold=True))
    for item in items:
        colour = "red" if item.severity is Severity.CRITICAL else "yellow"
        say("")
        say(Styled(item.severity.value, fg=colour, bold=True), f"  {item.id}  since {local(item.since)}")
        say(f"  {shown(item.sentence)}")
        say(f"  {item.remedy.label}: ", Styled(item.remedy.command, bold=True))


def _say_running(jobs: tuple[JobView, ...]) -> None:
    from orchestrator.domain.spans import span

    rows = [
        {
            "id": view.job.id,
            "status": view.status.value,
            "action": view.job.action.value,
            "tenant": view.job.tenant,
            "schedule": view.job.schedule or "",
            "done": f"{view.tally.settled:,} of {view.tally.total:,}",
            "left": "" if view.seconds_left is None else span(view.seconds_left),
            "waiting for": "" if view.waiting_for is None else view.waiting_for.message,
        }
        for view in jobs
    ]
    rank = ("id", "status", "waiting for", "done", "left", "action", "schedule", "tenant")
    _say_table("Running", rows, rank, folds="waiting for", none="No job is running.")


def _say_next(schedules: tuple[ScheduleView, ...]) -> None:
    from orchestrator.domain.figures import local

    rows = [
        {
            "schedule": view.schedule.name,
            "at": local(view.upcoming[0].at),
            "action": view.schedule.order.action.value,
            "list": view.schedule.order.devices_of,
            "tenant": view.schedule.order.tenant,
            "marks": "; ".join(view.upcoming[0].marks),
        }
        for view in schedules
    ]
    rank = ("schedule", "at", "marks", "action", "list", "tenant")
    _say_table("Next", rows, rank, folds="marks", none="No schedule is due.")


def _say_table(title: str, rows: list[dict[str, str]], rank: tuple[str, ...], *, folds: str, none: str) -> None:
    from orchestrator.cli.output import show_rows
    from orchestrator.cli.terminal import Styled, say

    say("")
    if not rows:
        say(none)
        return
    say(Styled(title, bold=True))
    show_rows(rows, Format.TABLE, rank=rank, folds={folds})
