"""One task a message."""

from __future__ import annotations

from celery import Task

from orchestrator.queueing.messages import WORK
from orchestrator.telemetry.traces import TRACE_HEADERS, continued
from workers.celery_app import celery, process


@celery.task(name=WORK, ignore_result=True, bind=True)
def work(self: Task[[], None]) -> None:
    """Claim what is due and drive it; rung twice, lost or late, no device is called twice or lost."""
    with continued("work", {name: value for name in TRACE_HEADERS if (value := self.request.get(name))}):
        process.work()
