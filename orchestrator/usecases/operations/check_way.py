"""Check the way to Graph before a job starts or goes on: where no call could arrive, nothing is changed."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from orchestrator.app import App, Connection
from orchestrator.domain.access import Actor
from orchestrator.domain.errors import GraphUnreachable, SettingsInvalid, SignInRefused, TokenUnusable
from orchestrator.domain.sign_in_facts import WayView
from orchestrator.usecases.jobs.job_lane import lane_to_move_to, refuse_other_tenant

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


async def check_way_to_resume(app: App, wanted: str, *, by: Actor, rebind: bool) -> None:
    """Raises what `resume_job` and `check_way` raise where this process could not call the rest of the job.

    A job that has ended is left to `resume_job`, which says so.
    """
    async with app.store.reading() as tx:
        job = await tx.jobs.find(wanted)
    if job.status.is_final:
        return
    if not rebind:
        await lane_to_move_to(app, wanted, by=by, rebind=False, calls_here=True)
    await check_way(app, job.tenant)


async def check_way_to_retry(app: App, wanted: str) -> None:
    """Check the way to Graph for a new job of the old job's devices; the errors are those of a resume."""
    async with app.store.reading() as tx:
        job = await tx.jobs.find(wanted)
    refuse_other_tenant(app, job)
    await check_way(app, job.tenant)


async def check_way_to_run(app: App, schedule: str) -> None:
    """Check the way to Graph for a job of a schedule."""
    async with app.store.reading() as tx:
        tenant = (await tx.schedules.by_name(schedule)).order.tenant
    await check_way(app, tenant)


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
