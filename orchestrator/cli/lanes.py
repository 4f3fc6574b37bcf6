"""`muster lane list` and `show`: quota, pace, closed until, and who is waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli.invocation import Format, Invocation, output_option, pass_invocation
from orchestrator.domain.figures import plural, rfc3339

if TYPE_CHECKING:
    from orchestrator.usecases.operations.describe_lanes import LaneView


@click.group()
def lane() -> None:
    """The write limits of Graph, how far each is used, and the jobs that share it.

    A lane is an app in a tenant of a cloud: Graph counts one write limit for it.
    """


@lane.command("list")
@output_option
@pass_invocation
def list_(invocation: Invocation) -> None:
    """Every lane that a tenant in the settings leads to."""
    from orchestrator.cli.output import show_rows
    from orchestrator.usecases.operations.describe_lanes import list_lanes
    from orchestrator.views.lanes import LaneFacts, lane_object

    views = invocation.ask(list_lanes)
    if not views and invocation.output is Format.TABLE:
        click.echo("No tenant is set up, so there is no lane. See `muster tenant list`.", err=True)
        return
    if invocation.output is not Format.TABLE:
        show_rows([lane_object(view) for view in views], invocation.output, names=LaneFacts.__annotations__)
        return
    rank = ("tenants", "limit", "closed until", "waiting", "a second", "in use", "last hour", "learned", "lane")
    show_rows([_row(view) for view in views], Format.TABLE, rank=rank)


@lane.command()
@click.argument("name")
@output_option
@pass_invocation
def show(invocation: Invocation, name: str) -> None:
    """One lane, by its key or by the name of a tenant that leads to it."""
    from orchestrator.cli.output import show_facts, show_table
    from orchestrator.throttle.travel_time import assumption
    from orchestrator.usecases.operations.describe_lanes import describe_lane
    from orchestrator.views.lanes import lane_object

    view = invocation.ask(lambda app: describe_lane(app, name))
    if invocation.output is not Format.TABLE:
        show_facts(lane_object(view), invocation.output)
        return
    show_facts(_row(view) | {"assumed": assumption(view.last_hour)}, Format.TABLE)
    if view.waiting:
        click.echo("\nWaiting:")
        rows = [{**each, "done at about": each["estimatedFinishAt"]} for each in lane_object(view)["waiting"]]
        columns = ("job", "name", "priority", "calls", "done at about")
        show_table(rows, columns, rank=("job", "calls", "done at about", "priority", "name"), folds={"name"})


def _row(view: LaneView) -> dict[str, Any]:
    limit = "none" if view.limit is None else str(view.limit)
    return {
        "lane": view.key,
        "tenants": list(view.tenants),
        "limit": limit,
        "in use": "" if view.in_use is None or view.limit is None else f"{view.in_use} of {view.limit.calls}",
        "learned": f"{100 * view.learned_share:.0f} %",
        "a second": "" if view.per_second is None else f"{view.per_second:.1f}",
        "closed until": rfc3339(view.closed_until) or "open",
        "last hour": f"{view.last_hour.calls:,} calls, {view.last_hour.throttled:,} answered 429",
        "waiting": _waiting(view),
    }


def _waiting(view: LaneView) -> str:
    if not view.waiting:
        return "none"
    return f"{sum(each.waiting for each in view.waiting):,} in {plural(len(view.waiting), 'job')}"
