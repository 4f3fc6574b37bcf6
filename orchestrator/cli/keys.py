"""`muster key create`, `list` and `revoke`: what opens the API."""

from __future__ import annotations

import click

from orchestrator.cli.invocation import Format, Invocation, asker, output_option, pass_invocation, reason_option
from orchestrator.cli.submission import Spelled
from orchestrator.domain.action import Action

_ROLES = ("viewer", "operator", "admin")
_COLUMNS = ("id", "name", "role", "status", "ceiling", "actions", "createdAt", "expiresAt", "lastUsedAt")


@click.group()
def key() -> None:
    """API keys: make, list and revoke them."""


@key.command()
@click.option("--role", required=True, type=Spelled(_ROLES), help="What its holder may do.")
@click.option("--name", metavar="TEXT", help="Whose it is, or what for; the audit log will say so.")
@click.option("--expires-in", "days", type=click.IntRange(1, 36_500), metavar="DAYS", help="Days that it is valid.")
@click.option("--ceiling", type=click.IntRange(1), metavar="N", help="Devices in one job at most.")
@click.option(
    "--action",
    "actions",
    multiple=True,
    type=Spelled(action.value for action in Action),
    help="An action that may be asked for; may be given several times, all of them without it.",
)
@reason_option
@output_option
@pass_invocation
def create(
    invocation: Invocation,
    *,
    role: str,
    name: str | None,
    days: int | None,
    ceiling: int | None,
    actions: tuple[str, ...],
    reason: str | None,
) -> None:
    """Make a key; it is shown this once."""
    from orchestrator.cli.output import show_facts
    from orchestrator.domain.access import Grant, Role
    from orchestrator.usecases.keys import create_key

    grant = Grant(Role(role), ceiling, frozenset(map(Action, actions)) if actions else None)
    made = invocation.ask(
        lambda app: create_key(app, grant, name=name, expires_in_days=days, by=asker(), reason=reason)
    )
    if invocation.output is Format.TABLE:
        click.echo(made.text)
        click.echo(
            f"Key {made.key.id} ({role}). It is shown this once: send it as `Authorization: Bearer …`.", err=True
        )
        return
    show_facts({"id": made.key.id, "key": made.text, "role": made.key.grant.role.value}, invocation.output)


@key.command("list")
@output_option
@pass_invocation
def list_(invocation: Invocation) -> None:
    """Every key there is or was, the newest first."""
    from orchestrator.cli.output import show_rows
    from orchestrator.usecases.access_json import key_object
    from orchestrator.usecases.keys import list_keys

    keys, now = invocation.ask(list_keys)
    if not keys and invocation.output is Format.TABLE:
        click.echo("No keys yet. `muster key create --role viewer` makes one.", err=True)
        return
    show_rows([key_object(each, now) for each in keys], invocation.output, columns=_COLUMNS)


@key.command()
@click.argument("wanted", metavar="ID")
@reason_option
@output_option
@pass_invocation
def revoke(invocation: Invocation, wanted: str, *, reason: str | None) -> None:
    """Let a key open nothing any more; sessions that were opened with it end too."""
    from datetime import UTC, datetime

    from orchestrator.cli.output import show_facts
    from orchestrator.usecases.access_json import key_object
    from orchestrator.usecases.keys import revoke_key

    revoked = invocation.ask(lambda app: revoke_key(app, wanted, by=asker(), reason=reason))
    if invocation.output is Format.TABLE:
        click.echo(f"Key {revoked.id} ({revoked.name}) opens nothing any more.", err=True)
        return
    show_facts(key_object(revoked, datetime.now(UTC)), invocation.output)
