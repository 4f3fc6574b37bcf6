"""Inventories that the settings say to refresh by themselves are refreshed when they are due."""

from __future__ import annotations

from datetime import datetime

from orchestrator.app import App
from orchestrator.domain.access import Actor
from orchestrator.domain.errors import MusterError
from orchestrator.domain.recurrence import Cron
from orchestrator.inventory.refresh_inventory import INTERRUPTED_AFTER, refresh_inventory
from orchestrator.store.work.workers import CLOCKS
from orchestrator.telemetry.logger import get_logger

log = get_logger(__name__)

_RETRY_AFTER = 900.0
"""Seconds after which a refresh that failed is tried again."""


class InventoryRefresher:
    """Refreshes the due inventories of one process; any number of processes may do it at once."""

    def __init__(self) -> None:
        self._failed_at: dict[str, float] = {}

    async def __call__(self, app: App) -> None:
        """Refresh what is due; a refresh that fails leaves the inventory before in force and is tried again later."""
        if app.kind not in CLOCKS:
            return
        for name, tenant in app.tenants.items():
            failed_at = self._failed_at.get(name)
            if failed_at is not None and app.clock.monotonic() - failed_at < _RETRY_AFTER:
                continue
            if tenant.inventory_refresh is None:
                continue
            async with app.store.reading() as tx:
                now = await tx.now()
                last = await tx.inventories.last_read_at(tenant.directory, touched_since=now - INTERRUPTED_AFTER)
            if not is_due(tenant.inventory_refresh, last or app.started_at, now):
                continue
            try:
                await refresh_inventory(app, name, by=Actor("inventory_refresh", "clock"))
                self._failed_at.pop(name, None)
            except MusterError as problem:
                self._failed_at[name] = app.clock.monotonic()
                log.warning("inventory.refresh_failed", tenant=name, reason=str(problem))


def is_due(cron: Cron, last: datetime, now: datetime) -> bool:
    """Whether an occurrence of the expression has come since the last reading."""
    instant = next(cron.occurrences(last), None)
    return instant is not None and instant.at <= now
