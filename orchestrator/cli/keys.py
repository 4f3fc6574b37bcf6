"""`muster key create`, `list`, `show`, `rotate` and `revoke`: what opens the API."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from orchestrator.cli.invocation import F, Format, Invocation, actor, output_option, pass_invocation, reason_option
from orchestrator.cli.option_types import Spelled
from orchestrator.domain.action import Action

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

    from orchestrator.app import App
    from orchestrator.domain.keys import Creations
    from orchestrator.usecases.access.keys import NewKey

_ROLES = ("viewer", "operator", "admin")
_COLUMNS = (
    "id",
    "name",
    "role",
    "status",
    "expiresAt",
    "lastUsedAt",
    "lastUsedFrom",
    "createdBy",
    "ceiling",
    "actions",
)


def _expires_option(without: str) -> Callable[[F], F]:
    words = f"When it expires: 30d, 12h, a number of days, or a date. {without}; MUSTER_KEY_MAX_DAYS at most."
    return click.option("--expires", metavar="SPAN|DATE", help=words)


@click.group()
def key() -> None:
    """API keys: make, list, rotate and revoke them."""


@key.command()
@click.option("--role", required=True, type=Spelled(_ROLES), help="What its holder may do.")
@click.option("--name", metavar="TEXT", help="Whose it is, or what for; the audit log will say so.")
@_expires_option("90 days without it")
@click.option("--expires-in", "days", type=click.IntRange(1, 36_500), metavar="DAYS", help="The same, in days.")
@click.option("--ceiling", type=click.IntRange(1), metavar="N", help="Devices in one job at most.")
@click.option(
    "--action",
    "actions",
    multiple=True,
    type=Spelled(action.value for action in Action),
    help="An action that may be asked for; may be given several times, all of them without it.",
)
@click.option(
    "--tenant",
    "tenants",
    multiple=True,
    metavar="NAME",
    help="A tenant whose devices may be asked; may be given several times, all of them without it.",
)
@reason_option
@output_option
@pass_invocation
def create(
    invocation: Invocation,
    *,
    role: str,
    name: str | None,
    expires: str | None,
    days: int | None,
    ceiling: int | None,
    actions: tuple[str, ...],
    tenants: tuple[str, ...],
    reason: str | None,
) -> None:
    """Make a key; it is shown this once."""
    from orchestrator.domain.access import Grant, Role
    from orchestrator.usecases.access.keys import create_key

    if expires is not None and days is not None:
        raise click.UsageError("Give one of --expires and --expires-in.")
    wanted = expires if days is None else str(days)
    limits = frozenset(map(Action, actions)) if actions else None
    grant = Grant(Role(role), ceiling, limits, frozenset(tenants) or None)

    async def make(app: App) -> NewKey:
        return await create_key(
            app, grant, name=name, lifetime=_lifetime(wanted, app.clock.now()), by=actor(), reason=reason
        )

    _show_new(invocation, invocation.ask(make))


@key.command("list")
@output_option
@pass_invocation
def list_(invocation: Invocation) -> None:
    """Every key there is or was, the newest first."""
    from orchestrator.cli.output import show_rows
    from orchestrator.usecases.access.keys import list_keys
    from orchestrator.views.access import KeyFacts, key_object

    keys, now = invocation.ask(list_keys)
    if not keys and invocation.output is Format.TABLE:
        click.echo("No keys yet. `muster key create --role viewer` makes one.", err=True)
        return
    rows = [key_object(each, now) for each in keys]
    show_rows(rows, invocation.output, columns=_COLUMNS, names=KeyFacts.__annotations__)
    given = [each for each in keys if each.end_by_upgrade and each.is_valid(now)]
    if given and invocation.output is Format.TABLE:
        names = ", ".join(f"{each.name} ({each.id})" for each in given)
        click.echo(
            f"The upgrade gave an end to keys that had none: {names}. `muster key rotate ID` before that day.", err=True
        )


@key.command()
@click.argument("wanted", metavar="ID")
@output_option
@pass_invocation
def show(invocation: Invocation, wanted: str) -> None:
    """One key, and what it created: keys, schedules and unfinished jobs."""
    from orchestrator.cli.output import show_facts
    from orchestrator.usecases.access.keys import describe_key
    from orchestrator.views.access import key_with_creations

    view = invocation.ask(lambda app: describe_key(app, wanted))
    facts: dict[str, object] = {**key_with_creations(view.key, view.created, view.now)}
    if invocation.output is Format.TABLE:
        del facts["created"]
        facts |= {f"created {kind}": ", ".join(found) for kind, found in asdict(view.created).items()}
    show_facts(facts, invocation.output)


@key.command()
@click.argument("wanted", metavar="ID")
@click.option(
    "--overlap",
    default="7d",
    show_default=True,
    metavar="SPAN",
    help="How long the old key is valid beside the new one.",
)
@_expires_option("Without it, as long as the old key from its creation to its end")
@reason_option
@output_option
@pass_invocation
def rotate(invocation: Invocation, wanted: str, *, overlap: str, expires: str | None, reason: str | None) -> None:
    """Make a key that takes the place of another: its name, its limits, and what it created.

    The old key is valid until the overlap is over, so that programs can be given the new one in the meantime.
    """
    from orchestrator.domain.spans import parse_span
    from orchestrator.usecases.access.keys import rotate_key

    both = parse_span(overlap)

    async def make(app: App) -> NewKey:
        lifetime = _lifetime(expires, app.clock.now())
        return await rotate_key(app, wanted, overlap=both, lifetime=lifetime, by=actor(), reason=reason)

    _show_new(invocation, invocation.ask(make))


@key.command()
@click.argument("wanted", metavar="ID")
@click.option(
    "--with-created",
    is_flag=True,
    help="End what it created too: revoke its keys, pause its schedules and its unfinished jobs.",
)
@reason_option
@output_option
@pass_invocation
def revoke(invocation: Invocation, wanted: str, *, with_created: bool, reason: str | None) -> None:
    """Revoke a key: its requests are refused, and sessions that were opened with it end."""
    from orchestrator.cli.output import show_facts
    from orchestrator.usecases.access.revoke_key import revoke_key
    from orchestrator.views.access import key_with_creations

    revoked = invocation.ask(lambda app: revoke_key(app, wanted, with_created=with_created, by=actor(), reason=reason))
    if invocation.output is Format.TABLE:
        click.echo(f"Key {revoked.key.id} ({revoked.key.name}) opens nothing any more.", err=True)
        _say_created(revoked.created, is_ended=with_created)
        return
    show_facts(key_with_creations(revoked.key, revoked.created, revoked.now), invocation.output)


def _lifetime(text: str | None, now: datetime) -> timedelta | None:
    from orchestrator.domain.keys import parse_lifetime

    return None if text is None else parse_lifetime(text, now)


def _show_new(invocation: Invocation, made: NewKey) -> None:
    from orchestrator.cli.output import show_facts

    role = made.key.grant.role.value
    if invocation.output is Format.TABLE:
        click.echo(made.text)
        click.echo(
            f"Key {made.key.id} ({role}), valid until {made.key.expires_at:%Y-%m-%d %H:%M} UTC. It is shown this once: "
            "send it as `Authorization: Bearer …`.",
            err=True,
        )
        return
    show_facts({"id": made.key.id, "key": made.text, "role": role}, invocation.output)


def _say_created(created: Creations, *, is_ended: bool) -> None:
    if not created:
        click.echo("It created nothing that is still in force.", err=True)
        return
    ends = ("revoked", "paused", "paused") if is_ended else ("still valid", "set aside when next due", "going on")
    for what, found, end in zip(
        ("keys", "schedules", "unfinished jobs"), (created.keys, created.schedules, created.jobs), ends, strict=True
    ):
        if found:
            click.echo(f"It created {what}: {', '.join(found)} ({end}).", err=True)
    if not is_ended:
        click.echo("`muster key revoke ID --with-created` ends these as well; it can still be given now.", err=True)
