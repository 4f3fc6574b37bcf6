"""One task a message."""

from __future__ import annotations

from orchestrator.queueing.messages import WORK
from workers.celery_app import celery, process


@celery.task(name=WORK, ignore_result=True)
def work() -> None:
    """Claim what is due and drive it; rung twice, lost or late, no device is called twice or lost."""
    process.work()
