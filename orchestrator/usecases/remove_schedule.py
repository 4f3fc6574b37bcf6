"""Remove a schedule with its history."""

from __future__ import annotations

import structlog

from orchestrator.domain.access import Asker, Role
from orchestrator.usecases.app import App

log = structlog.get_logger()


async def remove_schedule(app: App, name: str, *, by: Asker, reason: str | None = None) -> None:
    """Remove a schedule and its history; its jobs stay."""
    by.grant.refuse_below(Role.OPERATOR)
    async with app.store.transaction() as tx:
        await tx.schedules.remove(name)
        await tx.audit.write(by, "schedule.removed", name, reason=reason, now=await tx.now())
    log.info("schedule.removed", schedule=name, by=by.name)
