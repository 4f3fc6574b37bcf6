"""Celery's Redis transport, which survives values of a wrong type under the keys that it reads."""

from __future__ import annotations

from collections.abc import Callable
from queue import Empty
from typing import Any

from kombu.transport import redis as kombu_redis
from kombu.transport import virtual
from redis import Redis
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeout

from orchestrator.queueing.message_form import LONGEST_MESSAGE, NotOurs, is_control, rebuilt, rebuilt_control
from orchestrator.queueing.messages import is_ours
from orchestrator.telemetry.logger import get_logger

log = get_logger(__name__)

TRANSPORT = "workers.transport:Transport"
"""For Celery's setting `broker_transport`."""


class _MemoryQoS(kombu_redis.QoS):
    """Which messages are being worked on, known to this process alone.

    kombu's own keeps them in Redis too, to give them to others after an hour, and reads there what others wrote. A
    message that is lost costs a second (queueing/messages.py).
    """

    restore_at_shutdown = False

    def can_consume(self) -> bool:
        """True: which queues are read now is decided for each by itself (workers/prefetch.py)."""
        return True

    def append(self, message: Any, delivery_tag: str) -> None:
        """Count a message as being worked on."""
        virtual.QoS.append(self, message, delivery_tag)

    def ack(self, delivery_tag: str) -> None:
        """Count a message as done."""
        virtual.QoS.ack(self, delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - kombu's signature
        """Drop a message; giving it back would deliver it to the same worker again."""
        virtual.QoS.ack(self, delivery_tag)

    def restore_visible(self, *_: Any, **__: Any) -> None:
        """Do nothing: no message is kept for other workers."""

    def restore_unacked(self, *_: Any, **__: Any) -> None:
        """Do nothing, as `restore_visible`."""


class _BoundedClient(Redis):
    """Drops an entry that is too long to be a message before it is parsed."""

    def parse_response(self, connection: Any, command_name: Any, **options: Any) -> Any:
        """An answer of Redis."""
        answer = super().parse_response(connection, command_name, **options)  # type: ignore[no-untyped-call]
        if command_name == "BRPOP" and isinstance(answer, list | tuple) and len(answer[1]) > LONGEST_MESSAGE:
            return (answer[0], b"null")
        return answer


class _Channel(kombu_redis.Channel):
    """Reads the queue; what cannot be read is dropped, and a key of another type is removed."""

    QoS = _MemoryQoS

    def _get_client(self) -> type[Redis]:
        super()._get_client()  # type: ignore[misc] # kombu's types lack what its transports override
        return _BoundedClient

    def _brpop_read(self, **options: Any) -> bool:
        try:
            return bool(super()._brpop_read(**options))  # type: ignore[misc] # as above
        except (Empty, OSError, ConnectionLost, RedisTimeout):
            raise
        except ResponseError as problem:
            if not _is_wrong_type(problem):
                raise
            self._remove_other_types()
        except Exception as problem:  # noqa: BLE001 - one message must not end the worker
            _log_dropped(type(problem).__name__)
        return True

    def _receive_one(self, c: Any) -> bool:
        try:
            return bool(super()._receive_one(c))  # type: ignore[misc] # as above
        except (Empty, OSError, ConnectionLost, RedisTimeout):
            raise
        except Exception as problem:  # noqa: BLE001 - as above
            _log_dropped(type(problem).__name__)
        return True

    def _size(self, queue: str) -> int:
        try:
            return int(super()._size(queue))
        except ResponseError as problem:
            if not _is_wrong_type(problem):
                raise
            self._remove_other_types(queue)
            return 0

    def _remove_other_types(self, *queues: str) -> None:
        """Remove what is no list under the names of the queues: until then no message can be read."""
        key_of: Callable[[str, int], str] = self._q_for_pri  # type: ignore[attr-defined] # as above
        keys = [key_of(queue, step) for queue in queues or self.active_queues for step in self.priority_steps]
        with self.conn_or_acquire() as client:
            for key in keys:
                if client.type(key) not in {b"list", b"none"}:
                    client.delete(key)
                    log.warning("queue.key_removed", key=key)


class Transport(kombu_redis.Transport):
    """kombu's transport for Redis that hands workers only messages of our form, and only plain commands.

    Replies and events are left as they are: they reach those who ask, such as `celery inspect` and Flower.
    """

    Channel = _Channel

    def _deliver(self, message: Any, queue: str | None) -> None:
        try:
            if queue is not None and is_ours(queue):
                message = rebuilt(message)
            elif queue is not None and is_control(queue):
                message = rebuilt_control(message)
        except NotOurs as problem:
            _log_dropped(str(problem))
            return
        super()._deliver(message, queue)


def _is_wrong_type(problem: ResponseError) -> bool:
    # Of a pipeline the number of the command stands before it.
    return "WRONGTYPE" in str(problem)


def _log_dropped(reason: str) -> None:
    # Not with what it holds: it is a stranger's, and may be anything.
    log.warning("message.dropped", reason=reason)
