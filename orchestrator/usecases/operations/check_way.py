"""Look at the way to Graph before the first call: what cannot arrive is not sent."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from orchestrator.app import App, Connection, WayView
from orchestrator.domain.errors import GraphUnreachable, SettingsInvalid, SignInRefused, TokenUnusable

_PATIENCE = 15.0
"""Seconds for the sign-in and the connection together: `run` is to say within 20 that Graph cannot be reached."""

_SKEW = timedelta(minutes=5)
"""How wrong the clock of this machine may be before it makes a good token look expired."""


async def check_way(app: App, tenant_name: str) -> WayView:
    """Sign in and go the way of a call, for a tenant; the way that was found.

    SignInUnreachable or GraphUnreachable within 20 seconds; SettingsInvalid where a setting or a variable can be no
    way. A sign-in that is refused is no matter of the way: the first call tells.
    """
    tenant = app.tenant(tenant_name)
    connection = await app.connect(tenant)
    try:
        async with asyncio.timeout(_PATIENCE):
            if not tenant.is_foreground_only:
                await _check_token(app, connection, tenant_name)
            return await connection.check_way()
    except TimeoutError as late:
        raise GraphUnreachable(
            f"Neither Graph ({tenant.root}) nor its sign-in answered within {_PATIENCE:.0f} seconds. Check the "
            "network, HTTPS_PROXY and NO_PROXY, and MUSTER_GRAPH_URL."
        ) from late


async def _check_token(app: App, connection: Connection, tenant_name: str) -> None:
    try:
        view = await connection.token_view()
    except TokenUnusable as problem:
        raise SettingsInvalid(f"Tenant {tenant_name!r}: {problem}") from problem
    except SignInRefused:
        return
    if view.misfit is not None:
        raise SettingsInvalid(f"The access token of tenant {tenant_name!r} {view.misfit}.")
    if view.expires_at is not None and view.expires_at + _SKEW <= app.clock.now():
        raise SettingsInvalid(
            f"The access token of tenant {tenant_name!r} expired at {view.expires_at:%Y-%m-%d %H:%M} UTC. Fetch "
            "another for MUSTER_ACCESS_TOKEN, or let Muster sign in by itself."
        )
