"""Takes back the batches of silent workers, some at a time."""

from __future__ import annotations

from datetime import timedelta

from orchestrator.app import App
from orchestrator.domain.ids import JobNumber
from orchestrator.engine.circuit_breaker import judge_canaries
from orchestrator.telemetry.logger import get_logger

log = get_logger(__name__)

LEASE = timedelta(seconds=10)
"""How long a claim stands without a heartbeat; a killed worker's work is taken up soon after."""

_BATCHES_A_PAGE = 50
_JOBS_A_PAGE = 100
_RECEPTION_PATIENCE = timedelta(minutes=15)


async def recover_stalled(app: App) -> int:
    """Hand back batches whose worker went silent, and settle unsettled jobs; returns the number of batches.

    Not those that this process itself still holds: a process that stood still, or could not write for longer than a
    lease, knows what came of its calls, and would make them all again.
    """
    total, jobs = 0, set[JobNumber]()
    while True:
        async with app.store.transaction() as tx:
            held = [each for tokens in app.leases for each in tokens().items()]
            recovered = await tx.recovery.hand_back(now=await tx.now(), limit=_BATCHES_A_PAGE, held=held)
        total += len(recovered)
        jobs.update(batch.key.job for batch in recovered)
        app.metrics.recovered.inc(len(recovered))
        for batch in recovered:
            log.warning(
                "batch.recovered",
                job=batch.key.job,
                batch=batch.key.batch,
                again=batch.again,
                uncertain=batch.uncertain,
            )
        if len(recovered) < _BATCHES_A_PAGE:
            break
    await _settle_leftovers(app, jobs)
    await judge_canaries(app)
    await close_windows(app)
    return total


async def _settle_leftovers(app: App, recovered: set[JobNumber]) -> None:
    """Settle the recovered jobs, also paused ones, and all that are running although nothing of them waits or moves."""
    async with app.store.reading() as tx:
        now = await tx.now()
        unsettled = recovered.union(await tx.job_ends.unsettled(limit=100))
        cancelled = await tx.job_ends.being_cancelled(limit=20)
        abandoned = await tx.reception.abandoned(untouched_since=now - _RECEPTION_PATIENCE, limit=10)
    if not (unsettled or cancelled or abandoned):
        return
    async with app.store.transaction() as tx:
        await tx.jobs.lock(unsettled.union(cancelled))
        for job in sorted(unsettled):
            await tx.job_ends.settle(job, now=now)
        for job in cancelled:
            await tx.targets.cancel_waiting(job, batches=10, now=now)
        for job in cancelled:
            await tx.job_ends.finish_cancelling(job)
        for job in abandoned:
            # The next sweep removes the rest of it.
            await tx.reception.forget(job)


async def close_windows(app: App) -> None:
    """Stop every job whose window has ended; no call of it starts after that anyway."""
    async with app.store.reading() as tx:
        if not await tx.job_ends.any_window_over(now=await tx.now()):
            return
    async with app.store.transaction() as tx:
        closed = await tx.job_ends.close_windows(now=await tx.now(), limit=_JOBS_A_PAGE)
    for job in closed:
        log.warning("job.window_ended", job=job)
