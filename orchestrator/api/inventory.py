"""Routes of the inventory, and of single devices."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Query

from orchestrator.api.access import Admin, Operator, Viewer
from orchestrator.api.etags import TaggedRoute, Unchanged
from orchestrator.api.problems import problem_responses
from orchestrator.api.requests import Why
from orchestrator.domain.figures import rfc3339
from orchestrator.http.json_model import JsonModel
from orchestrator.http.web_context import Parts, WebContext
from orchestrator.inventory.contents import describe_inventory, search_inventory
from orchestrator.inventory.device_history import describe_devices
from orchestrator.inventory.inventory_json import device_history_object, device_object, inventory_object
from orchestrator.inventory.refresh_inventory import accept_inventory
from orchestrator.inventory.remove_inventory import remove_inventory

_NO_REASON = Why()
TenantName = Annotated[str | None, Query(description="Whose devices; the usual tenant if not given.")]


class ChangedDeviceFacts(JsonModel):
    """A device that changed; `before` is the former name of one that was renamed."""

    id: str
    name: str | None
    before: str | None


class ChangedDevices(JsonModel):
    """Devices of each kind of change, by name, the first 50; of a tenant's first inventory none is named."""

    new: list[ChangedDeviceFacts]
    gone: list[ChangedDeviceFacts]
    renamed: list[ChangedDeviceFacts]
    no_longer_eligible: list[ChangedDeviceFacts]


class InventoryChangeCounts(JsonModel):
    """The difference from the inventory before, in devices."""

    new: int
    gone: int
    renamed: int
    no_longer_eligible: int
    devices: ChangedDevices


class InventoryFacts(JsonModel):
    """An inventory in figures."""

    tenant: str
    source: str
    read_at: str
    devices: int
    eligible: int
    by_management_agent: dict[str, int]
    by_os: dict[str, int]
    file_name: str | None
    read_by: str
    changes: InventoryChangeCounts
    pending: InventoryFacts | None


class RefreshFacts(JsonModel):
    """The refresh of an inventory that runs, and why the last one of this process failed."""

    tenant: str
    running: bool
    begun_at: str | None
    begun_by: str | None
    devices: int | None
    failure: str | None


class DeviceFacts(JsonModel):
    """A device of the inventory."""

    id: str
    name: str | None
    serial_number: str | None
    entra_device_id: str | None
    config_mgr_id: str | None
    user_principal_name: str | None
    os: str | None
    management_agent: str | None
    last_contact_at: str | None
    eligible: bool


class DeviceList(JsonModel):
    """Devices that a search found, by name."""

    items: list[DeviceFacts]


class AttemptFacts(JsonModel):
    """One job's target on a device, and how it stands."""

    job: str
    job_name: str | None
    action: str
    at: str
    status: str
    http_status: int | None
    error_code: str | None
    error_message: str | None
    request_id: str | None
    calls: int
    submitted_by: str


class DeviceHistoryFacts(DeviceFacts):
    """A device and everything that was asked of it, the newest job first."""

    tenant: str
    inventory_at: str | None
    attempts: list[AttemptFacts]


def inventory_routes() -> APIRouter:
    """Everything below /api/inventory and /api/devices."""
    routes = APIRouter(prefix="/api", tags=["inventory"], route_class=TaggedRoute)

    @routes.get("/inventory", responses=problem_responses(404))
    async def inventory(parts: Parts, _: Viewer, tenant: TenantName = None) -> InventoryFacts:
        """The inventory of a tenant in figures: how many devices, from where, and how old."""
        name = tenant or parts.settings.usual_tenant
        return InventoryFacts.model_validate(inventory_object(name, *await describe_inventory(parts.app, name)))

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
        return await _standing(parts, tenant or parts.settings.usual_tenant)

    @routes.post("/inventory/refresh", status_code=202, responses=problem_responses(400, 404))
    async def begin_refresh(
        parts: Parts, by: Operator, tenant: TenantName = None, why: Annotated[Why, Body()] = _NO_REASON
    ) -> RefreshFacts:
        """Begin to read the tenant's devices from Graph; GET on the same address says how that goes."""
        name = tenant or parts.settings.usual_tenant
        await parts.refreshes.begin(parts.app, name, by=by, reason=why.reason)
        return await _standing(parts, name)

    @routes.post("/inventory/accept", responses=problem_responses(400, 404))
    async def accept(
        parts: Parts, by: Operator, tenant: TenantName = None, why: Annotated[Why, Body()] = _NO_REASON
    ) -> InventoryFacts:
        """Put the inventory in force that waits because too many devices are gone."""
        name = tenant or parts.settings.usual_tenant
        await accept_inventory(parts.app, name, by=by, reason=why.reason)
        return InventoryFacts.model_validate(inventory_object(name, *await describe_inventory(parts.app, name)))

    @routes.get("/devices", responses=problem_responses(404))
    async def devices(
        parts: Parts,
        _: Viewer,
        search: Annotated[str, Query(min_length=1, description="Part of a name, a serial number, a user or an id.")],
        tenant: TenantName = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    ) -> DeviceList:
        """Devices of the inventory that a text fits."""
        found = await search_inventory(parts.app, tenant or parts.settings.usual_tenant, search, limit=limit)
        return DeviceList.model_validate({"items": [*map(device_object, found)]})

    @routes.get("/devices/{device}", responses=problem_responses(404, 409))
    async def device(parts: Parts, _: Viewer, device: str, tenant: TenantName = None) -> DeviceHistoryFacts:
        """One device by id, name or serial number: what it is, and everything that was asked of it."""
        name = tenant or parts.settings.usual_tenant
        [history] = await describe_devices(parts.app, name, device, allow_several=False)
        return DeviceHistoryFacts.model_validate(device_history_object(history))

    return routes


async def _standing(parts: WebContext, tenant: str) -> RefreshFacts:
    standing = await parts.refreshes.standing(parts.app, tenant)
    running = standing.running
    return RefreshFacts(
        tenant=tenant,
        running=running is not None,
        begun_at=None if running is None else rfc3339(running.begun_at),
        begun_by=None if running is None else running.read_by,
        devices=None if running is None else running.devices,
        failure=standing.failure,
    )
