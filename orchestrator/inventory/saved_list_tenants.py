"""The tenant column of a saved list: which of its rows belong to which tenant."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from orchestrator.app import App
from orchestrator.domain.errors import RequestRejected
from orchestrator.intake.input_row import InputRow
from orchestrator.intake.pages import unpack, unpack_devices
from orchestrator.intake.tenant_column import TenantRows, names_of_tenants, place_of_tenants
from orchestrator.inventory.saved_list_pages import list_pages
from orchestrator.store.jobs.saved_lists import ListVersion


def rows_of_tenant(app: App, tenant: str) -> TenantRows:
    """Whose rows a job of this tenant takes from a list with a tenant column."""
    known = names_of_tenants((each.name, each.tenant_id) for each in app.tenants.values())
    return TenantRows(tenant, known, usual=app.usual_tenant)


async def devices_of_tenant(app: App, version: ListVersion, tenant: str) -> AsyncIterator[tuple[dict[int, str], int]]:
    """The devices of the tenant by line, page by page, each with the number of devices of other tenants.

    A list without a tenant column has the devices of any tenant. RequestRejected for a row whose tenant is not known.
    """
    place = place_of_tenants(version.columns)
    owners = rows_of_tenant(app, tenant)
    async for rows, devices in _pages(app, version, has_rows=place is not None):
        if place is None:
            yield devices, 0
            continue
        owned = {}
        for row in (each for each in rows if each.line in devices):
            if owners.owner_of(row.cells, place) is None:
                problem = owners.objection(row.cells, place)
                raise RequestRejected(f"List {version.name}, line {row.line}: {problem}. Mend the list and import it.")
            if owners.objection(row.cells, place) is None:
                owned[row.line] = devices[row.line]
        yield owned, len(devices) - len(owned)


async def tenants_of_saved_list(app: App, name: str) -> list[str] | None:
    """The known tenants whose rows the newest version has, in their order; None where it has no tenant column."""
    async with app.store.reading() as tx:
        version = await tx.lists.newest(name)
    place = place_of_tenants(version.columns)
    if place is None:
        return None
    owners = rows_of_tenant(app, "")
    found: dict[str, None] = {}
    async for rows, devices in _pages(app, version, has_rows=True):
        owner_of = (owners.owner_of(row.cells, place) for row in rows if row.line in devices)
        found |= dict.fromkeys(owner for owner in owner_of if owner is not None)
    return list(found)


async def _pages(
    app: App, version: ListVersion, *, has_rows: bool
) -> AsyncIterator[tuple[Sequence[InputRow], dict[int, str]]]:
    """The rows of each page, where they are asked for, and its devices by line."""
    async for page in list_pages(app, version):
        rows = await asyncio.to_thread(unpack, page.payload) if has_rows else []
        yield rows, await asyncio.to_thread(unpack_devices, page.devices)
