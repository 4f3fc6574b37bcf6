"""`muster inventory import`, `refresh`, `show`, `search` and `remove`: what is known of a tenant's devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.invocation import (
    Format,
    Invocation,
    actor,
    confirm_change,
    output_option,
    pass_invocation,
    reason_option,
)
from orchestrator.cli.tenant_choice import chosen_tenants, tenants_options
from orchestrator.domain.plain_text import shown

if TYPE_CHECKING:
    from orchestrator.inventory.contents import ImportedInventory
    from orchestrator.inventory.refresh_inventory import RefreshedInventory
    from orchestrator.store.jobs.inventory import Inventory

_tenant_option = click.option(
    "--tenant", metavar="NAME", help="Whose devices; without it, those of the default tenant."
)


@click.group()
def inventory() -> None:
    """The devices of a tenant: their names, serial numbers and other ids.

    Lists of names are matched against it, and pages and reports show names from it.
    """


@inventory.command("import")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@_tenant_option
@reason_option
@output_option
@pass_invocation
def import_(invocation: Invocation, files: tuple[str, ...], *, tenant: str | None, reason: str | None) -> None:
    """Replace the inventory by the devices of an export.

    FILE is the admin center's *All devices* export, an `Export-Csv` of Get-MgDeviceManagementManagedDevice, or a report
    of the export API. Several files are joined by managed device id: where one leaves a field empty, another fills it.
    """
    from orchestrator.cli.output import show_facts
    from orchestrator.cli.submission import STDIN, chosen_tenant, opened_list
    from orchestrator.inventory.contents import InventorySource, import_inventory
    from orchestrator.views.inventory import inventory_object

    settings = invocation.settings()
    name = chosen_tenant(settings, tenant)
    with ExitStack() as opened:
        sources = [
            InventorySource(opened.enter_context(opened_list(file)), None if file == STDIN else Path(file).name)
            for file in files
        ]
        imported = invocation.ask(
            lambda app: import_inventory(app, name, sources, by=actor(), reason=reason, max_bytes=settings.max_bytes)
        )
    if invocation.output is Format.TABLE:
        _say(name, imported)
    else:
        counts = {"rows": imported.rows, "skipped": imported.skipped, "fields": list(imported.fields)}
        show_facts({**inventory_object(name, imported.inventory), **counts}, invocation.output)


@inventory.command()
@tenants_options
@click.option("--accept", is_flag=True, help="Put the inventory in force that waits because too many devices are gone.")
@click.option(
    "--source",
    type=click.Choice(["auto", "export", "list"]),
    default="auto",
    show_default=True,
    help="How devices are read: Intune's export reports, the list of managed devices, or the first that is to be had.",
)
@reason_option
@output_option
@pass_invocation
def refresh(
    invocation: Invocation, *, tenant: str | None, all_tenants: bool, accept: bool, source: str, reason: str | None
) -> int:
    """Replace the inventory by the devices that Graph has now.

    The app needs the permission DeviceManagementManagedDevices.Read.All. Where more than a tenth of the devices would
    go, the inventory before stays in force until `--accept`, and the exit code is 3. Of several tenants the exit code
    is the highest of the codes that each alone would give.
    """
    from orchestrator.cli import exits
    from orchestrator.cli.output import show_facts
    from orchestrator.inventory.reading import Route
    from orchestrator.inventory.refresh_inventory import accept_inventory, refresh_inventory
    from orchestrator.views.inventory import inventory_object

    name, *others = chosen_tenants(invocation.settings(), tenant, is_all=all_tenants)
    if others or all_tenants:
        from orchestrator.cli.inventory_several import refresh_several

        return refresh_several(invocation, (name, *others), accept=accept, route=Route(source), reason=reason)
    is_table = invocation.output is Format.TABLE
    if accept:
        accepted = invocation.ask(lambda app: accept_inventory(app, name, by=actor(), reason=reason))
        _say_figures(name, accepted) if is_table else show_facts(inventory_object(name, accepted), invocation.output)
        return exits.DONE
    refreshed = invocation.ask(
        lambda app: refresh_inventory(
            app, name, by=actor(), reason=reason, route=Route(source), say=lambda text: click.echo(text, err=True)
        )
    )
    new, before = refreshed.inventory, refreshed.before
    if is_table:
        _say_figures(name, new)
    else:
        in_force, pending = (before, new) if new.is_pending and before is not None else (new, None)
        facts = inventory_object(name, in_force, pending)
        show_facts({**facts, "notes": list(refreshed.notes)}, invocation.output)
    for note in refreshed.notes:
        click.echo(shown(note), err=True)
    if new.is_pending:
        _say_pending(refreshed)
        return exits.STOPPED
    return exits.DONE


@inventory.command()
@tenants_options
@output_option
@pass_invocation
def show(invocation: Invocation, *, tenant: str | None, all_tenants: bool) -> int:
    """The inventory in figures: how many devices, from where, how old, and what changed last.

    NAME may also be the Entra tenant id of an inventory whose tenant is not in the settings any more.
    """
    from orchestrator.cli.output import show_facts
    from orchestrator.inventory.contents import describe_inventory
    from orchestrator.inventory.remove_inventory import find_inventory, unattached_inventories
    from orchestrator.views.inventory import inventory_object

    settings, pending = invocation.settings(), None
    if tenant is not None and "," not in tenant and tenant not in settings.tenants:
        name = tenant
        current = invocation.ask(lambda app: find_inventory(app, name))
    else:
        name, *others = chosen_tenants(settings, tenant, is_all=all_tenants)
        if others or all_tenants:
            from orchestrator.cli.inventory_several import show_several

            return show_several(invocation, (name, *others))
        current, pending = invocation.ask(lambda app: describe_inventory(app, name))
    facts = inventory_object(name, current, pending)
    if invocation.output is Format.TABLE:
        words = {name: _counts(facts[name]) for name in ("byManagementAgent", "byOs", "changes")}
        waits = None if pending is None else f"{pending.summary.devices:,} devices wait to be accepted"
        show_facts({**facts, **words, "pending": waits}, Format.TABLE)
        _say_devices(pending or current)
    else:
        show_facts(facts, invocation.output)
    say_unattached(invocation.ask(unattached_inventories))
    return 0


def _counts(found: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in found.items() if isinstance(count, int))


@inventory.command()
@click.option("--tenant", metavar="NAME|ID", required=True, help="Whose inventory; also the id of a tenant that left.")
@reason_option
@click.option("--yes", "-y", is_flag=True, help="Ask no question.")
@pass_invocation
def remove(invocation: Invocation, *, tenant: str, reason: str | None, yes: bool) -> None:
    """Remove the inventory of a tenant for good, also of one that is not in the settings any more.

    Jobs, reports and audit entries stay. Lists of names are not matched until another one is imported or refreshed.
    """
    from orchestrator.domain.figures import plural
    from orchestrator.inventory.remove_inventory import find_inventory, remove_inventory

    found = invocation.ask(lambda app: find_inventory(app, tenant))
    if not yes:
        confirm_change(f"Remove the inventory of tenant {tenant} ({plural(found.summary.devices, 'device')})?")
    gone = invocation.ask(lambda app: remove_inventory(app, tenant, by=actor(), reason=reason))
    click.echo(f"The inventory of tenant {tenant} ({plural(gone.summary.devices, 'device')}) is removed.", err=True)


@inventory.command()
@click.argument("text", metavar="TEXT")
@_tenant_option
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="Devices at most.")
@output_option
@pass_invocation
def search(invocation: Invocation, text: str, *, tenant: str | None, limit: int) -> None:
    """Devices whose name, serial number, user or id contains TEXT."""
    from orchestrator.cli.output import show_rows
    from orchestrator.cli.submission import chosen_tenant
    from orchestrator.inventory.contents import search_inventory
    from orchestrator.views.inventory import DeviceFacts, device_object

    name = chosen_tenant(invocation.settings(), tenant)
    found = invocation.ask(lambda app: search_inventory(app, name, text, limit=limit))
    if invocation.output is Format.TABLE and not found:
        click.echo(f"No device of tenant {name} fits {text!r}.", err=True)
        return
    columns = ("name", "serialNumber", "id", "managementAgent", "os", "userPrincipalName", "lastContactAt")
    rows = [device_object(device) for device in found]
    show_rows(rows, invocation.output, columns=columns, folds={"name"}, names=DeviceFacts.__annotations__)
    if invocation.output is Format.TABLE and len(found) == limit:
        click.echo(f"These are the first {limit:,}; --limit shows more.", err=True)


def _say_pending(refreshed: RefreshedInventory) -> None:
    from orchestrator.domain.figures import local

    gone, before = refreshed.inventory.changes.gone, refreshed.before
    if before is not None:
        click.echo(
            f"This is not in force: {gone:,} of {before.summary.devices:,} devices would go, more than a tenth. The "
            f"inventory of {local(before.read_at)} stays in force. Find out why they are gone. If they are to go, "
            "`muster inventory refresh --accept` puts the new inventory in force.",
            err=True,
        )


def _say_figures(tenant: str, inventory: Inventory) -> None:
    from orchestrator.domain.figures import plural

    summary, changes = inventory.summary, inventory.changes
    click.echo(
        f"Inventory of tenant {tenant}: {plural(summary.devices, 'device')}, {summary.eligible:,} of them can take a "
        "ConfigMgr action."
    )
    click.echo(
        f"Since the one before: {changes.new:,} new, {changes.gone:,} gone, {changes.renamed:,} renamed, "
        f"{changes.no_longer_eligible:,} can no longer take a ConfigMgr action."
    )
    _say_devices(inventory)


def _say_devices(inventory: Inventory) -> None:
    """Some of the devices that changed, a line for each kind of change."""
    from orchestrator.domain.inventory_changes import some_names

    for words, count, devices in inventory.changes.kinds:
        if devices:
            click.echo(f"{words.capitalize()}: {shown(some_names(devices, count, most=_MOST_NAMED))}")


def say_unattached(inventories: Sequence[Inventory]) -> None:
    """Name the inventories whose tenants left the settings."""
    from orchestrator.domain.figures import local, plural
    from orchestrator.inventory.remove_inventory import goes_at, tenant_id_of

    for each in inventories:
        click.echo(
            f"An inventory of tenant {each.tenant} ({plural(each.summary.devices, 'device')}) is kept, and no tenant "
            f"in the settings leads to it. It goes by itself from {local(goes_at(each))} on, when jobs are pruned; "
            f"`muster inventory remove --tenant {tenant_id_of(each)}` removes it now.",
            err=True,
        )


def _say(tenant: str, imported: ImportedInventory) -> None:
    from orchestrator.domain.figures import plural

    _say_figures(tenant, imported.inventory)
    if imported.skipped and imported.first_skipped is not None:
        line, why = imported.first_skipped
        click.echo(
            f"{plural(imported.skipped, 'row')} left out for want of a managed device id; the first is line {line}: "
            f"{why}.",
            err=True,
        )
    if "serial_number" not in imported.fields:
        click.echo("The file has no serial numbers, so lists of serial numbers cannot be matched.", err=True)


_MOST_NAMED = 10
