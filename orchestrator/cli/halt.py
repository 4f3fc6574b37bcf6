"""`muster halt`: the emergency stop, and how it is lifted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orchestrator.cli.invocation import Format, Invocation, actor, output_option, pass_invocation
from orchestrator.cli.tenant_choice import names_of
from orchestrator.domain.errors import MusterError, RequestRejected

if TYPE_CHECKING:
    from orchestrator.app import App
    from orchestrator.domain.emergency_stop import EmergencyStop, StopEffect

_COLUMNS = ("tenant", "reason", "stoppedBy", "stoppedAt", "jobs", "devices", "schedules")


@click.command()
@click.option("--tenant", metavar="NAME,…", help="Only the calls of these tenants; else those of all tenants.")
@click.option("--reason", metavar="TEXT", help="Why; a stop and its lifting need one, and the audit log keeps it.")
@click.option("--lift", is_flag=True, help="End the stops of --tenant, or every stop.")
@click.option("--show", is_flag=True, help="Only say what is in force.")
@output_option
@pass_invocation
def halt(invocation: Invocation, *, tenant: str | None, reason: str | None, lift: bool, show: bool) -> None:
    """Stop every call of some tenants, or of all, on every worker within a second.

    The stop survives restarts. Schedules start nothing, new jobs are stored and wait, and only --lift ends it.
    """
    from orchestrator.usecases.operations.stop_effects import effects_of
    from orchestrator.usecases.operations.stops_in_force import stops_in_force

    if lift and show:
        raise RequestRejected("Give one of --lift and --show.")
    if not show and not (reason or "").strip():
        raise RequestRejected("An emergency stop and its lifting need a reason: --reason TEXT.")
    problems: list[MusterError] = []

    async def change(app: App) -> list[tuple[EmergencyStop, StopEffect]]:
        for name in () if show else names_of(tenant) or (None,):
            try:
                await _change(app, name, reason or "", lift=lift)
            except MusterError as problem:
                # In an emergency a mistyped name must not keep the other tenants from their stop.
                problems.append(problem)
        found = await stops_in_force(app)
        return list(zip(found, await effects_of(app, found), strict=True))

    _show(invocation.ask(change), invocation.output, is_asked=show)
    for problem in problems[:-1]:
        click.echo(f"muster: {problem}", err=True)
    if problems:
        raise problems[-1]


async def _change(app: App, tenant: str | None, reason: str, *, lift: bool) -> None:
    from orchestrator.usecases.operations.emergency_stop import lift_stop, stop_calls

    if not lift:
        await stop_calls(app, tenant=tenant, reason=reason, by=actor())
        return
    for stop in await lift_stop(app, tenant=tenant, reason=reason, by=actor()):
        click.echo(f"Lifted the emergency stop of {stop.scope}. Jobs go on within a second.", err=True)


def _show(stops: list[tuple[EmergencyStop, StopEffect]], output: Format, *, is_asked: bool) -> None:
    from orchestrator.cli.output import show_rows
    from orchestrator.views.emergency_stops import StopFacts, stop_object

    if stops or output is not Format.TABLE:
        facts = [stop_object(*each) for each in stops]
        named = [{**each, "tenant": each["tenant"] or "(all)"} for each in facts]
        rows = named if output is Format.TABLE else facts
        show_rows(rows, output, columns=_COLUMNS, names=StopFacts.__annotations__)
    elif is_asked:
        click.echo("No emergency stop is in force.")
