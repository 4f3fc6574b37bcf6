"""Publishes the batches that wait for a worker; what is not published is found by looking."""

from __future__ import annotations

from orchestrator.app import App
from orchestrator.domain.ids import JobNumber
from orchestrator.queueing.batch_queue import NoQueue
from orchestrator.queueing.messages import AHEAD


async def publish_job(app: App, job: JobNumber) -> None:
    """Publishes the first waiting batches of one job, as far as the queue has room."""
    if not isinstance(app.queue, NoQueue):
        async with app.store.reading() as tx:
            waiting = await tx.waiting_batches.first(AHEAD, worker=app.worker, now=await tx.now(), only=job)
        await app.queue.publish(waiting)


async def publish_waiting(app: App) -> None:
    """Fills the queue up to as many messages as there are waiting batches, `AHEAD` at most."""
    if await app.queue.is_low():
        async with app.store.reading() as tx:
            waiting = await tx.waiting_batches.first(AHEAD, worker=app.worker, now=await tx.now())
        await app.queue.top_up(waiting)
