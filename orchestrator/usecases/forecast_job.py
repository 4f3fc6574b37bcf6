"""Say beforehand when a job will be done."""

from __future__ import annotations

from datetime import timedelta

from orchestrator.domain.forecast import Forecast, forecast
from orchestrator.domain.tenant import Tenant
from orchestrator.usecases.app import App


async def forecast_new(app: App, tenant: Tenant, calls: int) -> Forecast:
    """The forecast for a job that would be submitted now."""
    async with app.store.reading() as tx:
        active = await tx.jobs.active_in(tenant.lane)
        tallies = await tx.jobs.tallies(active)
    ahead = sum(tally.waiting + tally.sending for tally in tallies.values())
    return forecast(calls, ahead, tenant.write_limit)


def seconds_left(app: App, tenant_name: str, calls: int, sharing: int) -> timedelta | None:
    """How long `calls` of a job take when `sharing` jobs share its lane; None where nothing paces it."""
    tenant = app.tenants.get(tenant_name)
    if tenant is None:
        return None
    seconds = forecast(calls * max(1, sharing), 0, tenant.write_limit).seconds
    return None if seconds is None else timedelta(seconds=seconds)
