"""Every route of the API, asked by every role and by nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from orchestrator.domain.access import Role
from orchestrator.domain.action import Action
from tests.support.apps import devices_csv, submitted
from tests.support.waiting import PATIENCE
from tests.support.web import Service, a_service, some_settings

pytestmark = pytest.mark.enable_socket

NOBODY = None
NEEDED = {
    "GET /api/jobs": Role.VIEWER,
    "POST /api/jobs": Role.OPERATOR,
    "POST /api/previews": Role.OPERATOR,
    "POST /api/previews/bad-rows.csv": Role.OPERATOR,
    "GET /api/status": Role.VIEWER,
    "POST /api/attention/{item_id}/acknowledge": Role.OPERATOR,
    "GET /api/jobs/events": Role.VIEWER,
    "GET /api/jobs/{job_id}": Role.VIEWER,
    "GET /api/jobs/{job_id}/comparison": Role.VIEWER,
    "GET /api/jobs/{job_id}/targets": Role.VIEWER,
    "GET /api/jobs/{job_id}/events": Role.VIEWER,
    "GET /api/jobs/{job_id}/report.csv": Role.VIEWER,
    "POST /api/jobs/{job_id}/pause": Role.OPERATOR,
    "POST /api/jobs/{job_id}/resume": Role.OPERATOR,
    "POST /api/jobs/{job_id}/cancel": Role.OPERATOR,
    "POST /api/jobs/{job_id}/priority": Role.OPERATOR,
    "POST /api/jobs/{job_id}/retry": Role.OPERATOR,
    "GET /api/schedules": Role.VIEWER,
    "POST /api/schedules": Role.OPERATOR,
    "GET /api/schedules/{name}": Role.VIEWER,
    "PATCH /api/schedules/{name}": Role.OPERATOR,
    "DELETE /api/schedules/{name}": Role.OPERATOR,
    "GET /api/schedules/{name}/moments": Role.VIEWER,
    "GET /api/schedules/{name}/occurrences": Role.VIEWER,
    "GET /api/schedules/{name}/history": Role.VIEWER,
    "POST /api/schedules/{name}/pause": Role.OPERATOR,
    "POST /api/schedules/{name}/resume": Role.OPERATOR,
    "POST /api/schedules/{name}/run": Role.OPERATOR,
    "POST /api/moments": Role.VIEWER,
    "POST /api/occurrences": Role.VIEWER,
    "GET /api/lists": Role.VIEWER,
    "POST /api/lists": Role.OPERATOR,
    "GET /api/lists/{name}": Role.VIEWER,
    "GET /api/lists/{name}/devices.csv": Role.VIEWER,
    "GET /api/lists/{name}/changes": Role.VIEWER,
    "DELETE /api/lists/{name}": Role.OPERATOR,
    "GET /api/inventory": Role.VIEWER,
    "DELETE /api/inventory": Role.ADMIN,
    "GET /api/inventory/refresh": Role.VIEWER,
    "POST /api/inventory/refresh": Role.OPERATOR,
    "POST /api/inventory/accept": Role.OPERATOR,
    "GET /api/devices": Role.VIEWER,
    "GET /api/devices/{device}": Role.VIEWER,
    "GET /api/lanes": Role.VIEWER,
    "GET /api/halt": Role.VIEWER,
    "POST /api/halt": Role.OPERATOR,
    "GET /api/lanes/{tenant}": Role.VIEWER,
    "GET /api/tenants": Role.VIEWER,
    "GET /api/workers": Role.VIEWER,
    "GET /api/notifications": Role.VIEWER,
    "GET /api/notifications/channels": Role.VIEWER,
    "GET /api/blackouts": Role.VIEWER,
    "GET /metrics": Role.VIEWER,
    "GET /api/keys": Role.ADMIN,
    "POST /api/keys": Role.ADMIN,
    "GET /api/keys/{key_id}": Role.ADMIN,
    "POST /api/keys/{key_id}/rotate": Role.ADMIN,
    "POST /api/keys/{key_id}/revoke": Role.ADMIN,
    "GET /api/audit": Role.ADMIN,
    "GET /api/sessions": Role.ADMIN,
    "DELETE /api/sessions": Role.ADMIN,
    "GET /api/sessions/{session_id}": Role.ADMIN,
    "DELETE /api/sessions/{session_id}": Role.ADMIN,
    "GET /api/health/live": NOBODY,
    "GET /api/health/ready": NOBODY,
    "DELETE /api/jobs/{job_id}": Role.ADMIN,  # the last, since the others ask about this job
}
BODIES: dict[str, dict[str, object]] = {
    "POST /api/jobs": {"data": {"action": "quickScan"}, "files": {"file": devices_csv(1)}},
    "POST /api/previews": {"data": {"action": "quickScan"}, "files": {"file": devices_csv(1)}},
    "POST /api/previews/bad-rows.csv": {"data": {"action": "quickScan"}, "files": {"file": devices_csv(1)}},
    "POST /api/attention/{item_id}/acknowledge": {"json": {"reason": "known"}},
    "POST /api/jobs/{job_id}/priority": {"json": {"priority": "high"}},
    "POST /api/keys": {"json": {"role": "viewer"}},
}


@pytest.fixture
async def service(sqlite_url: str) -> AsyncIterator[Service]:
    async with a_service(some_settings(sqlite_url)) as service:
        yield service


async def status_of(client: httpx.AsyncClient, route: str, job: str, headers: dict[str, str]) -> int:
    method, _, path = route.partition(" ")
    ids = {"job_id": job, "key_id": "nokeyofours", "session_id": "0" * 16}
    url = path.format(**ids, tenant="default", name="nothing", device="nothing", item_id="nothing")
    async with client.stream(method, url, headers=headers, **BODIES.get(route, {})) as response:  # type: ignore[arg-type] # as httpx takes them
        return response.status_code


async def test_the_table_knows_every_route(service: Service) -> None:
    async with httpx.AsyncClient(base_url=service.url, timeout=PATIENCE) as client:
        document = (await client.get("/openapi.json")).json()

    routes = {
        f"{method.upper()} {path}"
        for path, methods in document["paths"].items()
        for method in methods
        if method in {"get", "post", "put", "patch", "delete"}
    }

    assert routes == set(NEEDED)


async def test_each_route_lets_in_who_may_and_nobody_else(service: Service) -> None:
    job = (await submitted(service.served.app, 3)).id
    seen: dict[tuple[str, str], int] = {}

    async with httpx.AsyncClient(base_url=service.url, timeout=PATIENCE) as client:
        for role in Role:
            headers = {"Authorization": f"Bearer {await service.key(role)}"}
            for route in NEEDED:
                seen[role, route] = await status_of(client, route, job, headers)
        for name, headers in {
            "nobody": {},
            "a stranger": {"Authorization": "Bearer muster_222222222222_" + "a" * 43},
            "a boor": {"Authorization": "Basic YTpi"},
        }.items():
            for route in NEEDED:
                seen[name, route] = await status_of(client, route, job, headers)

    for (who, route), status in seen.items():
        needed = NEEDED[route]
        if needed is NOBODY:
            expected = None
        elif who not in {role.value for role in Role}:
            expected = 401
        else:
            expected = None if Role(who).includes(needed) else 403
        assert (status if status in {401, 403} else None) == expected, (who, route, status)
        assert status < 500, (who, route, status)


async def test_limits_of_an_operator_hold_over_http(service: Service) -> None:
    large = (await submitted(service.served.app, 6)).id
    limits = {"ceiling": 5, "actions": frozenset({Action.QUICK_SCAN})}

    async with service.client(Role.OPERATOR, **limits) as client:
        too_many = await client.post("/api/jobs", data={"action": "quickScan"}, files={"file": devices_csv(6)})
        other = await client.post("/api/jobs", data={"action": "fullScan"}, files={"file": devices_csv(1)})
        fits = await client.post("/api/jobs", data={"action": "quickScan"}, files={"file": devices_csv(5)})
        stops = await client.post(f"/api/jobs/{large}/cancel")
        starts = await client.post(f"/api/jobs/{large}/retry", json={"status": ["cancelled"]})

    assert [answer.status_code for answer in (too_many, other, fits, stops, starts)] == [403, 403, 201, 403, 403]
    assert too_many.json()["detail"] == "You may ask 5 devices in one job, and these are 6."


async def test_a_stranger_s_upload_is_refused_before_it_is_read(service: Service) -> None:
    host, port = service.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = "POST /api/jobs HTTP/1.1\r\nHost: muster\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    writer.write(f"{head}Content-Length: 1000000\r\n\r\n--x\r\n".encode())

    async with asyncio.timeout(PATIENCE):
        status = await reader.readline()
    writer.close()

    assert status.startswith(b"HTTP/1.1 401 ")


async def test_a_key_that_is_revoked_opens_nothing_from_then_on(service: Service) -> None:
    async with service.client() as admin, service.client(Role.VIEWER) as viewer:
        before = await viewer.get("/api/jobs")
        keys = (await admin.get("/api/keys")).json()["items"]
        (theirs,) = [key["id"] for key in keys if key["role"] == "viewer"]
        revoked = await admin.post(f"/api/keys/{theirs}/revoke", json={"reason": "lost"})
        after = await viewer.get("/api/jobs")
        audit_entries = (await admin.get("/api/audit", params={"what": "key.revoked"})).json()["items"]

    assert (before.status_code, revoked.json()["status"], after.status_code) == (200, "revoked", 401)
    assert [(audit_entry["subject"], audit_entry["reason"], audit_entry["from"]) for audit_entry in audit_entries] == [
        (theirs, "lost", "127.0.0.1")
    ]


async def test_a_request_for_a_key_that_is_sent_again_makes_one_key(service: Service) -> None:
    async with service.client() as admin:
        again = {"Idempotency-Key": "portal-1"}
        made = [
            await admin.post("/api/keys", json={"role": "viewer", "name": "portal"}, headers=again) for _ in range(2)
        ]
        other = await admin.post("/api/keys", json={"role": "operator", "name": "portal"}, headers=again)
        keys = (await admin.get("/api/keys")).json()["items"]
    text = made[1].json()["key"]
    async with httpx.AsyncClient(base_url=service.url, headers={"Authorization": f"Bearer {text}"}) as portal:
        works = await portal.get("/api/jobs")

    assert [answer.status_code for answer in made] == [201, 201]
    assert made[0].json() == made[1].json()
    assert other.status_code == 422
    assert sum(key["name"] == "portal" for key in keys) == 1
    assert works.status_code == 200


async def test_a_new_key_is_shown_once_and_works(service: Service) -> None:
    async with service.client() as admin:
        wanted = {"role": "operator", "name": "portal", "ceiling": 7, "actions": ["quickScan"], "expiresInDays": 1}
        made = await admin.post("/api/keys", json=wanted)
        listed = (await admin.get("/api/keys")).text
        spoiled = await admin.post("/api/keys", json={"role": "viewer", "ceiling": 7})
    text = made.json()["key"]
    async with httpx.AsyncClient(base_url=service.url, headers={"Authorization": f"Bearer {text}"}) as portal:
        works = await portal.get("/api/jobs")

    assert made.status_code == 201
    assert made.headers["Cache-Control"] == "no-store"
    assert text not in listed
    assert works.status_code == 200
    assert spoiled.status_code == 422


async def test_what_the_pages_show_of_an_installation_can_be_read_over_http(service: Service) -> None:
    async with service.client(Role.VIEWER) as viewer:
        routes = ("tenants", "workers", "notifications", "notifications/channels", "blackouts")
        items = {route: (await viewer.get(f"/api/{route}")).json()["items"] for route in routes}

    assert [(each["name"], each["signIn"]) for each in items["tenants"]] == [("default", "access token")]
    assert all(worker["version"] for worker in items["workers"])
    assert (items["notifications"], items["notifications/channels"], items["blackouts"]) == ([], [], [])
