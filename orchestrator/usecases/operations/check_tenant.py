"""Sign in and read the token, before any device is called."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.app import App
from orchestrator.domain.errors import MusterError
from orchestrator.domain.lane import Cloud
from orchestrator.domain.sign_in_facts import TokenView
from orchestrator.domain.tenant import NEEDED_PERMISSION, Permission, Tenant

_PATIENCE = 18.0
"""Seconds for a connection to Graph and a look at the certificate."""

_AT_ONCE = 8
"""Tenants that are checked together: each may take half a minute to say that it cannot be reached."""

RELAY = (
    "204 means that Graph took the request and will relay it. ConfigMgr checks the caller again on premises and may "
    "refuse without telling Graph, an app without a user most of all: try one device first, and look for it in "
    "CMGatewayNotificationWorker.log on the service connection point."
)


@dataclass(frozen=True, slots=True)
class TenantCheck:
    """The claims of a tenant's token, and what a person should know or mend."""

    tenant: Tenant
    permission: Permission
    fits: bool
    facts: tuple[tuple[str, str], ...]
    advice: tuple[str, ...]
    is_expired: bool = False
    unreachable: str | None = None

    @property
    def is_usable(self) -> bool:
        """Whether the token, as far as it can be read, allows calls."""
        return self.permission is not Permission.MISSING and self.fits and not self.is_expired

    @property
    def doubt(self) -> str | None:
        """The first sentence of advice where the token allows no calls, or cannot be read; else None."""
        is_judged = self.permission is not Permission.UNREADABLE
        return None if self.is_usable and is_judged else self.advice[0]


@dataclass(frozen=True, slots=True)
class WayCheck:
    """Whether a call of a tenant would reach Graph; `detail` says how it goes, or what keeps it away."""

    ok: bool
    detail: str


async def check_way_of(app: App, name: str) -> WayCheck:
    """Returns whether a call of the tenant would reach Graph; calls no device."""
    tenant = app.tenant(name)
    try:
        connection = await app.connect(tenant)
        async with asyncio.timeout(_PATIENCE):
            way = await connection.check_way()
            issuer = await connection.issuer_seen()
    except TimeoutError:
        return WayCheck(ok=False, detail=f"Graph ({tenant.root}) did not answer within {_PATIENCE:.0f} seconds.")
    except MusterError as problem:
        return WayCheck(ok=False, detail=str(problem))
    through = f" through the proxy {way.proxy}" if way.proxy else ""
    shown = f"; its certificate was issued by “{issuer}”" if issuer else ""
    return WayCheck(ok=True, detail=f"{way.root} answers{through}{shown}")


async def check_tenant(app: App, name: str, way: WayCheck | None = None) -> TenantCheck:
    """Fetch a token, read it, and go the way of a call, unless that was done; SignInRefused or SignInUnreachable."""
    tenant = app.tenant(name)
    view = await (await app.connect(tenant)).token_view()
    way = way or await check_way_of(app, name)
    is_expired = view.expires_at is not None and view.expires_at <= app.clock.now()
    advice = _advice(tenant, view)
    if is_expired:
        advice = ("The token has expired: fetch another, or let Muster sign in by itself.", *advice)
    facts = (*_facts(tenant, view), ("way to Graph", way.detail))
    unreachable = None if way.ok else way.detail
    return TenantCheck(tenant, view.permission, view.misfit is None, facts, advice, is_expired, unreachable)


async def check_tenants(app: App, names: Sequence[str]) -> dict[str, TenantCheck | MusterError]:
    """The check of each tenant, or why it could not be made; several at a time."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def check(name: str) -> TenantCheck | MusterError:
        async with room:
            try:
                return await check_tenant(app, name)
            except MusterError as problem:
                return problem

    return dict(zip(names, await asyncio.gather(*map(check, names)), strict=True))


def _facts(tenant: Tenant, view: TokenView) -> tuple[tuple[str, str], ...]:
    limit = "none" if tenant.write_limit is None else str(tenant.write_limit)
    known = [
        ("cloud", tenant.cloud.value),
        ("Graph", tenant.root),
        ("write limit", limit),
        ("signed in as", view.kind),
        ("app", view.app),
        ("tenant id", view.tenant),
        ("audience", view.audience),
        ("permissions", ", ".join(view.permissions) or None),
        ("token valid until", view.expires_at.isoformat(timespec="seconds") if view.expires_at else None),
    ]
    return tuple((key, value) for key, value in known if value is not None)


def _advice(tenant: Tenant, view: TokenView) -> tuple[str, ...]:
    advice = []
    if view.misfit is not None:
        advice.append(f"The token {view.misfit}.")
    if view.permission is Permission.MISSING:
        advice.append(
            f"The token lacks {NEEDED_PERMISSION}. Add it to the app's API permissions (Microsoft Graph, application) "
            "and grant admin consent; a token that is in use already gets it with its next renewal."
        )
    if view.permission is Permission.UNREADABLE:
        advice.append("The token cannot be read, so it is not judged; the first call will tell.")
    if view.kind == "person":
        advice.append("Signed in as a person: an Intune role with Remote tasks is needed as well.")
    if tenant.cloud is Cloud.CHINA:
        advice.append("Microsoft does not offer ConfigMgr device actions in the cloud operated by 21Vianet.")
    advice.append(RELAY)
    return tuple(advice)
