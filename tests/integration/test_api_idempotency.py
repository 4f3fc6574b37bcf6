"""A request that makes no job and is sent again with its `Idempotency-Key` makes nothing new."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.support.apps import devices_csv
from tests.support.reading import Rig
from tests.support.schedules import a_list
from tests.support.web import Service, a_service, some_settings

pytestmark = pytest.mark.enable_socket

AGAIN = {"Idempotency-Key": "portal-1"}
NIGHTLY = {"name": "nightly", "cron": "0 2 * * *", "timezone": "UTC", "action": "refreshUserPolicy", "list": "fleet"}


@pytest.fixture
async def service(database_url: str, valkey_url: str) -> AsyncIterator[Service]:
    """A service beside which nobody works."""
    async with a_service(some_settings(database_url, MUSTER_BROKER_URL=valkey_url)) as service:
        yield service


def statuses(*answers: httpx.Response) -> list[int]:
    return [answer.status_code for answer in answers]


async def test_a_schedule_that_is_sent_again_is_added_once(service: Service) -> None:
    await a_list(service.served.app)
    async with service.client() as client:

        async def add(name: str = "nightly", **headers: str) -> httpx.Response:
            return await client.post("/api/schedules", json={**NIGHTLY, "name": name}, headers=headers)

        first, same = await asyncio.gather(add(**AGAIN), add(**AGAIN))
        later, other, keyless = await add(**AGAIN), await add("weekly", **AGAIN), await add()
        names = [each["name"] for each in (await client.get("/api/schedules")).json()["items"]]
        audit_entries = (await client.get("/api/audit?what=schedule.added")).json()["items"]

    assert statuses(first, same, later, other, keyless) == [201, 201, 201, 422, 422]
    assert first.json()["createdAt"] == same.json()["createdAt"] == later.json()["createdAt"]
    assert later.headers["Location"] == "/api/schedules/nightly"
    assert "used before" in other.json()["detail"]
    assert names == ["nightly"]
    assert len(audit_entries) == 1


async def test_the_key_of_a_job_is_refused_for_a_schedule(service: Service) -> None:
    await a_list(service.served.app)
    async with service.client() as client:
        files, data = {"file": ("devices.csv", devices_csv(3))}, {"action": "refreshUserPolicy"}
        made = await client.post("/api/jobs", data=data, files=files, headers=AGAIN)
        refused = await client.post("/api/schedules", json=NIGHTLY, headers=AGAIN)

    assert statuses(made, refused) == [201, 422]
    assert "used before" in refused.json()["detail"]


async def test_a_list_that_is_sent_again_is_one_version(service: Service) -> None:
    async with service.client() as client:

        async def keep(count: int, **headers: str) -> httpx.Response:
            files = {"file": ("devices.csv", devices_csv(count))}
            return await client.post("/api/lists", data={"name": "fleet"}, files=files, headers=headers)

        first, again, other, keyless = (
            await keep(3, **AGAIN),
            await keep(3, **AGAIN),
            await keep(4, **AGAIN),
            await keep(3),
        )

    assert statuses(first, again, other, keyless) == [201, 201, 422, 201]
    assert again.json() == first.json()
    assert (first.json()["version"], keyless.json()["version"]) == (1, 2)


async def test_a_rotation_that_is_sent_again_is_answered_with_the_same_key(service: Service) -> None:
    async with service.client() as admin:
        old, another = [
            (await admin.post("/api/keys", json={"role": "viewer", "name": name})).json()["id"] for name in "ab"
        ]
        first, again = [await admin.post(f"/api/keys/{old}/rotate", headers=AGAIN) for _ in range(2)]
        other = await admin.post(f"/api/keys/{another}/rotate", headers=AGAIN)
        keyless = await admin.post(f"/api/keys/{old}/rotate")
    async with httpx.AsyncClient(base_url=service.url) as holder:
        works = await holder.get("/api/jobs", headers={"Authorization": f"Bearer {again.json()['key']}"})

    assert statuses(first, again, other, keyless, works) == [201, 201, 422, 409, 200]
    assert first.json()["key"] == again.json()["key"]


async def test_a_lifting_that_is_sent_again_lifts_nothing_more(service: Service) -> None:
    async with service.client() as admin:
        await admin.post("/api/halt", json={"reason": "wrong list"})
        lift = {"lift": True, "reason": "mended"}
        first = await admin.post("/api/halt", json=lift, headers=AGAIN)
        await admin.post("/api/halt", json={"reason": "again"})
        again = await admin.post("/api/halt", json=lift, headers=AGAIN)

    assert statuses(first, again) == [200, 200]
    assert (first.json()["isHalted"], again.json()["isHalted"]) == (False, True)


async def test_an_inventory_is_refreshed_and_accepted_once_for_a_key(service: Service) -> None:
    rig = Rig(service.served.app)
    for devices in (100, 80):
        rig.graph.directory.devices.clear()
        rig.graph.directory.add_fleet(devices)
        await rig.refresh()
    refresh = {"Idempotency-Key": "refresh-1"}
    async with service.client() as client:
        accepted, same, keyless = [
            await client.post("/api/inventory/accept", headers=headers) for headers in (AGAIN, AGAIN, {})
        ]
        begun, repeated, other = [
            await client.post("/api/inventory/refresh", json={"reason": reason}, headers=refresh)
            for reason in ("new", "new", "old")
        ]

    assert statuses(accepted, same, keyless) == [200, 200, 422]
    assert accepted.json() == same.json()
    assert statuses(begun, repeated, other) == [202, 202, 422]
