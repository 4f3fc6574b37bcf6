"""Reads of the emergency stops."""

from __future__ import annotations

from orchestrator.app import App
from orchestrator.domain.emergency_stop import EmergencyStop, stop_of
from orchestrator.store.engine.database import Transaction


async def stops_in_force(app: App) -> list[EmergencyStop]:
    """The emergency stops in force, that of all tenants first."""
    async with app.store.reading() as tx:
        return await tx.emergency_stops.in_force()


async def halted_by(app: App, tx: Transaction, tenant: str) -> str | None:
    """The sentence of the stop that covers this tenant of the settings; None where its calls may leave."""
    known = app.tenants.get(tenant)
    stop = stop_of(await tx.emergency_stops.in_force(), tenant, None if known is None else known.lane)
    return None if stop is None else stop.sentence
