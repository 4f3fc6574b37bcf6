"""What HTTP promises beside the routes: changes by what was seen, and answers without their body."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import httpx
import pytest

from orchestrator.domain.access import Role
from orchestrator.store.engine.database import Transaction
from tests.support.apps import submitted
from tests.support.schedules import a_list, a_schedule
from tests.support.waiting import PATIENCE
from tests.support.web import Service, a_service, some_settings

pytestmark = pytest.mark.enable_socket

NIGHTLY = "/api/schedules/nightly"


@pytest.fixture
async def service(sqlite_url: str, valkey_url: str) -> AsyncIterator[Service]:
    async with a_service(some_settings(sqlite_url, MUSTER_BROKER_URL=valkey_url)) as service:
        yield service


@pytest.fixture
async def client(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    await a_list(service.served.app)
    await a_schedule(service.served.app)
    async with service.client(Role.ADMIN) as client:
        yield client


async def test_a_change_counts_only_for_what_was_seen(client: httpx.AsyncClient) -> None:
    seen = (await client.get(NIGHTLY)).headers["ETag"]
    first = await client.patch(NIGHTLY, json={"priority": "high"}, headers={"If-Match": seen})
    second = await client.patch(NIGHTLY, json={"priority": "low"}, headers={"If-Match": seen})
    removed = await client.delete(NIGHTLY, headers={"If-Match": seen})
    stands = (await client.get(NIGHTLY)).json()

    assert (first.status_code, first.json()["priority"]) == (200, "high")
    assert (second.status_code, removed.status_code) == (412, 412)
    assert second.headers["Content-Type"] == "application/problem+json"
    assert "changed since you looked" in second.json()["detail"]
    assert stands["priority"] == "high"


@pytest.mark.parametrize("other", ["PATCH", "DELETE"])
async def test_of_two_changes_in_the_same_moment_one_counts(
    service: Service, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    store = service.served.app.store
    begin, waiting = store.transaction, asyncio.Semaphore(0)

    def begin_later() -> AbstractAsyncContextManager[Transaction]:
        waiting.release()
        return begin()

    condition = {"If-Match": (await client.get(NIGHTLY)).headers["ETag"]}
    monkeypatch.setattr(store, "transaction", begin_later)
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks, begin():
        # Both have compared the tag when they wait for the transaction of their change.
        one = tasks.create_task(client.patch(NIGHTLY, json={"priority": "high"}, headers=condition))
        await waiting.acquire()
        wish = {"priority": "low"} if other == "PATCH" else None
        two = tasks.create_task(client.request(other, NIGHTLY, json=wish, headers=condition))
        await waiting.acquire()

    assert [one.result().status_code, two.result().status_code] == [200, 412]
    assert (await client.get(NIGHTLY)).json()["priority"] == "high"


async def test_a_change_without_a_condition_or_of_whatever_there_is_counts(client: httpx.AsyncClient) -> None:
    anyhow = await client.patch(NIGHTLY, json={"priority": "high"})
    whatever = await client.patch(NIGHTLY, json={"priority": "low"}, headers={"If-Match": "*"})
    bare = (await client.get(NIGHTLY)).headers["ETag"].removeprefix("W/")
    one_of = await client.patch(
        NIGHTLY, json={"priority": "high"}, headers={"If-Match": f'"x", {bare}', "If-None-Match": bare}
    )

    assert [answer.status_code for answer in (anyhow, whatever, one_of)] == [200] * 3


async def test_a_condition_opens_nothing(service: Service, client: httpx.AsyncClient) -> None:
    condition = {"If-Match": '"x"'}
    unknown = await client.patch("/api/schedules/nothing", json={"priority": "high"}, headers=condition)
    async with httpx.AsyncClient(base_url=service.url, timeout=PATIENCE) as stranger:
        closed = await stranger.patch(NIGHTLY, json={"priority": "high"}, headers=condition)

    async with service.client(Role.VIEWER) as viewer:
        refused = [
            await viewer.patch(NIGHTLY, json={"priority": "high"}, headers=condition),
            *[await viewer.delete(path, headers=condition) for path in (NIGHTLY, "/api/lists/fleet")],
        ]

    assert (unknown.status_code, closed.status_code) == (404, 401)
    assert [answer.status_code for answer in refused] == [403] * 3


PATHS = (
    "/api/health/live",
    "/api/health/ready",
    "/api/jobs",
    "/api/jobs/{job}",
    "/api/jobs/{job}/targets",
    "/api/jobs/{job}/report.csv",
    "/api/jobs/{job}/events",
    "/api/jobs/events",
    "/api/jobs/nothing",
    "/api/nowhere",
    "/metrics",
    "/openapi.json",
    "/sign-in",
    "/jobs",
    "/nowhere",
)


async def test_head_is_get_without_its_body(service: Service, client: httpx.AsyncClient) -> None:
    job = (await submitted(service.served.app, 3)).id

    for path in PATHS:
        address = path.format(job=job)
        head = await client.head(address)
        async with client.stream("GET", address) as got:
            pass

        assert head.status_code == got.status_code, path
        assert head.headers.get("Content-Type") == got.headers.get("Content-Type"), path
        assert head.headers.get("ETag") == got.headers.get("ETag"), path
        assert head.headers["X-Content-Type-Options"] == "nosniff", path
        assert head.content == b"", path


async def test_head_of_what_has_no_get_says_what_there_is(client: httpx.AsyncClient) -> None:
    head = await client.head("/api/jobs/x/pause")
    posted = await client.put("/api/jobs")
    described = await client.options("/openapi.json")

    assert (head.status_code, head.headers["Allow"]) == (405, "POST")
    assert posted.headers["Allow"] == "GET, HEAD, POST"
    assert (described.status_code, described.headers["Allow"]) == (405, "GET, HEAD")
    assert described.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"role": "boss"}, {"field": "role", "reason": "'boss' is none of viewer, operator, admin."}),
        ({"name": "reporting"}, {"field": "role", "reason": "Field required"}),
        ({"role": "viewer", "x": 1}, {"field": "x", "reason": "Extra inputs are not permitted"}),
    ],
)
async def test_a_key_that_does_not_fit_is_told_by_its_fields(
    client: httpx.AsyncClient, body: dict[str, object], fault: dict[str, str]
) -> None:
    refused = await client.post("/api/keys", json=body)

    assert (refused.status_code, refused.json()["errors"]) == (422, [fault])


async def test_a_link_that_was_only_looked_at_is_not_used_up(sqlite_url: str) -> None:
    async with (
        a_service(some_settings(sqlite_url)) as service,
        httpx.AsyncClient(base_url=service.url, timeout=PATIENCE) as client,
    ):
        link = service.served.link
        assert link is not None
        looked = await client.head("/sign-in/link", params={"token": link.token})
        entered = await client.get("/sign-in/link", params={"token": link.token})

    assert looked.status_code == 405
    assert entered.headers["location"] == "/"


async def test_a_head_is_counted_by_its_route(client: httpx.AsyncClient) -> None:
    await client.head("/api/jobs/nothing")
    figures = (await client.get("/metrics")).text

    assert 'muster_http_seconds_count{method="HEAD",route="/api/jobs/{job_id}",status="404"} 1.0' in figures
