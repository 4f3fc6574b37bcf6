"""Publishing through Celery, by the name of the message: neither end imports the other."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from celery import Celery
from kombu import Connection, Exchange, Queue
from kombu.exceptions import OperationalError

from orchestrator.domain.batch import NamedBatch, WaitingBatch
from orchestrator.domain.errors import QueueUnavailable
from orchestrator.queueing.messages import AHEAD, QUEUE, RUN_BATCH, RouteBy, queue_name
from orchestrator.telemetry.logger import get_logger
from orchestrator.telemetry.traces import carrier

log = get_logger(__name__)
T = TypeVar("T")

OWN_EXPIRES = 60.0
"""Seconds after which the queue of a worker that died vanishes with the messages that it did not read."""


def plain_queue(name: str, *, expires: float | None = None) -> Queue:
    """A queue behind the default exchange.

    The bindings of a named exchange are a Redis set: after a FLUSHALL a message that is published to it vanishes
    without an error (kombu 5.7).
    """
    return Queue(name, Exchange(""), routing_key=name, expires=expires)


class CeleryQueue:
    """Publishes to workers through the broker; where the broker is away, they find the work by looking."""

    def __init__(self, broker_url: str, *, route_by: RouteBy = "nothing", patience: float = 3.0) -> None:
        self._celery = Celery("muster", broker=broker_url, set_as_current=False)
        self._celery.conf.update(
            task_ignore_result=True,
            task_queues=(plain_queue(QUEUE),),
            task_default_queue=QUEUE,
            task_default_exchange="",
            task_default_routing_key=QUEUE,
            broker_connection_timeout=patience,
            broker_transport_options={"socket_timeout": patience, "socket_connect_timeout": patience},
            # One try: a message may be lost, the caller may not wait.
            task_publish_retry=False,
        )
        self._route_by = route_by
        self._patience = patience
        # Threads of its own: Celery blocks for seconds where Redis hangs, and files are parsed in the loop's own pool.
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="publisher")
        self._busy = 0

    async def is_low(self) -> bool:
        """Whether more messages may be published now; False where the broker is away."""
        # A queue without a reader must not keep the others from being filled.
        return self._route_by != "nothing" or bool(await self._tried(self._is_half_empty))

    async def publish(self, waiting: Sequence[WaitingBatch]) -> None:
        """Send a message for each of these batches, as far as their queue has room."""
        await self._tried(partial(self._send, waiting, is_all=False))

    async def top_up(self, waiting: Sequence[WaitingBatch]) -> None:
        """Send messages for as many of all waiting batches as there are more of them than messages."""
        if waiting:
            await self._tried(partial(self._send, waiting, is_all=True))

    async def publish_to(self, queue: str, batches: Sequence[NamedBatch]) -> None:
        """Send a message for each of these batches to the queue of one worker."""
        await self._tried(partial(self._send_to, plain_queue(queue, expires=OWN_EXPIRES), batches))

    async def check(self) -> None:
        """Raises QueueUnavailable where the broker does not answer."""
        try:
            async with asyncio.timeout(self._patience * 2):
                await self._in_thread(self._connect)
        except (OperationalError, OSError, TimeoutError) as problem:
            raise QueueUnavailable(
                "The broker does not answer. Check MUSTER_BROKER_URL and that Redis is up; `muster doctor` tries it."
            ) from problem

    @property
    def described(self) -> str:
        """The broker, for people."""
        return f"answers: {self._celery.connection_for_write().as_uri()}"

    def close(self) -> None:
        """Let go of the connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._celery.close()

    async def _tried(self, work: Callable[[], T]) -> T | None:
        """The broker's answer; None where it is away, or where as many requests as there are threads wait for it."""
        if self._busy >= _THREADS:
            return None
        self._busy += 1
        try:
            async with asyncio.timeout(self._patience * 2):
                return await self._in_thread(work)
        except Exception as problem:  # noqa: BLE001 - Redis may hold anything; workers find the committed batches by their looks
            log.warning("queue.unpublished", reason=type(problem).__name__)
            return None
        finally:
            self._busy -= 1

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _is_half_empty(self) -> bool:
        with self._celery.producer_or_acquire() as producer:
            return _depth(producer.connection, QUEUE) <= AHEAD // 2

    def _send(self, waiting: Sequence[WaitingBatch], *, is_all: bool) -> None:
        by_queue: dict[str, list[NamedBatch]] = defaultdict(list)
        for each in waiting:
            by_queue[queue_name(self._route_by, each.tenant, each.priority)].append((each.job, each.batch))
        with self._celery.producer_or_acquire() as producer:
            for name, batches in by_queue.items():
                depth = _depth(producer.connection, name)
                # The messages that are there name the first of all waiting batches.
                wanted = batches[depth:AHEAD] if is_all else batches[: max(0, AHEAD - depth)]
                self._send_each(plain_queue(name), wanted, producer)

    def _send_to(self, queue: Queue, batches: Sequence[NamedBatch]) -> None:
        with self._celery.producer_or_acquire() as producer:
            self._send_each(queue, batches, producer)

    def _send_each(self, queue: Queue, batches: Sequence[NamedBatch], producer: Any) -> None:
        headers = carrier()
        for named in batches:
            self._celery.send_task(RUN_BATCH, named, queue=queue, headers=headers, producer=producer)  # type: ignore[arg-type] # a Queue is taken too

    def _connect(self) -> None:
        with self._celery.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, timeout=int(self._patience))


_THREADS = 2


def _depth(connection: Connection, queue: str) -> int:
    try:
        channel: Any = connection.default_channel
        return int(channel.queue_declare(queue).message_count)
    except (*connection.connection_errors, *connection.channel_errors) as problem:
        raise OperationalError(str(problem)) from problem
