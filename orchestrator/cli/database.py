"""`muster db`: the schema, and the removal of old jobs."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from orchestrator.cli import exits
from orchestrator.cli.invocation import Format, Invocation, actor, output_option, pass_invocation, reason_option
from orchestrator.domain.errors import SchemaTooNew


@click.group()
def db() -> None:
    """Upgrade and check the database, remove old jobs."""


@db.command()
@pass_invocation
def upgrade(invocation: Invocation) -> None:
    """Bring the database to the schema of this release.

    Several processes may ask at once: one of them does it.
    """
    from orchestrator.cli import bridge
    from orchestrator.store.engine.schema import HEAD, upgrade

    url = invocation.settings().database_url

    async def work(_: bridge.Interrupt) -> bool:
        return await upgrade(url)

    done = bridge.run(work)
    click.echo(f"The database {'is now' if done else 'was already'} at schema {HEAD}.", err=True)


@db.command()
@output_option
@pass_invocation
def check(invocation: Invocation) -> int:
    """Does the schema of the database fit this release?"""
    from orchestrator.cli import bridge
    from orchestrator.cli.output import show_facts
    from orchestrator.store.engine.schema import HEAD, revision

    url = invocation.settings().database_url

    async def work(_: bridge.Interrupt) -> str | None:
        return await revision(url)

    there = bridge.run(work)
    if invocation.output is not Format.TABLE:
        show_facts({"schema": there, "wanted": HEAD, "fits": there == HEAD}, invocation.output)
    if there == HEAD:
        click.echo(f"The database is at schema {HEAD}, as this release wants it.", err=True)
        return exits.DONE
    if there is not None and there > HEAD:
        raise SchemaTooNew(f"The database is at schema {there}, and this release knows {HEAD}: upgrade Muster here.")
    click.echo(f"The database is at schema {there or 'none'}; `muster db upgrade` brings it to {HEAD}.", err=True)
    return exits.UNAVAILABLE


@db.command()
@click.option(
    "--keep-days",
    type=click.IntRange(1, 36_500),
    help="Keep jobs that ended within so many days; without it, MUSTER_KEEP_DAYS.",
)
@click.option(
    "--audit-before",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="Remove audit entries from before this day (UTC) instead; nothing else ever removes one.",
)
@click.option("--dry-run", is_flag=True, help="Only show the jobs that would be removed.")
@click.option("--yes", "-y", is_flag=True, help="Remove audit entries without a question.")
@reason_option
@output_option
@pass_invocation
def prune(
    invocation: Invocation,
    *,
    keep_days: int | None,
    audit_before: datetime | None,
    dry_run: bool,
    yes: bool,
    reason: str | None,
) -> None:
    """Remove jobs that ended long ago, with their input and targets, and inventories of tenants that left.

    An inventory goes when no settings have led to its tenant for 30 days; its day is named until then.
    """
    from orchestrator.domain.figures import plural
    from orchestrator.usecases.operations.prune import prune, prune_audit

    if audit_before is not None:
        before = audit_before.replace(tzinfo=UTC)
        agreed = yes and not dry_run
        gone = invocation.ask(lambda app: prune_audit(app, before=before, by=actor(), reason=reason, agreed=agreed))
        click.echo(f"{plural(gone, 'line')} of the audit log from before {before:%Y-%m-%d} removed.", err=True)
        return
    from orchestrator.cli.inventory import say_unattached
    from orchestrator.inventory.remove_inventory import unattached_inventories

    days = keep_days or invocation.settings().keep_days
    say_unattached(invocation.ask(unattached_inventories))
    if dry_run:
        _show_prunable(invocation, days)
        return
    removed = invocation.ask(lambda app: prune(app, keep_days=days, by=actor()))
    click.echo(f"{plural(removed, 'job')} that ended more than {plural(days, 'day')} ago removed.", err=True)


def _show_prunable(invocation: Invocation, days: int) -> None:
    from orchestrator.cli.output import show_rows
    from orchestrator.domain.figures import plural, rfc3339
    from orchestrator.usecases.operations.prune import jobs_to_prune

    jobs = invocation.ask(lambda app: jobs_to_prune(app, keep_days=days, limit=1_000_000))
    rows = [
        {"id": job.id, "endedAt": rfc3339(job.ended_at), "devices": job.devices, "name": job.name or ""} for job in jobs
    ]
    if rows or invocation.output is not Format.TABLE:
        show_rows(rows, invocation.output, names=("id", "endedAt", "devices", "name"))
    click.echo(
        f"Dry run: {plural(len(jobs), 'job')} that ended more than {plural(days, 'day')} ago would be removed.",
        err=True,
    )
