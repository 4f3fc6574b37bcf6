"""`muster device show`: one device and its history across all jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orchestrator.cli.invocation import Format, Invocation, output_option, pass_invocation

if TYPE_CHECKING:
    from orchestrator.inventory.device_history import DeviceHistory
    from orchestrator.views.inventory import DeviceHistoryFacts


@click.group()
def device() -> None:
    """One device: what the inventory knows of it, and everything that was asked of it."""


@device.command()
@click.argument("text", metavar="NAME|SERIAL|ID")
@click.option("--tenant", metavar="NAME", help="Whose device; without it, that of the default tenant.")
@click.option("--all", "show_all", is_flag=True, help="Show every device that is meant, where there are several.")
@output_option
@pass_invocation
def show(invocation: Invocation, text: str, *, tenant: str | None, show_all: bool) -> None:
    """Show a device, and what was asked of it in every job, newest first.

    The device is found by its managed device id, name, serial number, Entra device id or ConfigMgr id, in this order.
    """
    from orchestrator.cli.output import show_facts, show_rows
    from orchestrator.cli.submission import chosen_tenant
    from orchestrator.inventory.device_history import describe_devices
    from orchestrator.views.inventory import device_history_object

    name = chosen_tenant(invocation.settings(), tenant)
    found = invocation.ask(lambda app: describe_devices(app, name, text, allow_several=show_all))
    objects = [device_history_object(history) for history in found]
    if invocation.output is Format.TABLE:
        for history, facts in zip(found, objects, strict=True):
            _show_table(history, facts)
    elif show_all or invocation.output.is_flat:
        show_rows(objects, invocation.output)
    else:
        show_facts(objects[0], invocation.output)


def _show_table(history: DeviceHistory, facts: DeviceHistoryFacts) -> None:
    from orchestrator.cli.output import show_facts, show_table
    from orchestrator.domain.figures import local

    attempts = facts["attempts"]
    show_facts({name: value for name, value in facts.items() if name != "attempts"}, Format.TABLE)
    if history.inventory_at is None:
        click.echo("No inventory knows this device; only its jobs are shown.", err=True)
    if not attempts:
        click.echo("\nNothing was asked of it yet.")
        return
    rows = [
        {**attempt, "at": local(call.at), "error": call.error_code or ""}
        for attempt, call in zip(attempts, history.calls, strict=True)
    ]
    click.echo("")
    show_table(rows, ("at", "action", "status", "error", "httpStatus", "job", "jobName", "requestId"))
