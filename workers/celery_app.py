"""The Celery application: nothing is read or opened before a worker starts."""

from __future__ import annotations

import os
import sys
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_init, worker_shutdown, worker_shutting_down

from orchestrator.bootstrap import start_logs
from orchestrator.domain.errors import MusterError, QueueUnavailable
from orchestrator.queueing.celery_queue import OWN_EXPIRES, plain_queue
from orchestrator.queueing.messages import QUEUE, queue_names
from orchestrator.settings import Settings, load_settings
from workers.pool import POOL
from workers.prefetch import PREFETCH, QUEUE_ORDER
from workers.process import PROCESS
from workers.remote_control import obey_only_safe_commands
from workers.routing import jobs_of_queues
from workers.transport import TRANSPORT

celery = Celery("workers", include=["workers.tasks"])


def _configuration() -> dict[str, Any]:
    settings = _settings()
    return {
        "broker_url": settings.broker_url,
        # The transport drops malformed messages, and keys of another type under the queue's name.
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
            "queue_order_strategy": QUEUE_ORDER,
            # Order within a queue is no order of work, so a queue is one key in Redis and not four.
            "priority_steps": [0],
        },
        # JSON only, and our own form of it: what a stranger sends can at worst make a worker look.
        "accept_content": ["json"],
        "task_serializer": "json",
        "task_queues": [plain_queue(name) for name in queue_names(settings.queue_per, list(settings.tenants))],
        "task_default_queue": QUEUE,
        "task_default_exchange": "",
        "task_default_routing_key": QUEUE,
        # Only with the commands of workers/remote_control.py.
        "worker_enable_remote_control": True,
        # Events cost a message to Redis each; only Flower and `celery events` need them.
        "worker_send_task_events": settings.task_events,
        # The state of a job is in one place, and that is not here.
        "task_ignore_result": True,
        "result_backend": None,
        # A message is acknowledged when its batch is settled or released; until then it counts as this worker's. It is
        # never delivered again (workers/transport.py): a batch whose worker died is found in the database.
        "task_acks_late": True,
        # A lost connection to the broker ends no batch: the calls go on.
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        # One message at a time, until its batch is held here or the message ends (workers/prefetch.py): a busy worker
        # hoards none that an idle one could answer, and the queue's length is what waits for a worker.
        "worker_prefetch_multiplier": 1,
        # A batch takes as long as its lane needs for 500 calls. A stuck one is ended by its lease, in the database.
        "task_time_limit": None,
        "task_soft_time_limit": None,
        # Beat is one of any number of clocks, and keeps no timetable of its own.
        "beat_scheduler": "workers.beat:ClockScheduler",
        # All waiting is done on one event loop in the process. The pool has no threads: this number is no limit.
        "worker_pool": POOL,
        "worker_concurrency": 10_000,
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
def _start(sender: Any, **_: object) -> None:
    settings, queues = _settings(), sender.app.amqp.queues
    serves = jobs_of_queues(set(queues.consume_from), route_by=settings.queue_per, tenants=settings.tenants)
    PREFETCH.begin(sender.hostname)
    queues.select_add(plain_queue(PREFETCH.own_queue, expires=OWN_EXPIRES))
    obey_only_safe_commands()
    try:
        PROCESS.start(settings, serves)
    except MusterError as problem:
        # Celery logs what a signal's receiver raises and goes on: a worker that works on nothing, and answers messages.
        sys.stderr.write(f"muster: {problem}\n")
        raise SystemExit(4) from None


@worker_shutting_down.connect
def _stop(**_: object) -> None:
    PROCESS.stop()


@worker_shutdown.connect
def _close(**_: object) -> None:
    PROCESS.close()
