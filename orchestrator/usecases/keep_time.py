"""What a clock does: recover what stalled, and ring for work that nobody rang for."""

from __future__ import annotations

import asyncio

import structlog

from orchestrator.domain.errors import MusterError
from orchestrator.engine.stop import StopSignal
from orchestrator.store.workers import WorkerSeen
from orchestrator.usecases.app import App
from orchestrator.usecases.recover_stalled import recover_stalled

log = structlog.get_logger()

_TICK = 2.0
_TICK_PATIENCE = 30.0


async def keep_time(app: App, stop: StopSignal) -> None:
    """Tick until told to stop; an error of one tick is the next one's to mend."""
    log.info("clock.ready", worker=app.worker)
    while not stop.is_requested:
        try:
            async with asyncio.timeout(_TICK_PATIENCE):
                await tick(app)
        except (MusterError, TimeoutError) as problem:
            log.warning("clock.waiting", reason=str(problem))
        except Exception:
            log.exception("clock.broke")
        await stop.wait(_TICK)


async def tick(app: App) -> None:
    """One tick: any number of clocks may do it at once."""
    await recover_stalled(app)
    async with app.store.transaction() as tx:
        now = await tx.now()
        await tx.workers.beat(WorkerSeen(app.worker, app.kind, None, app.version, app.started_at, now))
        due = await tx.jobs.due(worker=app.worker, now=now)
    if due:
        await app.bell.ring(1)
