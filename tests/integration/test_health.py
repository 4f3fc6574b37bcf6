"""Live and ready: they mean that work goes on, and tell strangers no more than that."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from orchestrator.domain.ids import WorkerId
from orchestrator.store.workers import WorkerSeen
from tests.support.apps import submitted
from tests.support.web import Service, a_service, some_settings

pytestmark = pytest.mark.enable_socket


@pytest.fixture
async def team(database_url: str, valkey_url: str) -> AsyncIterator[Service]:
    """The web process of a team's installation; nobody works there."""
    async with a_service(some_settings(database_url, MUSTER_BROKER_URL=valkey_url)) as service:
        yield service


@pytest.fixture
async def anybody(team: Service) -> AsyncIterator[httpx.AsyncClient]:
    """A supervisor: it has no key."""
    async with httpx.AsyncClient(base_url=team.url) as client:
        yield client


async def beat(team: Service) -> None:
    """A worker says that it lives."""
    async with team.served.app.store.transaction() as tx:
        now = await tx.now()
        await tx.workers.beat(WorkerSeen(WorkerId("worker@there"), "worker", None, "1", now, now))


async def test_it_lives_while_its_looks_at_the_jobs_end(team: Service, anybody: httpx.AsyncClient) -> None:
    before = await anybody.get("/api/health/live")
    team.served.sampler._looked_at -= 61
    after = await anybody.get("/api/health/live")

    assert (before.status_code, before.json()) == (200, {"live": True})
    assert (after.status_code, after.json()) == (503, {"live": False})


async def test_a_team_is_not_ready_while_devices_wait_and_nobody_works(
    team: Service, anybody: httpx.AsyncClient
) -> None:
    await submitted(team.served.app, 3)

    ready = await anybody.get("/api/health/ready")

    assert (ready.status_code, ready.json()["ready"]) == (503, False)


async def test_a_team_is_ready_with_a_worker_and_work(team: Service, anybody: httpx.AsyncClient) -> None:
    await submitted(team.served.app, 3)
    await beat(team)

    assert (await anybody.get("/api/health/ready")).json()["ready"] is True


async def test_a_team_is_ready_where_nothing_waits(anybody: httpx.AsyncClient) -> None:
    assert (await anybody.get("/api/health/ready")).json()["ready"] is True
