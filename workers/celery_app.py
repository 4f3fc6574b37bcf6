"""The Celery application: nothing is read or opened before a worker starts."""

from __future__ import annotations

import os
import sys
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_init, worker_shutdown, worker_shutting_down

from orchestrator.bootstrap import start_logs
from orchestrator.domain.errors import MusterError, QueueUnavailable
from orchestrator.queueing.celery_queue import WORK_QUEUE
from orchestrator.queueing.messages import QUEUE
from orchestrator.settings import Settings, load_settings
from workers.process import WorkerProcess
from workers.transport import TRANSPORT

celery = Celery("workers", include=["workers.tasks"])
process = WorkerProcess()


def _configuration() -> dict[str, Any]:
    settings = _settings()
    return {
        "broker_url": settings.broker_url,
        # What is no message of ours, or stands under the queue's name without being a queue, ends no worker.
        "broker_transport": TRANSPORT,
        "broker_channel_error_retry": True,
        # A worker that starts before its broker waits for it; it works from the database meanwhile.
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_transport_options": {
            # Without a timeout a connection that a firewall dropped is waited on for ever (celery #8030 and its kin).
            "socket_timeout": 10,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 10,
        },
        # JSON only, and one queue through the default exchange: a stranger's message can at worst ring the bell.
        "accept_content": ["json"],
        "task_serializer": "json",
        "task_queues": (WORK_QUEUE,),
        "task_default_queue": QUEUE,
        "task_default_exchange": "",
        "task_default_routing_key": QUEUE,
        # Remote control listens on broadcast channels and can end workers; nothing here needs it.
        "worker_enable_remote_control": False,
        "worker_send_task_events": False,
        # The state of a job is in one place, and that is not here.
        "task_ignore_result": True,
        "result_backend": None,
        # Acknowledged on receipt: a bell that was heard is done. What its worker does not live to finish is found
        # in the database, so late acknowledgement, visibility timeouts and redelivery would only ring twice.
        "task_acks_late": False,
        # A busy worker hoards no bells that an idle one could answer.
        "worker_prefetch_multiplier": 1,
        # Beat is one of any number of clocks, and keeps no timetable of its own.
        "beat_scheduler": "workers.beat:ClockScheduler",
        # All waiting is done on one event loop in the process; a thread stands for a bell that is being answered.
        "worker_pool": "threads",
        "worker_concurrency": 4,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
    }


def _settings() -> Settings:
    settings = load_settings(os.environ)
    if settings.broker_url is None:
        raise QueueUnavailable(
            "A worker needs a broker: set MUSTER_BROKER_URL to redis://… . Without one, `muster serve` works by itself."
        )
    return settings


# Evaluated when the configuration is first looked at, not when this module is imported.
celery.add_defaults(_configuration)


@setup_logging.connect
def _set_up_logs(**_: object) -> None:
    start_logs(_settings())


@worker_init.connect
def _start(**_: object) -> None:
    try:
        process.start(_settings())
    except MusterError as problem:
        # Celery logs what a signal's receiver raises and goes on: a worker that works on nothing, and answers bells.
        sys.stderr.write(f"muster: {problem}\n")
        raise SystemExit(4) from None


@worker_shutting_down.connect
def _stop(**_: object) -> None:
    process.stop()


@worker_shutdown.connect
def _close(**_: object) -> None:
    process.close()
