"""`muster halt`: the emergency stop, and how it is lifted."""

from __future__ import annotations

import click

from orchestrator.cli.invocation import Format, Invocation, actor, output_option, pass_invocation
from orchestrator.domain.errors import RequestRejected

_COLUMNS = ("tenant", "reason", "stoppedBy", "stoppedAt", "jobs", "devices", "schedules")


@click.command()
@click.option("--tenant", metavar="NAME", help="Only the calls of this tenant; else those of all tenants.")
@click.option("--reason", metavar="TEXT", help="Why; a stop and its lifting need one, and the audit log keeps it.")
@click.option("--lift", is_flag=True, help="End the stop: of --tenant, or every stop.")
@click.option("--show", is_flag=True, help="Only say what is in force.")
@output_option
@pass_invocation
def halt(invocation: Invocation, *, tenant: str | None, reason: str | None, lift: bool, show: bool) -> None:
    """Stop every call of one tenant, or of all, on every worker within a second.

    The stop survives restarts. Schedules start nothing, new jobs are stored and wait, and only --lift ends it.
    """
    from orchestrator.app import App
    from orchestrator.cli.output import show_rows
    from orchestrator.domain.emergency_stop import EmergencyStop, StopEffect
    from orchestrator.usecases.operations.emergency_stop import lift_stop, stop_calls, stops_in_force
    from orchestrator.usecases.operations.stop_effects import effects_of
    from orchestrator.views.emergency_stops import stop_object

    if lift and show:
        raise RequestRejected("Give one of --lift and --show.")
    if not show and not (reason or "").strip():
        raise RequestRejected("An emergency stop and its lifting need a reason: --reason TEXT.")

    async def change(app: App) -> list[tuple[EmergencyStop, StopEffect]]:
        if lift:
            for stop in await lift_stop(app, tenant=tenant, reason=reason or "", by=actor()):
                click.echo(f"Lifted the emergency stop of {stop.scope}. Jobs go on within a second.", err=True)
        elif not show:
            await stop_calls(app, tenant=tenant, reason=reason or "", by=actor())
        found = await stops_in_force(app)
        return list(zip(found, await effects_of(app, found), strict=True))

    stops = invocation.ask(change)
    if stops or invocation.output is not Format.TABLE:
        facts = [stop_object(*each) for each in stops]
        named = [{**each, "tenant": each["tenant"] or "(all)"} for each in facts]
        show_rows(named if invocation.output is Format.TABLE else facts, invocation.output, columns=_COLUMNS)
    elif show:
        click.echo("No emergency stop is in force.")
