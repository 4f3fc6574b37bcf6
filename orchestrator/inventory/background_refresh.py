"""Refreshes in the background; all processes see each one through its rows."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

from orchestrator.app import App
from orchestrator.domain.access import Actor, Scope
from orchestrator.domain.errors import MusterError, RequestRejected
from orchestrator.inventory.refresh_inventory import INTERRUPTED_AFTER, IsRepeat, refresh_inventory
from orchestrator.store.engine.database import Transaction
from orchestrator.store.jobs.inventory import Reception
from orchestrator.telemetry.logger import get_logger

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RefreshStanding:
    """The refresh of a tenant: the one that runs, in whichever process, and why this process's last one failed."""

    running: Reception | None
    step: str | None = None
    failure: str | None = None
    failed_at: datetime | None = None


class BackgroundRefreshes:
    """The refreshes that this process runs, one for each tenant at a time."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._steps: dict[str, str] = {}
        self._failures: dict[str, tuple[str, datetime]] = {}

    async def begin(
        self, app: App, tenant_name: str, *, by: Actor, reason: str | None, is_repeat: IsRepeat | None = None
    ) -> None:
        """Refresh the tenant's inventory in the background; RequestRejected where a refresh of it runs already.

        Returns when `standing` tells of it, in any process; a repeated request begins nothing.
        """
        tenant = app.tenant(tenant_name)
        by.grant.refuse_change(Scope(tenants=frozenset({tenant.name})))
        async with app.store.transaction() as tx:
            if is_repeat is not None and await is_repeat(tx):
                return
            if tenant_name in self._tasks or await _running(tx, tenant.directory) is not None:
                raise RequestRejected(f"A refresh of the inventory of tenant {tenant_name!r} is running already.")
            self._failures.pop(tenant_name, None)
            is_begun = asyncio.Event()
            work = self._refresh(app, tenant_name, by, reason, is_begun)
            self._tasks[tenant_name] = task = asyncio.create_task(work, name=f"refresh {tenant_name}")
        task.add_done_callback(lambda _: self._forget(tenant_name))
        task.add_done_callback(lambda _: is_begun.set())
        await is_begun.wait()

    async def standing(self, app: App, tenant_name: str) -> RefreshStanding:
        """Where the refresh of a tenant stands."""
        directory = app.tenant(tenant_name).directory
        async with app.store.reading() as tx:
            running = await _running(tx, directory)
        failure, failed_at = self._failures.get(tenant_name, (None, None))
        return RefreshStanding(running, self._steps.get(tenant_name), failure, failed_at)

    async def close(self) -> None:
        """Interrupt what runs; the inventories before stay in force."""
        for task in self._tasks.values():
            task.cancel()
        await self.finished()

    async def finished(self) -> None:
        """Wait until nothing runs here."""
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _refresh(
        self, app: App, tenant_name: str, by: Actor, reason: str | None, is_begun: asyncio.Event
    ) -> None:
        def say(step: str) -> None:
            # The first step is said when the inventory that is read has its row.
            self._steps[tenant_name] = step
            is_begun.set()

        try:
            await refresh_inventory(app, tenant_name, by=by, reason=reason, say=say)
        except MusterError as problem:
            self._failures[tenant_name] = (str(problem), app.clock.now())
            log.warning("inventory.refresh_failed", tenant=tenant_name, reason=str(problem))
        except Exception as fault:
            words = f"This is a fault of Muster: {type(fault).__name__}. The log has more."
            self._failures[tenant_name] = (words, app.clock.now())
            log.exception("inventory.refresh_broke", tenant=tenant_name)

    def _forget(self, tenant_name: str) -> None:
        self._tasks.pop(tenant_name, None)
        self._steps.pop(tenant_name, None)


async def _running(tx: Transaction, directory: str) -> Reception | None:
    return await tx.inventories.receiving(directory, touched_since=await tx.now() - INTERRUPTED_AFTER)
