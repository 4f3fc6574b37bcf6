"""Routes of the inventory, and of single devices."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Query

from orchestrator.api.access import Admin, Operator, Viewer
from orchestrator.api.etags import TaggedRoute, Unchanged
from orchestrator.api.idempotency import IdempotencyKey, repeat_check
from orchestrator.api.problems import problem_responses
from orchestrator.api.requests import Why
from orchestrator.http.web_context import Parts
from orchestrator.inventory.contents import describe_inventory, search_inventory
from orchestrator.inventory.device_history import describe_devices
from orchestrator.inventory.refresh_inventory import accept_inventory
from orchestrator.inventory.remove_inventory import remove_inventory
from orchestrator.views.collections import Items
from orchestrator.views.inventory import (
    DeviceFacts,
    DeviceHistoryFacts,
    InventoryFacts,
    RefreshFacts,
    device_history_object,
    device_object,
    inventory_object,
    refresh_object,
)

_NO_REASON = Why()
TenantName = Annotated[str | None, Query(description="Whose devices; without it, those of the default tenant.")]


def inventory_routes() -> APIRouter:
    """Everything below /api/inventory and /api/devices."""
    routes = APIRouter(prefix="/api", tags=["inventory"], route_class=TaggedRoute)

    @routes.get("/inventory", responses=problem_responses(404))
    async def inventory(parts: Parts, _: Viewer, tenant: TenantName = None) -> InventoryFacts:
        """The inventory of a tenant in figures: how many devices, from where, and how old."""
        name = tenant or parts.settings.usual_tenant
        return inventory_object(name, *await describe_inventory(parts.app, name))

    @routes.delete("/inventory", status_code=204, responses=problem_responses(400, 404))
    async def remove_of_tenant(
        parts: Parts,
        by: Admin,
        _: Unchanged,
        tenant: Annotated[str, Query(description="A tenant's name, or the Entra tenant id of one that left.")],
        reason: Annotated[str | None, Query(max_length=2000)] = None,
    ) -> None:
        """Remove the inventory of a tenant for good, also of one that is not in the settings any more."""
        await remove_inventory(parts.app, tenant, by=by, reason=reason)

    @routes.get("/inventory/refresh", responses=problem_responses(404))
    async def refresh_standing(parts: Parts, _: Viewer, tenant: TenantName = None) -> RefreshFacts:
        """Where the refresh of a tenant's inventory stands."""
        name = tenant or parts.settings.usual_tenant
        return refresh_object(name, await parts.refreshes.standing(parts.app, name))

    @routes.post("/inventory/refresh", status_code=202, responses=problem_responses(400, 404))
    async def begin_refresh(
        parts: Parts,
        by: Operator,
        tenant: TenantName = None,
        why: Annotated[Why, Body()] = _NO_REASON,
        key: IdempotencyKey = None,
    ) -> RefreshFacts:
        """Begin to read the tenant's devices from Graph; GET on the same address says how that goes."""
        name = tenant or parts.settings.usual_tenant
        is_repeat = repeat_check(key, by, "refresh", name, why)
        await parts.refreshes.begin(parts.app, name, by=by, reason=why.reason, is_repeat=is_repeat)
        return refresh_object(name, await parts.refreshes.standing(parts.app, name))

    @routes.post("/inventory/accept", responses=problem_responses(400, 404))
    async def accept(
        parts: Parts,
        by: Operator,
        tenant: TenantName = None,
        why: Annotated[Why, Body()] = _NO_REASON,
        key: IdempotencyKey = None,
    ) -> InventoryFacts:
        """Put the inventory in force that waits because too many devices are gone."""
        name = tenant or parts.settings.usual_tenant
        is_repeat = repeat_check(key, by, "accept", name, why)
        await accept_inventory(parts.app, name, by=by, reason=why.reason, is_repeat=is_repeat)
        return inventory_object(name, *await describe_inventory(parts.app, name))

    _add_devices(routes)
    return routes


def _add_devices(routes: APIRouter) -> None:
    @routes.get("/devices", responses=problem_responses(404))
    async def devices(
        parts: Parts,
        _: Viewer,
        search: Annotated[
            str | None, Query(min_length=1, description="Part of a name, a serial number, a user or an id.")
        ] = None,
        tenant: TenantName = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    ) -> Items[DeviceFacts]:
        """The first devices of the inventory, by name: of all, or of those that a text fits."""
        found = await search_inventory(parts.app, tenant or parts.settings.usual_tenant, search, limit=limit)
        return {"items": [*map(device_object, found)]}

    @routes.get("/devices/{device}", responses=problem_responses(404, 409))
    async def device(parts: Parts, _: Viewer, device: str, tenant: TenantName = None) -> DeviceHistoryFacts:
        """One device by id, name or serial number: what it is, and everything that was asked of it."""
        name = tenant or parts.settings.usual_tenant
        [history] = await describe_devices(parts.app, name, device, allow_several=False)
        return device_history_object(history)
