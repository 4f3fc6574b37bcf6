"""Live and ready: they mean that work goes on, and tell strangers no more than that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from orchestrator.app import App
from orchestrator.domain.access import Role
from orchestrator.domain.errors import StoreUnavailable
from orchestrator.domain.ids import WorkerId
from orchestrator.engine.stop import StopSignal
from orchestrator.queueing.batch_queue import NoQueue
from orchestrator.store.work.workers import WorkerSeen
from orchestrator.usecases.jobs.sample_progress import Sampler
from orchestrator.usecases.operations.check_health import RecentHealth
from tests.support.apps import an_app, submitted
from tests.support.clock import ManualClock
from tests.support.waiting import PATIENCE
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
    async with httpx.AsyncClient(base_url=team.url, timeout=PATIENCE) as client:
        yield client


async def beat(team: Service) -> None:
    """A worker says that it lives."""
    async with team.served.app.store.transaction() as tx:
        now = await tx.now()
        await tx.workers.beat(WorkerSeen(WorkerId("worker@there"), "worker", None, "1", now, now))


async def test_it_lives_while_its_looks_at_the_jobs_end(
    anybody: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await anybody.get("/api/health/live")
    monkeypatch.setattr(Sampler, "is_alive", property(lambda _: False))
    after = await anybody.get("/api/health/live")

    assert (before.status_code, before.json()) == (200, {"live": True})
    assert (after.status_code, after.json()) == (503, {"live": False})


async def test_a_look_that_fails_is_a_sign_of_life_too(
    sqlite_url: str, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = StopSignal()

    async def fail(_: App) -> None:
        stop.request()
        raise StoreUnavailable("away")

    monkeypatch.setattr("orchestrator.usecases.jobs.sample_progress.sample_progress", fail)
    async with an_app(sqlite_url, "http://127.0.0.1:9", clock=clock) as app:
        sampler = Sampler(app)
        clock.advance(seconds=60)
        hung = not sampler.is_alive
        await sampler.run(stop)

    assert hung
    assert sampler.is_alive


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


async def test_a_stranger_learns_which_part_is_away_and_not_where_it_is(sqlite_url: str) -> None:
    settings = some_settings(sqlite_url, MUSTER_BROKER_URL="redis://:hunter2@127.0.0.1:1/0")
    async with a_service(settings) as service, service.client(Role.VIEWER) as viewer:
        async with httpx.AsyncClient(base_url=service.url, timeout=PATIENCE) as stranger:
            seen = await stranger.get("/api/health/ready")
            guess = await stranger.get("/api/health/ready", headers={"Authorization": "Bearer muster_2_a"})
        known = await viewer.get("/api/health/ready")

    assert (seen.status_code, seen.json()) == (503, {"ready": False, "checks": {"database": "ok", "broker": "away"}})
    assert guess.json() == seen.json()
    assert "MUSTER_BROKER_URL" in known.json()["checks"]["broker"]
    assert "sqlite:///" in known.json()["checks"]["database"]


async def test_a_key_that_cannot_be_looked_up_is_as_good_as_none(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> object:
        raise StoreUnavailable("away")

    async with a_service(some_settings(sqlite_url)) as service, service.client(Role.VIEWER) as viewer:
        monkeypatch.setattr("orchestrator.api.access.holder_of", fail)
        seen = await viewer.get("/api/health/ready")

    assert seen.json() == {"ready": True, "checks": {"database": "ok", "broker": "ok", "workers": "ok"}}


class CountedQueue(NoQueue):
    """One that knows how often it was tried."""

    tries = 0

    async def check(self) -> None:
        self.tries += 1


async def test_however_many_ask_everything_is_tried_once_in_two_seconds(sqlite_url: str, clock: ManualClock) -> None:
    queue = CountedQueue()
    async with an_app(sqlite_url, "http://127.0.0.1:9", clock=clock) as app:
        health = RecentHealth(replace(app, queue=queue))
        await asyncio.gather(*(health.checks() for _ in range(20)))
        at_once = queue.tries
        clock.advance(seconds=1.9)
        await health.checks()
        soon = queue.tries
        clock.advance(seconds=0.2)
        await health.checks()

    assert (at_once, soon, queue.tries) == (1, 1, 2)
