"""`muster session list` and `end`: who is signed in to the dashboard."""

from __future__ import annotations

import click

from orchestrator.cli.invocation import Format, Invocation, actor, output_option, pass_invocation, reason_option

_COLUMNS = ("id", "name", "role", "way", "from", "createdAt", "lastSeenAt", "checkedAt", "expiresAt")

person_option = click.option("--person", metavar="NAME", help="A person: the name in the list, or TENANT/OBJECT.")


@click.group()
def session() -> None:
    """Who is signed in to the dashboard; sessions can be ended."""


@session.command("list")
@person_option
@output_option
@pass_invocation
def list_(invocation: Invocation, *, person: str | None) -> None:
    """Every valid session, the newest first."""
    from orchestrator.cli.output import show_rows
    from orchestrator.usecases.access.sessions import list_sessions
    from orchestrator.views.access import SessionFacts, session_object

    found = invocation.ask(lambda app: list_sessions(app, by=actor(), person=person))
    if not found and invocation.output is Format.TABLE:
        click.echo("No session is open.", err=True)
        return
    rows = [session_object(each) for each in found]
    show_rows(rows, invocation.output, columns=_COLUMNS, names=SessionFacts.__annotations__)


@session.command()
@click.argument("wanted", metavar="[ID]", required=False)
@person_option
@click.option("--all", "is_all", is_flag=True, help="Every session.")
@reason_option
@output_option
@pass_invocation
def end(invocation: Invocation, wanted: str | None, *, person: str | None, is_all: bool, reason: str | None) -> None:
    """End one session, all sessions of a person, or all; each stops at its next request."""
    from orchestrator.cli.output import show_rows
    from orchestrator.usecases.access.sessions import end_sessions
    from orchestrator.views.access import SessionFacts, session_object

    if sum((wanted is not None, person is not None, is_all)) != 1:
        raise click.UsageError("Give the id of a session, --person NAME, or --all.")
    found = invocation.ask(lambda app: end_sessions(app, session_id=wanted, person=person, by=actor(), reason=reason))
    if invocation.output is not Format.TABLE:
        rows = [session_object(each) for each in found]
        show_rows(rows, invocation.output, names=SessionFacts.__annotations__)
        return
    if not found:
        click.echo("No session was open.", err=True)
    for each in found:
        click.echo(f"Session {each.id} of {each.name} has ended.", err=True)
