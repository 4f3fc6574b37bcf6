"""The tenants with app, limit and end of credentials; and a test that signs in and calls no device."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Request, Response

from orchestrator.app import App
from orchestrator.domain.attention_rules import CREDENTIAL_SOON
from orchestrator.domain.errors import MusterError
from orchestrator.domain.tenant import Tenant
from orchestrator.http.web_context import MOST_OF_A_BODY, Parts, WebContext
from orchestrator.settings import TenantSettings
from orchestrator.usecases.operations.check_tenant import TenantCheck, check_tenant
from orchestrator.web.pages import Pages, is_fragment
from orchestrator.web.session import Operator, Viewer


@dataclass(frozen=True, slots=True)
class TenantCard:
    """A tenant as its page shows it; no secret is in it. `credential` names what ends at `ends_at`."""

    tenant: Tenant
    settings: TenantSettings
    credential: str | None
    ends_at: datetime | None
    inventory_at: datetime | None


def tenant_pages(pages: Pages) -> APIRouter:
    """Everything below /tenants; the result of a test stands beside its button, or on the page without scripts."""
    routes = APIRouter(prefix="/tenants", max_body_size=MOST_OF_A_BODY)

    async def show(request: Request, parts: WebContext, checked: dict[str, TenantCheck | str]) -> Response:
        return pages.show(
            request,
            "tenants.html",
            cards=await _cards(parts),
            checked=checked,
            now=parts.app.clock.now(),
            soon=CREDENTIAL_SOON,
            max_age=parts.app.inventory_max_age,
            usual=parts.settings.usual_tenant,
        )

    @routes.get("")
    async def tenants(request: Request, parts: Parts, _: Viewer) -> Response:
        return await show(request, parts, {})

    @routes.get("/{name}/check")
    async def check_again(request: Request, parts: Parts, _: Viewer, name: str) -> Response:
        # A sign-in that interrupted the press of the button leads here.
        parts.app.tenant(name)
        return await show(request, parts, {})

    @routes.post("/{name}/check")
    async def check(request: Request, parts: Parts, visitor: Operator, name: str) -> Response:
        visitor.actor.grant.refuse_tenant(name)
        found = await _checked(parts.app, name)
        if is_fragment(request):
            return pages.show(request, "tenant_check.html", check=found)
        return await show(request, parts, {name: found})

    return routes


async def _checked(app: App, name: str) -> TenantCheck | str:
    app.tenant(name)
    try:
        return await check_tenant(app, name)
    except MusterError as problem:
        return str(problem)


async def _cards(parts: WebContext) -> list[TenantCard]:
    app = parts.app
    ends = {each.tenant: each for each in app.credential_ends()}
    async with app.store.reading() as tx:
        read_times = await tx.inventories.read_times()
    return [
        TenantCard(
            tenant,
            parts.settings.tenants.get(name, TenantSettings(name)),
            ends[name].what if name in ends else None,
            ends[name].ends_at if name in ends else None,
            read_times.get(tenant.directory),
        )
        for name, tenant in sorted(app.tenants.items())
    ]
