"""`muster inventory refresh` and `show` for several tenants: a table of them, and the highest exit code."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import exits
from orchestrator.cli.invocation import Format, Invocation, actor
from orchestrator.cli.output import show_rows
from orchestrator.cli.tenant_choice import worst
from orchestrator.domain.errors import MusterError
from orchestrator.domain.inventory import NoInventory
from orchestrator.domain.plain_text import shown
from orchestrator.inventory.contents import describe_inventory
from orchestrator.inventory.reading import Route
from orchestrator.inventory.refresh_inventory import accept_inventory, refresh_inventory
from orchestrator.views.inventory import inventory_object

if TYPE_CHECKING:
    from orchestrator.app import App
    from orchestrator.store.jobs.inventory import Inventory

_RANK = ("tenant", "status", "devices", "readAt", "gone", "new", "eligible", "renamed")


@dataclass(frozen=True, slots=True)
class Found:
    """The inventories of a tenant: the one in force, and one that waits to be accepted."""

    current: Inventory | None
    pending: Inventory | None = None


def show_several(invocation: Invocation, tenants: Sequence[str]) -> int:
    """Shows the inventories of these tenants; a tenant without one is named, and its code counts."""

    async def look(app: App, tenant: str) -> Found:
        return Found(*await describe_inventory(app, tenant))

    return _for_each(invocation, tenants, look)


def refresh_several(
    invocation: Invocation, tenants: Sequence[str], *, accept: bool, route: Route, reason: str | None
) -> int:
    """Reads the devices of these tenants one after the other; a tenant that cannot be read keeps no other from it."""

    async def refresh(app: App, tenant: str) -> Found:
        click.echo(f"{tenant}:", err=True)
        if accept:
            return Found(await accept_inventory(app, tenant, by=actor(), reason=reason))
        refreshed = await refresh_inventory(
            app, tenant, by=actor(), reason=reason, route=route, say=lambda text: click.echo(text, err=True)
        )
        for note in refreshed.notes:
            click.echo(shown(note), err=True)
        new = refreshed.inventory
        return Found(refreshed.before, new) if new.is_pending else Found(new)

    return _for_each(invocation, tenants, refresh, pending_code=exits.STOPPED)


def _for_each(
    invocation: Invocation,
    tenants: Sequence[str],
    work: Callable[[App, str], Awaitable[Found]],
    *,
    pending_code: int = exits.DONE,
) -> int:
    async def ask(app: App) -> dict[str, Found | MusterError]:
        found: dict[str, Found | MusterError] = {}
        for tenant in tenants:
            try:
                found[tenant] = await work(app, tenant)
            except MusterError as problem:
                found[tenant] = problem
        return found

    found = invocation.ask(ask)
    line = _object if invocation.output.is_nested else _row
    show_rows([line(tenant, each) for tenant, each in found.items()], invocation.output, rank=_RANK, folds={"status"})
    if invocation.output is Format.TABLE and any(isinstance(each, NoInventory) for each in found.values()):
        click.echo("`muster inventory refresh --tenant NAME` reads an inventory from Graph.", err=True)
    return worst(
        exits.code_of(each) if isinstance(each, MusterError) else pending_code if each.pending else exits.DONE
        for each in found.values()
    )


def _object(tenant: str, found: Found | MusterError) -> Mapping[str, Any]:
    if isinstance(found, MusterError) or found.current is None:
        return {"tenant": tenant, "problem": str(found) if isinstance(found, MusterError) else _WAITS}
    return inventory_object(tenant, found.current, found.pending)


def _row(tenant: str, found: Found | MusterError) -> dict[str, Any]:
    names = ("devices", "eligible", "new", "gone", "renamed", "readAt")
    if isinstance(found, MusterError) or found.current is None:
        problem = str(found) if isinstance(found, MusterError) else _WAITS
        # One sentence below the table says how to make one.
        status = "no inventory" if isinstance(found, NoInventory) else problem
        return {"tenant": tenant, **dict.fromkeys(names), "status": status}
    figures = inventory_object(tenant, found.current)
    facts: Mapping[str, object] = {**figures["changes"], **figures}
    return {
        "tenant": tenant,
        **{name: facts[name] for name in names},
        "status": _WAITS if found.pending else "in force",
    }


_WAITS = "a newer one waits: `muster inventory refresh --accept`"
