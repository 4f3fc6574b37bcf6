"""`muster tenant list` and `check`: who we call Graph as."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import exits
from orchestrator.cli.invocation import Format, Invocation, output_option, pass_invocation
from orchestrator.cli.submission import chosen_tenant

if TYPE_CHECKING:
    from orchestrator.settings import TenantSettings
    from orchestrator.usecases.operations.check_tenant import TenantCheck


@click.group()
def tenant() -> None:
    """Who we call Graph as, and whether that works."""


@tenant.command("list")
@output_option
@pass_invocation
def list_(invocation: Invocation) -> None:
    """The tenants in the settings."""
    from orchestrator.cli.output import show_rows

    rows = [_row(each) for each in invocation.settings().tenants.values()]
    if not rows and invocation.output is Format.TABLE:
        click.echo("No tenant is set up. Set MUSTER_TENANT_ID, MUSTER_CLIENT_ID and one way to sign in.", err=True)
        return
    show_rows(rows, invocation.output)


@tenant.command()
@click.argument("name", required=False)
@output_option
@pass_invocation
def check(invocation: Invocation, name: str | None) -> int:
    """Fetch a token, read its permissions, and go the way that a call goes, before anybody calls a device."""
    from orchestrator.usecases.operations.check_tenant import check_tenant

    wanted = chosen_tenant(invocation.settings(), name)
    found = invocation.ask(lambda app: check_tenant(app, wanted))
    if invocation.output is Format.TABLE:
        _say(found)
    else:
        _show(found, invocation.output)
    if not found.is_usable:
        return exits.STOPPED
    return exits.DONE if found.unreachable is None else exits.UNAVAILABLE


def _say(found: TenantCheck) -> None:
    from orchestrator.cli.output import show_facts

    show_facts({"tenant": found.tenant.name, **dict(found.facts), "permission": found.permission.value}, Format.TABLE)
    for sentence in found.advice:
        click.echo(f"\n{sentence}")


def _show(found: TenantCheck, output: Format) -> None:
    from orchestrator.cli.output import show_facts

    facts = {
        "tenant": found.tenant.name,
        "usable": found.is_usable,
        "reachable": found.unreachable is None,
        "permission": found.permission.value,
        "facts": dict(found.facts),
        "advice": list(found.advice),
    }
    show_facts(facts, output)


def _row(settings: TenantSettings) -> dict[str, Any]:
    return {
        "name": settings.name,
        "tenantId": settings.tenant_id,
        "clientId": settings.client_id,
        "cloud": settings.cloud.value,
        "graphUrl": settings.graph_url,
        "writeLimit": "none" if settings.write_limit is None else str(settings.write_limit),
        "signIn": settings.way_to_sign_in,
    }
