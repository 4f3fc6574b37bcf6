"""Devices by name: the search over all inventories, the story of one device, and the inventories themselves."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from orchestrator.app import App
from orchestrator.domain.confirmation import inventory_facts
from orchestrator.domain.inventory import InventoryDevice, NoInventory
from orchestrator.http.web_context import MOST_OF_A_BODY, Parts, WebContext
from orchestrator.inventory.contents import describe_inventory, search_inventory
from orchestrator.inventory.device_history import AmbiguousDevice, DeviceHistory, UnknownDevice, describe_devices
from orchestrator.inventory.refresh_inventory import accept_inventory
from orchestrator.inventory.remove_inventory import goes_at, tenant_id_of, unattached_inventories
from orchestrator.store.jobs.inventory import Inventory
from orchestrator.web.addresses import query
from orchestrator.web.device_story import call_words, last_days, sentence
from orchestrator.web.display import display_of
from orchestrator.web.form_fields import Reason
from orchestrator.web.pages import Pages
from orchestrator.web.session import Operator, Viewer
from orchestrator.web.shown import Shown, shown_text

MOST_FOUND = 50
_Name = Annotated[str, Query(max_length=200)]


def device_pages(pages: Pages) -> APIRouter:
    """The pages below /devices and /inventory."""
    routes = APIRouter(max_body_size=MOST_OF_A_BODY)
    _add_devices(routes, pages)
    _add_inventory(routes, pages)
    return routes


def _add_devices(routes: APIRouter, pages: Pages) -> None:
    @routes.get("/devices")
    async def devices(request: Request, parts: Parts, _: Viewer, search: _Name = "", tenant: _Name = "") -> Response:
        text = search.replace("\x00", "").strip()
        names = [tenant] if tenant in parts.app.tenants else sorted(parts.app.tenants)
        found, without = await _search(parts.app, names, text)
        return pages.show(
            request,
            "devices.html",
            found=found[:MOST_FOUND],
            is_cut=len(found) > MOST_FOUND,
            without=without,
            search=text,
            tenant=tenant,
            tenants=sorted(parts.app.tenants),
        )

    @routes.get("/devices/{device}")
    async def device(request: Request, parts: Parts, _: Viewer, device: str, tenant: _Name = "") -> Response:
        try:
            history = await _history(parts, device, tenant)
        except AmbiguousDevice:
            return RedirectResponse(f"/devices{query(search=device, tenant=tenant)}", 303)
        now = parts.app.clock.now()
        return pages.show(
            request,
            "device.html",
            history=history,
            device=history.device,
            said=sentence(history.calls),
            days=last_days(history.calls, now, display_of(request).clock),
            call_words=call_words,
        )


def _add_inventory(routes: APIRouter, pages: Pages) -> None:
    @routes.get("/inventory")
    async def inventory(request: Request, parts: Parts, _: Viewer, tenant: _Name = "") -> Response:
        app, tenants = parts.app, sorted(parts.app.tenants)
        found = [await _inventory(parts, name) for name in ([tenant] if tenant in tenants else tenants)]
        return pages.show(
            request,
            "inventory.html",
            inventories=found,
            is_running=any(each["refresh"].running for each in found),
            unattached=[(each, tenant_id_of(each), goes_at(each)) for each in await unattached_inventories(app)],
            now=app.clock.now(),
            max_age=app.inventory_max_age,
            tenant=tenant,
            tenants=tenants,
        )

    @routes.post("/inventory/refresh")
    async def refresh(parts: Parts, visitor: Operator, tenant: Annotated[str, Form(max_length=200)]) -> Response:
        await parts.refreshes.begin(parts.app, tenant, by=visitor.actor, reason=None)
        return RedirectResponse("/inventory", 303)

    @routes.post("/inventory/accept")
    async def accept(
        parts: Parts,
        visitor: Operator,
        shown: Shown,
        tenant: Annotated[str, Form(max_length=200)],
        reason: Reason,
    ) -> Response:
        await accept_inventory(parts.app, tenant, by=visitor.actor, reason=reason, shown=shown)
        return RedirectResponse("/inventory", 303)


async def _history(parts: WebContext, device: str, tenant: str) -> DeviceHistory:
    """The device in the tenant; where none is named, in the first tenant that knows it, the usual one before others."""
    app, usual = parts.app, parts.settings.usual_tenant
    others = sorted(app.tenants, key=lambda name: (name != usual, name))
    names = [tenant] if tenant in app.tenants else others or [usual]
    for name in names[:-1]:
        with suppress(UnknownDevice):
            return (await describe_devices(app, name, device, allow_several=False))[0]
    return (await describe_devices(app, names[-1], device, allow_several=False))[0]


async def _search(app: App, tenants: list[str], text: str) -> tuple[list[tuple[str, InventoryDevice]], list[str]]:
    """The devices that fit with their tenant, and the tenants that have no inventory."""
    found: list[tuple[str, InventoryDevice]] = []
    without = []
    for name in tenants:
        try:
            if text:
                found += [(name, each) for each in await search_inventory(app, name, text, limit=MOST_FOUND + 1)]
            else:
                await describe_inventory(app, name)
        except NoInventory:
            without.append(name)
    return found, without


async def _inventory(parts: WebContext, tenant: str) -> dict[str, Any]:
    app = parts.app
    current: Inventory | None
    pending: Inventory | None
    try:
        current, pending = await describe_inventory(app, tenant)
    except NoInventory:
        current, pending = None, None
    standing = await parts.refreshes.standing(app, tenant)
    shown = ""
    if current and pending:
        shown = shown_text(inventory_facts(pending.read_at, pending.summary.devices, current.summary.devices))
    return {"tenant": tenant, "current": current, "pending": pending, "refresh": standing, "shown": shown}
