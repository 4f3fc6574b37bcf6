"""Ringing through Celery, by the name of the message: neither end imports the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from celery import Celery
from kombu import Connection, Exchange, Queue
from kombu.exceptions import OperationalError

from orchestrator.domain.errors import QueueUnavailable
from orchestrator.queueing.messages import QUEUE, WORK
from orchestrator.telemetry.logger import get_logger
from orchestrator.telemetry.traces import carrier

log = get_logger(__name__)

WORK_QUEUE = Queue(QUEUE, Exchange(""), routing_key=QUEUE)
"""Through the default exchange: a named exchange's bindings are a Redis set, and after a FLUSHALL what is published
to it vanishes without an error (kombu 5.7)."""


_THREADS = 2


class CeleryWakeUps:
    """Rings workers through the broker; where the broker is away, they find the work by looking."""

    def __init__(self, broker_url: str, *, patience: float = 3.0) -> None:
        self._celery = Celery("muster", broker=broker_url, set_as_current=False)
        self._celery.conf.update(
            task_ignore_result=True,
            task_queues=(WORK_QUEUE,),
            task_default_queue=QUEUE,
            task_default_exchange="",
            task_default_routing_key=QUEUE,
            broker_connection_timeout=patience,
            broker_transport_options={"socket_timeout": patience, "socket_connect_timeout": patience},
            # One try: the bell may be lost, the caller may not wait.
            task_publish_retry=False,
        )
        self._patience = patience
        # Threads of its own: Celery blocks for seconds where Redis hangs, and files are parsed in the loop's own pool.
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="bell")
        self._ringing = 0

    async def send(self, times: int = 1) -> None:
        """Wake up to `times` workers; bells that nobody has heard yet ring for this as well."""
        if self._ringing >= _THREADS:
            # Those that are under way wake whoever can be woken; where Redis hangs they take seconds.
            return
        self._ringing += 1
        try:
            async with asyncio.timeout(self._patience * 2):
                await self._in_thread(partial(self._send, times))
        except Exception as problem:  # noqa: BLE001 - whatever Redis holds: what was committed is found by looking
            log.warning("wake_up.unsent", reason=type(problem).__name__)
        finally:
            self._ringing -= 1

    async def check(self) -> None:
        """QueueUnavailable where the broker does not answer."""
        try:
            async with asyncio.timeout(self._patience * 2):
                await self._in_thread(self._look)
        except (OperationalError, OSError, TimeoutError) as problem:
            raise QueueUnavailable(
                "The broker does not answer. Check MUSTER_BROKER_URL and that Redis is up; `muster doctor` tries it."
            ) from problem

    @property
    def described(self) -> str:
        """What it is, for people."""
        return f"answers: {self._celery.connection_for_write().as_uri()}"

    def close(self) -> None:
        """Let go of the connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._celery.close()

    async def _in_thread(self, work: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _send(self, times: int) -> None:
        with self._celery.producer_or_acquire() as producer:
            # The clock rings as long as anything is due. Where nobody listens, or all are busy for hours, bells would
            # fill the memory that the throttle needs.
            for _ in range(times - _warn_unsent(producer.connection)):
                self._celery.send_task(WORK, queue=QUEUE, headers=carrier(), producer=producer)

    def _look(self) -> None:
        with self._celery.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, timeout=int(self._patience))


def _warn_unsent(connection: Connection) -> int:
    try:
        channel: Any = connection.default_channel
        return int(channel.queue_declare(QUEUE).message_count)
    except (*connection.connection_errors, *connection.channel_errors) as problem:
        raise OperationalError(str(problem)) from problem
