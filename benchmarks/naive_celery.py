"""One Celery task a device: `celery -A benchmarks.naive_celery worker`."""

from __future__ import annotations

import os

from celery import Celery

from benchmarks.naive_call import BROKER, call

app = Celery("naive", broker=os.environ[BROKER])
app.conf.update(
    task_acks_late=True,
    task_ignore_result=True,
    task_serializer="json",
    worker_prefetch_multiplier=4,
    broker_connection_retry_on_startup=True,
)


@app.task(name="naive.trigger")
def trigger(device: str) -> None:
    """One device."""
    call(device)
