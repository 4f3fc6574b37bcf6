"""One task for each message."""

from __future__ import annotations

from celery import Task

from orchestrator.domain.ids import JobId
from orchestrator.queueing.messages import RUN_BATCH, WORK
from workers.celery_app import celery
from workers.process import PROCESS


@celery.task(name=RUN_BATCH, ignore_result=True, bind=True)
def run_batch(self: Task[[JobId, int], str], job: JobId, batch: int) -> str:
    """Lasts as long as this process holds that batch; ends where another holds it, or where it is not its turn.

    The usual pool of workers does not come here: it follows the batch without a thread (workers/pool.py).
    """
    return PROCESS.run_batch((job, batch), self.request.headers or {})


@celery.task(name=WORK, ignore_result=True)
def work() -> None:
    """Look for work now: the message of the release before."""
    PROCESS.look()
