"""`muster audit`: who did what, when and why."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import click

from orchestrator.cli.invocation import Format, Invocation, actor, output_option, pass_invocation


@click.command()
@click.option("--who", metavar="NAME", help="Only what this person or key (key:NAME, or its id) did.")
@click.option("--what", metavar="KIND", help="Only this kind: job, job.cancelled, key …")
@click.option("--subject", metavar="ID", help="Only what was done to this job, key or schedule.")
@click.option("--search", "text", metavar="TEXT", help="Only where this is in a name, a kind or a reason.")
@click.option(
    "--since", metavar="TIME", help="Only what was done then or later: 24h, 7d, 2026-11-28, 2026-11-28T02:00."
)
@click.option("--until", metavar="TIME", help="Only what was done before then.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="How many.")
@output_option
@pass_invocation
def audit(
    invocation: Invocation,
    *,
    who: str | None,
    what: str | None,
    subject: str | None,
    text: str | None,
    since: str | None,
    until: str | None,
    limit: int,
) -> None:
    """Who did what, when, why, and from where: the newest first."""
    from orchestrator.cli.output import show_rows
    from orchestrator.domain.figures import local
    from orchestrator.usecases.access.read_audit import read_audit
    from orchestrator.views.access import AuditEntryFacts, audit_entry_object

    after, before = _instant(since), _instant(until)
    audit_entries = invocation.ask(
        lambda app: read_audit(
            app,
            by=actor(),
            limit=limit,
            who=who,
            what=what,
            subject=subject,
            text=text,
            since=after,
            until=before,
        )
    )
    if invocation.output is not Format.TABLE:
        rows = [*map(audit_entry_object, audit_entries)]
        show_rows(rows, invocation.output, names=AuditEntryFacts.__annotations__)
    elif not audit_entries:
        click.echo(
            "None match." if any((who, what, subject, text, since, until)) else "The audit log is empty.", err=True
        )
    else:
        columns = ("at", "who", "from", "what", "subject", "reason", "facts")
        lines = [
            {**audit_entry_object(entry), "at": local(entry.at), "facts": _said(entry.facts)} for entry in audit_entries
        ]
        rank = ("at", "what", "subject", "who", "reason", "facts", "from")
        show_rows(lines, Format.TABLE, columns=columns, rank=rank)


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    from orchestrator.domain.instants import parse_instant

    return parse_instant(text, now=datetime.now(UTC), zone=None)


def _said(facts: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {' '.join(value) if isinstance(value, list) else value}" for name, value in facts.items())
