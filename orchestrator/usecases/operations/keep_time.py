"""The work of a clock: fire schedules, write and send notices, recover stalled jobs, wake workers, remove old jobs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from orchestrator.app import App
from orchestrator.domain.access import Actor
from orchestrator.engine.publish_waiting import publish_waiting
from orchestrator.engine.recovery import recover_stalled
from orchestrator.engine.repeatedly import repeatedly
from orchestrator.engine.stop import StopSignal
from orchestrator.inventory.refresh_when_due import InventoryRefresher
from orchestrator.store.work.workers import WorkerSeen
from orchestrator.telemetry.logger import get_logger
from orchestrator.usecases.operations.prune import prune
from orchestrator.usecases.operations.send_notices import send_notices
from orchestrator.usecases.operations.write_attention_notices import AttentionNotices
from orchestrator.usecases.operations.write_inventory_notices import write_inventory_notices
from orchestrator.usecases.operations.write_notices import write_end_notices
from orchestrator.usecases.schedules.expansions import Expansions
from orchestrator.usecases.schedules.fire_schedules import fire_schedules

log = get_logger(__name__)

_TICK = 2.0
_TICK_PATIENCE = 30.0
_FIRING = 1.0
_FIRING_PATIENCE = 3600.0
"""A list of a million devices takes minutes to become a job."""

_PRUNING = 3600.0
_PRUNING_PATIENCE = 1800.0
"""A job of a million targets takes seconds to remove; what is left is the next hour's."""

_REFRESHING = 60.0
_REFRESHING_PATIENCE = 3600.0
"""Reading a large tenant takes minutes; export jobs alone up to twenty."""

_TELLING = 2.0
_TELLING_PATIENCE = 300.0

_LOOKING = 20.0
"""A look at what needs attention takes some twenty statements."""


async def keep_time(app: App, stop: StopSignal) -> None:
    """Runs the clock until it is told to stop; after an error the next tick tries again."""
    log.info("clock.ready", worker=app.worker)
    async with ticking(app):
        await stop.wait()


@asynccontextmanager
async def ticking(app: App) -> AsyncIterator[None]:
    """Runs a clock inside this process for as long as the block lasts; each of its tasks repeats by itself."""
    expansions = Expansions()

    async def fire(app: App) -> None:
        await fire_schedules(app, expansions)

    tasks = [
        asyncio.create_task(
            repeatedly(app.clock, every, partial(work, app), patience=patience, name="clock"), name=name
        )
        for name, every, patience, work in (
            ("tick", _TICK, _TICK_PATIENCE, tick),
            ("firing", _FIRING, _FIRING_PATIENCE, fire),
            ("telling", _TELLING, _TELLING_PATIENCE, _send_notices),
            ("inventories", _REFRESHING, _REFRESHING_PATIENCE, InventoryRefresher()),
            ("inventory notices", _REFRESHING, _TELLING_PATIENCE, write_inventory_notices),
            ("attention notices", _LOOKING, _TELLING_PATIENCE, AttentionNotices()),
            ("pruning", _PRUNING, _PRUNING_PATIENCE, _prune),
        )
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await expansions.close()


async def tick(app: App) -> None:
    """One tick: any number of clocks may do it at once."""
    await recover_stalled(app)
    async with app.store.transaction() as tx:
        now = await tx.now()
        await tx.workers.beat(WorkerSeen(app.worker, app.kind, None, app.version, app.started_at, now))
    await publish_waiting(app)


async def _send_notices(app: App) -> None:
    while await write_end_notices(app):
        continue
    await send_notices(app)


async def _prune(app: App) -> None:
    await prune(app, keep_days=app.keep_days, by=Actor("retention", "clock"))
