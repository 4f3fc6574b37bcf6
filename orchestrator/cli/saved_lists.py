"""`muster list import`, `list`, `show` and `remove`: device lists that schedules refer to by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli.invocation import Format, Invocation, actor, output_option, pass_invocation, reason_option
from orchestrator.cli.submission import (
    chosen_tenant,
    file_name_of,
    list_options,
    match_options,
    opened_list,
)
from orchestrator.domain.device import Via

if TYPE_CHECKING:
    from orchestrator.usecases.lists.import_list import Imported


@click.command("import")
@click.argument("name", metavar="NAME")
@click.argument("file", metavar="FILE", type=click.Path())
@list_options
@click.option(
    "--tenant",
    metavar="NAME",
    help="Against whose inventory names are matched; without it, that of the default tenant.",
)
@match_options
@reason_option
@output_option
@pass_invocation
def import_(
    invocation: Invocation,
    /,
    name: str,
    file: str,
    *,
    via: str,
    tenant: str | None,
    reason: str | None,
    **written: Any,
) -> None:
    """Keep a checked device list under NAME; imported again, it gets a new version.

    Names and serial numbers are matched against the inventory now, and the list keeps the devices that they were.
    """
    from orchestrator.cli.output import show_facts
    from orchestrator.settings.tenant_rows import intake_options
    from orchestrator.usecases.lists.import_list import import_list
    from orchestrator.views.lists import imported_object, list_object

    settings = invocation.settings()
    # The process of a command serves one person, so it may name every bad line.
    options = intake_options(settings, written, most_problems=settings.max_rows)
    # A list of ids needs no tenant, and an installation that only keeps lists may have none, or none by default.
    whose = chosen_tenant(settings, tenant) if tenant or settings.usual_tenant in settings.tenants else None
    with opened_list(file) as stream:
        imported = invocation.ask(
            lambda app: import_list(
                app,
                name,
                stream,
                via=Via(via),
                file_name=file_name_of(file),
                options=options,
                by=actor(),
                tenant=whose,
                reason=reason,
            )
        )
    if invocation.output is Format.TABLE:
        _say(imported)
    else:
        named = {"addedDevices": list(imported.added), "removedDevices": list(imported.removed)}
        show_facts({**list_object(imported.version), **named, **imported_object(imported)}, invocation.output)


@click.command("list")
@output_option
@pass_invocation
def list_(invocation: Invocation) -> None:
    """Every saved list as it was last imported."""
    from orchestrator.cli.output import show_rows
    from orchestrator.usecases.lists.describe_lists import list_lists
    from orchestrator.views.lists import ListFacts, list_object

    versions = invocation.ask(list_lists)
    if invocation.output is Format.TABLE and not versions:
        click.echo("No lists yet. `muster list import NAME FILE` keeps one.", err=True)
        return
    columns = ("name", "version", "devices", "added", "removed", "importedAt", "fileName")
    rows = [list_object(version) for version in versions]
    show_rows(rows, invocation.output, columns=columns, names=ListFacts.__annotations__)


@click.command()
@click.argument("name", metavar="NAME")
@output_option
@pass_invocation
def show(invocation: Invocation, name: str) -> None:
    """One list: how it stands, its versions, and the schedules that refer to it."""
    from orchestrator.cli.output import show_facts, show_rows
    from orchestrator.usecases.lists.describe_lists import describe_list
    from orchestrator.views.lists import saved_object

    view = invocation.ask(lambda app: describe_list(app, name))
    saved = saved_object(view)
    facts: dict[str, object] = {**saved, "schedules": saved["schedules"] or None}
    match invocation.output:
        case Format.JSON | Format.YAML:
            show_facts(facts, invocation.output)
        case Format.CSV | Format.TSV:
            show_rows(saved["versions"], invocation.output)
        case Format.TABLE:
            del facts["versions"]
            show_facts(facts, Format.TABLE)
            click.echo("")
            columns = ("version", "devices", "added", "removed", "importedAt", "importedBy", "fileName")
            show_rows(saved["versions"], Format.TABLE, columns=columns)


@click.command()
@click.argument("name", metavar="NAME")
@click.option("--force", is_flag=True, help="Remove it although schedules need it.")
@reason_option
@pass_invocation
def remove(invocation: Invocation, name: str, *, force: bool, reason: str | None) -> None:
    """Remove a list with its versions; refused while a schedule that has not ended refers to it."""
    from orchestrator.usecases.lists.describe_lists import remove_list

    schedules = invocation.ask(lambda app: remove_list(app, name, by=actor(), reason=reason, force=force))
    click.echo(f"List {name} is removed.", err=True)
    if schedules:
        click.echo(f"Schedules that cannot run without it: {', '.join(schedules)}.", err=True)


def _say(imported: Imported) -> None:
    from orchestrator.domain.figures import plural

    version = imported.version
    left_out = ""
    if version.intake.duplicates or version.intake.rejected:
        left_out = (
            f" ({plural(version.intake.duplicates, 'duplicate')} and {version.intake.rejected:,} rejected left out)"
        )
    click.echo(f"List {version.name}, version {version.version}: {plural(version.devices, 'device')}{left_out}.")
    if imported.matched:
        counts = ", ".join(f"{count:,} by {by}" for by, count in imported.matched.items())
        click.echo(f"Matched {counts}.")
    if imported.ignored:
        click.echo(f"Ignored: {'; '.join(imported.ignored)}.")
    if version.version > 1:
        click.echo(f"Added {version.added:,}, removed {version.removed:,} since version {version.version - 1}.")
        for mark, devices, count in (
            ("+", imported.added, version.added),
            ("-", imported.removed, version.removed),
        ):
            for device in devices:
                click.echo(f"  {mark} {device}")
            if count > len(devices):
                click.echo(f"  {mark} … and {count - len(devices):,} more")
