"""Every page, asked by every role and by nobody; the ways in, and what other sites may not do."""

from __future__ import annotations

import asyncio
import io
import re
import zipfile
from collections.abc import AsyncIterator
from datetime import timedelta
from html import unescape
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from sqlalchemy import select, update

from orchestrator.domain.access import Grant, Role
from orchestrator.domain.action import Action
from orchestrator.domain.job import JobStatus, Priority
from orchestrator.domain.recurrence import Cron
from orchestrator.domain.target import TargetStatus
from orchestrator.http import admission
from orchestrator.http.sign_in_limits import Attempts
from orchestrator.inventory.contents import InventorySource, import_inventory
from orchestrator.store.jobs.past_jobs import PastEnd, PastTarget
from orchestrator.store.rows.access import NewKeyRow, SessionRow
from orchestrator.usecases.access.keys import create_key, list_keys
from orchestrator.usecases.access.read_audit import read_audit
from orchestrator.usecases.access.revoke_key import revoke_key
from orchestrator.usecases.access.sessions import list_sessions
from orchestrator.usecases.jobs.cancel_job import cancel_job
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.jobs.describe_jobs import list_jobs
from orchestrator.usecases.jobs.pause_job import pause_job
from orchestrator.usecases.jobs.reprioritise_job import reprioritise_job
from orchestrator.usecases.jobs.resume_job import resume_job
from orchestrator.usecases.jobs.retry_job import retry_job
from orchestrator.usecases.lists.describe_lists import describe_list
from orchestrator.usecases.schedules.change_blackouts import list_blackouts
from orchestrator.usecases.schedules.change_schedule import change_schedule
from orchestrator.usecases.schedules.describe_schedules import describe_schedule, list_schedules
from orchestrator.usecases.schedules.pause_schedule import pause_schedule
from orchestrator.usecases.schedules.run_schedule import run_schedule
from orchestrator.web.app import make_web
from orchestrator.web.schedule_fields import fields_of
from tests.support.actors import SOMEBODY
from tests.support.apps import device_ids, devices_csv, submitted
from tests.support.forms import fields_on, form_on
from tests.support.schedules import a_list, a_schedule
from tests.support.waiting import PATIENCE
from tests.support.web import Service, a_service, a_visitor, csrf_of, some_settings

pytestmark = pytest.mark.enable_socket

ANYBODY = None
NEEDED = {
    "GET /": Role.VIEWER,
    "GET /live": Role.VIEWER,
    "GET /attention": Role.OPERATOR,
    "POST /attention": Role.OPERATOR,
    "GET /sign-in": ANYBODY,
    "POST /sign-in": ANYBODY,
    "GET /sign-in/link": ANYBODY,
    "GET /sign-in/entra": ANYBODY,
    "GET /sign-in/again": ANYBODY,
    "GET /sessions": Role.ADMIN,
    "POST /sessions/end": Role.ADMIN,
    "GET /sign-in/done": ANYBODY,
    "POST /sign-out": ANYBODY,
    "GET /jobs": Role.VIEWER,
    "POST /jobs/views": Role.VIEWER,
    "POST /jobs/views/remove": Role.VIEWER,
    "GET /jobs/many": Role.OPERATOR,
    "POST /jobs/many": Role.OPERATOR,
    "GET /jobs/many/done": Role.OPERATOR,
    "GET /jobs/reports.zip": Role.VIEWER,
    "GET /jobs/live": Role.VIEWER,
    "GET /jobs/{job_id}": Role.VIEWER,
    "GET /jobs/{job_id}/changes": Role.VIEWER,
    "GET /jobs/{job_id}/live": Role.VIEWER,
    "GET /jobs/{job_id}/targets": Role.VIEWER,
    "GET /jobs/{job_id}/selected": Role.OPERATOR,
    "GET /jobs/{job_id}/list": Role.OPERATOR,
    "POST /jobs/{job_id}/list": Role.OPERATOR,
    "GET /jobs/{job_id}/report.csv": Role.VIEWER,
    "POST /jobs/{job_id}/pause": Role.OPERATOR,
    "POST /jobs/{job_id}/resume": Role.OPERATOR,
    "POST /jobs/{job_id}/cancel": Role.OPERATOR,
    "POST /jobs/{job_id}/priority": Role.OPERATOR,
    "POST /jobs/{job_id}/retry": Role.OPERATOR,
    "POST /jobs/{job_id}/retry/count": Role.OPERATOR,
    "GET /jobs/new": Role.OPERATOR,
    "POST /jobs/new": Role.OPERATOR,
    "POST /jobs/new/verdict": Role.OPERATOR,
    "POST /jobs/new/odd.csv": Role.OPERATOR,
    "GET /keys": Role.ADMIN,
    "POST /keys": Role.ADMIN,
    "GET /keys/{key_id}": Role.ADMIN,
    "POST /keys/{key_id}/rotate": Role.ADMIN,
    "POST /keys/{key_id}/revoke": Role.ADMIN,
    "GET /audit": Role.ADMIN,
    "GET /schedules": Role.VIEWER,
    "GET /schedules/{name}": Role.VIEWER,
    "GET /schedules/new": Role.OPERATOR,
    "POST /schedules/occurrences": Role.OPERATOR,
    "GET /schedules/{name}/change": Role.OPERATOR,
    "POST /schedules/{name}/change": Role.OPERATOR,
    "POST /schedules/{name}/occurrences": Role.OPERATOR,
    "POST /schedules": Role.OPERATOR,
    "POST /schedules/{name}/pause": Role.OPERATOR,
    "POST /schedules/{name}/resume": Role.OPERATOR,
    "POST /schedules/{name}/remove": Role.OPERATOR,
    "POST /schedules/{name}/run": Role.OPERATOR,
    "GET /blackouts": Role.VIEWER,
    "POST /blackouts": Role.OPERATOR,
    "POST /blackouts/{number}/change": Role.OPERATOR,
    "POST /blackouts/{number}/remove": Role.OPERATOR,
    "GET /tenants": Role.VIEWER,
    "GET /tenants/{name}/check": Role.VIEWER,
    "POST /tenants/{name}/check": Role.OPERATOR,
    "GET /notifications": Role.VIEWER,
    "POST /notifications/{name}/test": Role.OPERATOR,
    "GET /lists": Role.VIEWER,
    "GET /lists/{name}": Role.VIEWER,
    "GET /lists/{name}/devices.csv": Role.VIEWER,
    "GET /lists/{name}/compare": Role.VIEWER,
    "POST /lists": Role.OPERATOR,
    "POST /lists/{name}/remove": Role.OPERATOR,
    "GET /lanes": Role.VIEWER,
    "GET /health": Role.VIEWER,
    "GET /halt": Role.VIEWER,
    "GET /halt/banner": Role.VIEWER,
    "GET /devices": Role.VIEWER,
    "GET /devices/{device}": Role.VIEWER,
    "GET /inventory": Role.VIEWER,
    "POST /inventory/accept": Role.OPERATOR,
    "POST /inventory/refresh": Role.OPERATOR,
    "GET /search": Role.VIEWER,
    "GET /display": Role.VIEWER,
    "POST /display": Role.VIEWER,
    "POST /halt": Role.OPERATOR,
    "POST /halt/lift": Role.ADMIN,
}


@pytest.fixture
async def service(sqlite_url: str) -> AsyncIterator[Service]:
    async with a_service(some_settings(sqlite_url)) as service:
        yield service


def routes_of(web: FastAPI) -> set[str]:
    """Every page and form there is."""
    document = get_openapi(title="pages", version="0", routes=web.routes)
    return {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}


async def test_the_table_knows_every_page(sqlite_url: str) -> None:
    assert routes_of(make_web(some_settings(sqlite_url))) == set(NEEDED)


async def test_each_page_lets_in_who_may_and_nobody_else(service: Service) -> None:
    job = (await submitted(service.served.app, 3)).id
    seen: dict[tuple[Role | None, str], int] = {}

    for role in (None, *Role):
        async with a_visitor(service, role) as client:
            token = await csrf_of(client) if role else "none"
            for route, needed in NEEDED.items():
                if "sign" in route:
                    continue
                method, _, path = route.partition(" ")
                url = path.format(job_id=job, key_id="nokeyofours", name="nothing", device="nothing", number="1")
                async with client.stream(method, url, headers={"X-CSRF-Token": token}) as answer:
                    seen[role, route] = answer.status_code
                    elsewhere = answer.headers.get("location", "")
                if role is None and needed is not None:
                    assert elsewhere.startswith("/sign-in"), route

    for (role, route), status in seen.items():
        needed = NEEDED[route]
        if needed is None:
            continue
        if role is None:
            assert status == 303, route
        else:
            assert (status == 403) == (not role.includes(needed)), (role, route, status)
            assert status < 500, (role, route, status)


async def test_the_first_page_says_what_needs_a_person_until_somebody_acknowledges_it(service: Service) -> None:
    app = service.served.app
    job = (await submitted(app, 3, name="<b>ring 2</b>")).id
    await pause_job(app, job, by=SOMEBODY)
    async with a_visitor(service, Role.OPERATOR) as client:
        first = await client.get("/")
        asked = await client.get(f"/attention?item=jobWaits:{job}")
        form = form_on(asked.text, "/attention")
        nameless = await client.post("/attention", data={**form, "reason": ""})
        before = await client.get("/lists", headers={"Accept": "text/html"})
        done = await client.post("/attention", data={**form, "reason": "known"})
        after = await client.get(done.headers["location"])
        elsewhere = await client.get("/lists", headers={"Accept": "text/html"})

    assert "Nothing is urgent," in first.text
    assert "&lt;b&gt;ring 2&lt;/b&gt; is paused with 3 devices left." in first.text
    assert f'href="/jobs/{job}#resume"' in first.text
    assert asked.status_code == 200
    assert nameless.status_code == 422
    assert "Everything is fine." in after.text
    assert "1<span" in before.text.partition('id="count-attention">')[2][:6]
    assert " needs attention</span>" in before.text
    assert " needs attention</span>" not in elsewhere.text


async def test_several_jobs_are_steered_after_one_page_that_says_what_happens_to_each(service: Service) -> None:
    app = service.served.app
    ids = [(await submitted(app, 3)).id for _ in range(3)]
    await cancel_job(app, ids[0], by=SOMEBODY)
    async with a_visitor(service, Role.OPERATOR) as client:
        asked = await client.get("/jobs/many", params={"do": "pause", "job": ids})
        form = form_on(asked.text, "/jobs/many")
        await cancel_job(app, ids[1], by=SOMEBODY)
        fields = {**form, "job": [ids[1], ids[2]], "reason": "CHG-1"}
        sent = await client.post("/jobs/many", data=fields)
        done = await client.get(sent.headers["location"])
        again = await client.get(sent.headers["location"])
        reports = await client.get("/jobs/reports.zip", params={"job": ids})
        nothing = await client.get("/jobs/many", params={"do": "pause", "job": "none"})

    assert "Pause 2 jobs" in asked.text
    assert "so nothing is to be paused" in asked.text
    assert sent.status_code == 303
    assert "Paused: 1 of 2 jobs" in done.text
    assert "Paused: 1 of 2 jobs" in again.text
    assert (await describe_job(app, ids[2])).status == "paused"
    assert zipfile.ZipFile(io.BytesIO(reports.content)).namelist() == [f"muster-{each}.csv" for each in reversed(ids)]
    assert nothing.status_code == 422


async def test_the_first_page_is_light_with_everything_that_it_loads(service: Service) -> None:
    app = service.served.app
    await a_list(app)
    for number in range(14):
        await submitted(app, 3, name=f"Refresh of office {number}")
        await a_schedule(app, f"half-hourly-{number}", recurrence=Cron("*/30 * * * *", "UTC"))
    async with a_visitor(service, Role.ADMIN) as client:
        page = await client.get("/")
        files = {unescape(each) for each in re.findall(r'(?:href|src)="(/static/[^"#]+)', page.text)}
        loaded = {each: len((await client.get(each)).content) for each in files}

    assert {"muster.js", "htmx.min.js", "icons.svg", "tokens.css"} <= {
        each.rpartition("/")[2].partition("?")[0] for each in files
    }
    # Before compression; over the network it is a third of that.
    assert len(page.content) + sum(loaded.values()) < 125_000, (len(page.content), loaded)
    # More of them make no longer page.
    assert len(re.findall(r"M[\d.]+ 0v1", page.text)) == 10 * 48
    assert "and 4 schedules more" in page.text
    assert "and 6 more" in page.text


async def test_a_schedule_shows_its_next_runs_by_the_readers_clock(service: Service) -> None:
    await a_list(service.served.app)
    await a_schedule(service.served.app, recurrence=Cron("0 2 * * *", "UTC"))
    async with a_visitor(service, Role.VIEWER) as client:
        client.cookies.set("muster-zone", "Asia%2FTokyo")
        page = (await client.get("/schedules/nightly")).text

    runs = page.partition('<ol class="moments">')[2].partition("</ol>")[0]
    assert (runs.count(", 11:00<"), runs.count("02:00 in UTC")) == (10, 10)


async def test_a_reader_chooses_theme_rows_and_clock_and_is_led_back(service: Service) -> None:
    async with a_visitor(service, Role.VIEWER) as client:
        token = await csrf_of(client)
        chosen = {"csrf": token, "theme": "dark", "rows": "compact", "zone": "W. Europe Standard Time", "to": "/lanes"}
        saved = await client.post("/display", data=chosen)
        page = await client.get(saved.headers["location"])
        refused = await client.post("/display", data={**chosen, "zone": "Nowhere/Else"})
        away = await client.post("/display", data={**chosen, "to": "//elsewhere.example"})

    assert saved.headers["location"] == "/lanes"
    assert '<html lang="en" data-theme="dark" data-rows="compact" data-zone="Europe/Berlin">' in page.text
    assert refused.status_code == 422
    assert "no time zone" in refused.text
    assert away.headers["location"] == "/"


async def test_a_change_that_another_site_asks_for_is_refused(service: Service) -> None:
    job = (await submitted(service.served.app, 3)).id
    async with a_visitor(service, Role.ADMIN) as client:
        token = await csrf_of(client)
        pause = f"/jobs/{job}/pause"
        refused = [
            await client.post(pause),
            await client.post(pause, data={"csrf": "f" * 64}),
            await client.post(pause, data={"csrf": token}, headers={"Origin": "https://evil.example"}),
            await client.post(pause, data={"csrf": token}, headers={"Sec-Fetch-Site": "cross-site"}),
            await client.post("/jobs/new?csrf=no", data={"action": "quickScan"}, files={"file": devices_csv(1)}),
            await client.post("/sign-in", data={"key": "x"}, headers={"Origin": "null"}),
        ]
        jobs = await client.get("/jobs")
        done = await client.post(pause, data={"csrf": token, "reason": "ours"}, headers={"Origin": service.url})

    assert [answer.status_code for answer in refused] == [403] * 6
    assert "paused" not in re.findall(r'class="badge (\w+)"', jobs.text)
    assert done.status_code == 303


async def test_the_token_of_a_page_is_another_one_each_time_and_good_for_that_session_alone(service: Service) -> None:
    job = (await submitted(service.served.app, 3)).id
    async with a_visitor(service, Role.ADMIN) as client, a_visitor(service, Role.ADMIN) as other:
        tokens = [await csrf_of(client), await csrf_of(client)]
        theirs = await csrf_of(other)
        answers = [
            await client.post(f"/jobs/{job}/pause", data={"csrf": token})
            for token in (tokens[0], tokens[1], theirs, "")
        ]

    assert tokens[0] != tokens[1]
    assert [answer.status_code for answer in answers] == [303, 303, 403, 403]


async def test_a_form_that_is_no_upload_is_never_read_into_memory(service: Service) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        yield b"action=quickScan&file="
        while read < 64:
            read += 1
            yield b"x" * 65536

    form = {"Content-Type": "application/x-www-form-urlencoded"}
    async with a_visitor(service, Role.ADMIN) as client:
        token = await csrf_of(client)
        for path in ("/jobs/new", "/jobs/new/verdict", "/lists"):
            answer = await client.post(path, content=endless(), headers={**form, "X-CSRF-Token": token})
            assert answer.status_code == 422, path
        unsigned = await client.post("/jobs/new", content=endless(), headers=form)

    assert unsigned.status_code == 403


async def test_whoever_is_signed_out_is_led_from_a_live_page_to_the_door_and_back(service: Service) -> None:
    async with httpx.AsyncClient(base_url=service.url, timeout=PATIENCE) as nobody:
        events = await nobody.get("/jobs/live", headers={"Accept": "text/event-stream"})
        page = await nobody.get("/jobs?search=berlin")
        looked_at = {"HX-Request": "true", "HX-Current-URL": f"{service.url}/jobs/abc?x=1"}
        part = await nobody.get("/jobs/abc/targets", headers=looked_at)
        elsewhere = await nobody.get(
            "/jobs", headers={**looked_at, "HX-Current-URL": "https://evil.example//evil.example"}
        )
        form = await nobody.post(
            "/schedules/nightly/pause", headers={"Referer": f"{service.url}/schedules/nightly?at=1"}
        )
        door = await nobody.get(form.headers["location"])

    assert events.headers["content-type"].startswith("text/event-stream")
    assert "event: leave" in events.text
    assert form.headers["location"] == "/sign-in?to=%2Fschedules%2Fnightly%3Fat%3D1&said=ended"
    assert "Your session has ended, so nothing was done." in door.text
    assert page.headers["location"] == "/sign-in?to=%2Fjobs%3Fsearch%3Dberlin"
    assert part.headers["hx-redirect"] == "/sign-in?to=%2Fjobs%2Fabc%3Fx%3D1"
    # Where it leads is looked at when somebody comes back with it: never to another site.
    assert elsewhere.headers["hx-redirect"] == "/sign-in?to=%2F%2Fevil.example"


async def test_a_form_of_an_ended_session_is_sent_in_the_next_one_with_the_token_of_the_banner(
    service: Service,
) -> None:
    async with a_visitor(service, Role.ADMIN) as client:
        before = await csrf_of(client)
    async with a_visitor(service, Role.ADMIN) as client:
        banner = await client.get("/halt/banner", headers={"HX-Request": "true"})
        sent = [
            await client.post("/halt/lift", headers={"X-CSRF-Token": token})
            for token in (before, banner.headers["x-csrf-token"])
        ]

    assert [answer.status_code for answer in sent] == [403, 422]


async def test_a_stream_ends_soon_after_its_key_is_revoked(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "ASKED_EVERY", 0.0)
    job = (await submitted(service.served.app, 3)).id
    await pause_job(service.served.app, job, by=SOMEBODY)
    async with (
        a_visitor(service, Role.VIEWER) as page,
        service.client(Role.VIEWER) as client,
        service.client() as admin,
    ):
        async with asyncio.timeout(PATIENCE):
            async with (
                page.stream("GET", f"/jobs/{job}/live") as shown,
                client.stream("GET", "/api/jobs/events") as told,
            ):
                lines = [shown.aiter_lines(), told.aiter_lines()]
                first = [await anext(each) for each in lines]
                for key in (await admin.get("/api/keys")).json()["items"]:
                    if key["role"] == "viewer":
                        await admin.post(f"/api/keys/{key['id']}/revoke")
                await reprioritise_job(service.served.app, job, Priority.LOW, by=SOMEBODY)
                rest = [[line async for line in each] for each in lines]

    assert all(line.startswith("event: ") for line in first)
    assert not any(line.startswith("event: ") for lines in rest for line in lines)


async def test_a_cookie_opens_nothing_of_the_api(service: Service) -> None:
    async with a_visitor(service, Role.ADMIN) as client:
        assert (await client.get("/api/jobs")).status_code == 401


async def test_the_printed_link_works_once_and_is_written_down(service: Service) -> None:
    link = service.served.link
    assert link is not None
    async with (
        httpx.AsyncClient(base_url=service.url, timeout=PATIENCE) as first,
        httpx.AsyncClient(base_url=service.url, timeout=PATIENCE) as second,
    ):
        wrong = await second.get("/sign-in/link", params={"token": "guess"})
        entered = await first.get("/sign-in/link", params={"token": link.token})
        again = await second.get("/sign-in/link", params={"token": link.token})
        page = await first.get("/audit")
        outside = await second.get("/audit")
    audit_entries = await read_audit(service.served.app, by=SOMEBODY, limit=5, what="session")

    assert (wrong.headers["location"], again.headers["location"]) == ("/sign-in?said=used",) * 2
    assert entered.headers["location"] == "/"
    assert (page.status_code, outside.status_code) == (200, 303)
    assert [
        (audit_entry.what, audit_entry.who, audit_entry.origin, audit_entry.facts["way"])
        for audit_entry in audit_entries
    ] == [("session.begun", "owner", "127.0.0.1", "link")]


async def test_the_cookie_is_for_the_browser_alone(service: Service) -> None:
    async with httpx.AsyncClient(base_url=service.url, timeout=PATIENCE) as client:
        entered = await client.post("/sign-in", data={"key": await service.key(Role.VIEWER), "to": "//evil.example"})

    cookie = entered.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert entered.headers["location"] == "/"


async def test_behind_tls_the_cookie_travels_no_other_way(sqlite_url: str) -> None:
    settings = some_settings(sqlite_url, MUSTER_PUBLIC_URL="https://muster.contoso.example")
    async with a_service(settings) as service, httpx.AsyncClient(base_url=service.url, timeout=PATIENCE) as client:
        entered = await client.post("/sign-in", data={"key": await service.key(Role.VIEWER)})

    assert entered.headers["set-cookie"].startswith("__Host-muster=")
    assert "secure" in entered.headers["set-cookie"].lower()


async def test_wrong_keys_by_the_dozen_lock_nobody_out(service: Service) -> None:
    right = await service.key(Role.ADMIN)
    link = service.served.link
    assert link is not None
    async with httpx.AsyncClient(base_url=service.url, timeout=PATIENCE) as client:
        tries = [await client.post("/sign-in", data={"key": f"guess {n}"}) for n in range(3 * Attempts.MOST)]
        late = await client.post("/sign-in", data={"key": right})
        by_link = await client.get("/sign-in/link", params={"token": link.token})

    assert {answer.status_code for answer in tries} == {401}
    assert (late.status_code, by_link.status_code) == (303, 303)


async def test_whoever_guesses_links_waits_and_signs_in_with_a_key_all_the_same(service: Service) -> None:
    link = service.served.link
    assert link is not None
    async with httpx.AsyncClient(base_url=service.url, timeout=PATIENCE) as client:
        for n in range(Attempts.MOST):
            await client.get("/sign-in/link", params={"token": f"guess {n}"})
        late = await client.get("/sign-in/link", params={"token": link.token})
        by_key = await client.post("/sign-in", data={"key": await service.key(Role.ADMIN)})

    assert late.status_code == 429
    assert "Too many tries. The next one counts in" in late.text
    assert by_key.status_code == 303


async def test_another_site_cannot_make_an_address_wait(service: Service) -> None:
    link = service.served.link
    assert link is not None
    foreign = {"Sec-Fetch-Site": "cross-site"}
    async with httpx.AsyncClient(base_url=service.url, timeout=PATIENCE) as client:
        for n in range(Attempts.MOST + 1):
            await client.get("/sign-in/link", params={"token": f"guess {n}"}, headers=foreign)
            await client.get("/sign-in/done", params={"code": "x", "state": f"guess {n}"})
        by_key = await client.post("/sign-in", data={"key": await service.key(Role.ADMIN)})
        by_link = await client.get("/sign-in/link", params={"token": link.token})

    assert (by_key.status_code, by_key.headers["location"]) == (303, "/")
    assert by_link.headers["location"] == "/"


async def test_signing_out_and_revoking_the_key_end_a_session(service: Service) -> None:
    async with a_visitor(service, Role.VIEWER) as client, service.client() as admin:
        token = await csrf_of(client)
        cookies = dict(client.cookies)
        left = await client.post("/sign-out", data={"csrf": token})
        client.cookies.update(cookies)
        after = await client.get("/jobs")
        async with a_visitor(service, Role.VIEWER) as other:
            before = await other.get("/jobs")
            for key in (await admin.get("/api/keys")).json()["items"]:
                if key["role"] == "viewer":
                    await admin.post(f"/api/keys/{key['id']}/revoke")
            revoked = await other.get("/jobs")

    assert (left.status_code, after.status_code) == (303, 303)
    assert (before.status_code, revoked.status_code) == (200, 303)


async def test_a_page_says_to_the_browser_what_may_happen_on_it(service: Service) -> None:
    async with a_visitor(service, Role.VIEWER) as client:
        page = await client.get("/jobs")
        script = re.search(r'src="(/static/[^"]+)"', page.text)
        assert script is not None
        file = await client.get(script[1])

    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers.get_list("x-content-type-options") == ["nosniff"]
    assert page.headers["cache-control"] == "no-store"
    assert "immutable" in file.headers["cache-control"]
    assert not re.search(r"<script>|<style| style=| on\w+=", page.text)
    assert not re.search(r'(?:src|href|action)="(?:https?:)?//', page.text)


async def test_what_a_list_says_is_shown_as_text(service: Service) -> None:
    nasty = b'Device ID,Name\n<script>alert(1)</script>,"<img src=x onerror=alert(1)>"\n'
    async with a_visitor(service, Role.OPERATOR) as client:
        token = await csrf_of(client)
        verdict = await client.post(
            "/jobs/new/verdict",
            headers={"X-CSRF-Token": token, "HX-Request": "true"},
            data={"action": "quickScan", "name": "<b>"},
            files={"file": ("<i>.csv", nasty)},
        )

    assert verdict.status_code == 200
    assert "&lt;img src=x" in verdict.text
    assert "<img" not in verdict.text
    assert "<script" not in verdict.text


async def test_many_devices_are_submitted_only_with_the_count_typed_back(service: Service) -> None:
    async with a_visitor(service, Role.OPERATOR) as client:
        headers = {"X-CSRF-Token": await csrf_of(client)}

        async def submit(count: int, action: str, confirmed: str) -> httpx.Response:
            sent: dict[str, Any] = {"data": {"action": action}, "files": {"file": ("list.csv", devices_csv(count))}}
            verdict = await client.post("/jobs/new/verdict", headers={**headers, "HX-Request": "true"}, **sent)
            sent["data"] |= {**fields_on(verdict.text), "confirmed": confirmed}
            return await client.post("/jobs/new", headers=headers, **sent)

        answers = [
            await submit(1001, "quickScan", ""),
            await submit(1001, "quickScan", "1000"),
            await submit(11, "fullScan", ""),
            await submit(1000, "quickScan", ""),
            await submit(1001, "quickScan", "1,001"),
        ]

    assert [answer.status_code for answer in answers] == [422, 422, 422, 303, 303]
    assert "Type that number to confirm" in answers[0].text
    assert 'value="quickScan" required checked' in answers[0].text


async def test_what_is_submitted_is_what_was_judged(service: Service) -> None:
    listed = devices_csv(11)
    differs: dict[str, tuple[dict[str, str], bytes]] = {
        "the action was fullScan and is quickScan": ({"action": "quickScan"}, listed),
        "the set of options was none and is only eligible": ({"onlyEligible": "true"}, listed),
        "the set of options was none and is canary 1": ({"canary": "1"}, listed),
        "the way of addressing was managedDevices and is comanagedDevices": ({"via": "comanagedDevices"}, listed),
        "the device list was list.csv": ({}, devices_csv(11, seed=2)),
        "the number of devices was 11 and is 12": ({}, devices_csv(12)),
        "does not say what was confirmed": ({"shown": ""}, listed),
        "This request does not say": ({"shown": "{"}, listed),
    }
    async with a_visitor(service, Role.OPERATOR) as client:
        headers = {"X-CSRF-Token": await csrf_of(client), "HX-Request": "true"}
        judged = {"action": "fullScan"}

        async def post(path: str, data: dict[str, str], content: bytes, **more: str) -> httpx.Response:
            sent = {**headers, **more}
            return await client.post(path, headers=sent, data=data, files={"file": ("list.csv", content)})

        verdict = fields_on((await post("/jobs/new/verdict", judged, listed)).text)
        judged |= verdict | {"confirmed": "11"}
        parts = {words: await post("/jobs/new", judged | data, file) for words, (data, file) in differs.items()}
        page = await post("/jobs/new", judged | {"action": "quickScan"}, listed, **{"HX-Request": "false"})
        unchosen = await post("/jobs/new/verdict", {}, listed)
        before = await list_jobs(service.served.app, limit=5)
        done = await post("/jobs/new", judged | {"reason": "CHG-1", "name": "scan"}, listed)

    assert before == []
    for words, part in parts.items():
        assert words in part.text
        assert part.headers["HX-Retarget"] == "#verdict"
        assert 'name="shown"' in part.text
    assert 'id="confirmed"' not in parts["the action was fullScan and is quickScan"].text
    assert page.status_code == 409
    assert 'value="quickScan" required checked' in page.text
    assert "Choose below what to ask of each device" in unchosen.text
    assert "data-acts" not in unchosen.text
    assert done.headers["HX-Redirect"].startswith("/jobs/")


async def test_no_action_is_chosen_before_somebody_chooses_it(service: Service) -> None:
    await a_list(service.served.app)
    async with a_visitor(service, Role.OPERATOR) as client:
        pages = [(await client.get(path)).text for path in ("/jobs/new", "/schedules/new")]
        sent = form_on(pages[1], "/schedules") | {"name": "weekly", "list": "fleet", "action": ""}
        refused = await client.post("/schedules", data=sent)

    assert "checked" not in pages[0].partition('aria-labelledby="action-title"')[2]
    assert '<option value="">Choose an action</option>' in pages[1]
    assert refused.status_code == 422
    assert "Choose the action" in refused.text


async def test_a_move_that_was_confirmed_is_refused_once_the_thing_has_changed(service: Service) -> None:
    app = service.served.app
    job = (await submitted(app, 5)).id
    await pause_job(app, job, by=SOMEBODY)
    await a_list(app)
    await a_schedule(app)
    key = (await create_key(app, Grant(Role.VIEWER), name="portal", by=SOMEBODY)).key.id
    moves = {
        f"/jobs/{job}": (f"/jobs/{job}/{move}" for move in ("cancel", "priority")),
        "/schedules/nightly": ("/schedules/nightly/run", "/schedules/nightly/remove", "/schedules/nightly/resume"),
    }
    async with a_visitor(service, Role.ADMIN) as client:
        opened = {path: (await client.get(path)).text for path in (*moves, "/keys", "/schedules/nightly/change")}
        await reprioritise_job(app, job, Priority.HIGH, by=SOMEBODY)
        await resume_job(app, job, by=SOMEBODY)
        await a_list(app, 30)
        await pause_schedule(app, "nightly", by=SOMEBODY)
        await change_schedule(app, "nightly", {"priority": Priority.LOW}, by=SOMEBODY)
        await revoke_key(app, key, by=SOMEBODY)
        asked = {path: form_on(opened[page], path) for page, paths in moves.items() for path in paths}
        asked[f"/jobs/{job}/priority"]["priority"] = "low"
        change = form_on(opened["/schedules/nightly/change"], "/schedules/nightly/change")
        asked["/schedules/nightly/change"] = change | {
            "list": "fleet",
            "action": "refreshUserPolicy",
            "when": "0 5 * * *",
        }
        refused = {path: await client.post(path, data=fields) for path, fields in asked.items()}
        bare = {path: await client.post(path, data={"csrf": change["csrf"], "priority": "low"}) for path in asked}
        after = await describe_job(app, job), await describe_schedule(app, "nightly"), await list_jobs(app, limit=5)
        again = form_on(refused["/schedules/nightly/run"].text, "/schedules/nightly/run")
        done = await client.post("/schedules/nightly/run", data=again)

    assert {path: answer.status_code for path, answer in refused.items()} == dict.fromkeys(asked, 409)
    assert {path: answer.status_code for path, answer in bare.items()} == {
        path: 422 if path.endswith("/change") else 409 for path in asked
    }
    assert "status was paused and is active" in refused[f"/jobs/{job}/cancel"].text
    assert "priority was normal and is high" in refused[f"/jobs/{job}/priority"].text
    assert "devices was 20 and is 30" in refused["/schedules/nightly/run"].text
    assert "priority was normal and is low" in refused["/schedules/nightly/change"].text
    assert (after[0].job.priority, after[1].schedule.status, len(after[2])) == ("high", "paused", 1)
    assert done.status_code == 303


async def test_the_count_is_typed_back_before_many_devices_are_called_in_any_other_way(service: Service) -> None:
    app = service.served.app
    paused, left = [(await submitted(app, 11, action=Action.FULL_SCAN)).id for _ in range(2)]
    for job in (paused, left):
        await pause_job(app, job, by=SOMEBODY)
    await a_list(app, 11)
    await a_list(app, devices_csv(11, seed=2), name="other")
    await a_schedule(app, action=Action.FULL_SCAN)
    harmless = fields_of((await a_schedule(app, "harmless")).schedule)
    changed = {**harmless.model_dump(mode="json"), "action": "fullScan", "was": harmless.model_dump_json()}
    async with a_visitor(service, Role.OPERATOR) as client:
        token = await csrf_of(client)

        async def shown(page: str, path: str, **more: str) -> dict[str, Any]:
            return {**form_on((await client.get(page)).text, path), "csrf": token, "reason": "<CHG-1>", **more}

        run = await shown("/schedules/nightly", "/schedules/nightly/run")
        asked: dict[str, dict[str, Any]] = {
            "/schedules": {"csrf": token, "name": "weekly", "list": "fleet", "action": "fullScan", "reason": "<CHG-1>"},
            "/schedules/harmless/change": {**changed, "csrf": token, "reason": "<CHG-1>"},
            "/schedules/nightly/run": run,
            f"/jobs/{paused}/resume": await shown(f"/jobs/{paused}", f"/jobs/{paused}/resume"),
        }

        async def post_all(more: dict[str, dict[str, str]], **headers: str) -> list[httpx.Response]:
            sent = {path: {**fields, **more.get(path, {})} for path, fields in asked.items()}
            return [await client.post(path, headers=headers, data=data) for path, data in sent.items()]

        def typed_on(answers: list[httpx.Response], text: str) -> dict[str, dict[str, str]]:
            pages = zip(asked, answers, strict=True)
            return {path: form_on(page.text, path) | {"confirmed": text} for path, page in pages}

        bare, parts = await post_all({}), await post_all({}, **{"HX-Request": "true"})
        wrong = await post_all(typed_on(bare, "10"))
        unasked = await post_all({path: {"confirmed": "11"} for path in asked})
        # The number was typed for one list, and the form asks for another one of as many devices.
        swapped = typed_on(bare, "11")["/schedules"] | {"list": "other"}
        other = await client.post("/schedules", data=swapped)
        jobs, schedules = await list_jobs(app, limit=10), await list_schedules(app)
        typed = await post_all(typed_on(bare, " 11 "))

    assert {answer.status_code for answer in (*bare, *wrong, *unasked, other)} == {422}
    assert {view.status for view in jobs} == {"paused"}
    assert [view.schedule.name for view in schedules] == ["harmless", "nightly"]
    for answer in bare:
        assert "Type <b>11</b> to confirm that so many devices are asked for fullScan" in answer.text
        assert f'name="csrf" value="{token}"' in answer.text
        assert 'name="reason" value="&lt;CHG-1&gt;"' in answer.text
    for part in parts:
        assert "Type <b>11</b>" in part.text
        assert "<html" not in part.text
    assert [answer.status_code for answer in typed] == [303] * 4


async def test_a_button_that_is_pressed_twice_makes_one_job(service: Service) -> None:
    await a_list(service.served.app)
    await a_schedule(service.served.app)
    upload = {"file": ("list.csv", devices_csv(3))}
    async with a_visitor(service, Role.OPERATOR) as client:
        headers = {"X-CSRF-Token": await csrf_of(client), "HX-Request": "true"}
        asked = {"action": "quickScan"}

        def key_on(page: httpx.Response) -> dict[str, str]:
            (key,) = re.findall(r'name="once" value="([0-9a-f]{32})"', page.text)
            return {"once": key}

        async def twice(path: str, data: dict[str, str], **files: object) -> set[str]:
            answers = [await client.post(path, headers=headers, data=data, **files) for _ in range(2)]  # type: ignore[arg-type] # as httpx takes them
            return {answer.headers.get("HX-Redirect") or answer.headers["Location"] for answer in answers}

        verdict = await client.post("/jobs/new/verdict", headers=headers, data=asked, files=upload)
        jobs = await twice("/jobs/new", asked | fields_on(verdict.text), files=upload)
        job = next(iter(jobs))
        another = await client.post(
            "/jobs/new", headers=headers, data=asked | fields_on(verdict.text) | {"name": "x"}, files=upload
        )
        await client.post(f"{job}/cancel", data=form_on((await client.get(job)).text, f"{job}/cancel"))
        async with asyncio.timeout(PATIENCE):
            # What a worker holds of it is cancelled as soon as it lets go.
            while (await describe_job(service.served.app, job.rpartition("/")[2])).tally.cancelled < 3:  # noqa: ASYNC110 - the database tells nobody
                await asyncio.sleep(0.05)
        ended = (await client.get(job)).text
        retries = await twice(f"{job}/retry", form_on(ended, f"{job}/retry") | {"status": "cancelled"})
        schedule = "/schedules/nightly"
        runs = await twice(f"{schedule}/run", form_on((await client.get(schedule)).text, f"{schedule}/run"))

    assert "was sent before" in another.text
    assert len(jobs) == len(retries) == len(runs) == 1
    assert len(await list_jobs(service.served.app, limit=10)) == 3


async def test_devices_that_are_filtered_can_be_retried_as_they_are_shown(service: Service) -> None:
    job = (await submitted(service.served.app, 5)).id
    await cancel_job(service.served.app, job, by=SOMEBODY)
    device = device_ids(5)[3]
    async with a_visitor(service, Role.OPERATOR) as client, a_visitor(service, Role.VIEWER) as viewer:
        fragment, asked = {"HX-Request": "true"}, f"/jobs/{job}/targets?status=cancelled&search={device[:13]}"
        found = (await client.get(asked, headers=fragment)).text
        seen = (await viewer.get(asked, headers=fragment)).text
        everything = (await client.get(f"/jobs/{job}/targets", headers=fragment)).text
        counted = await client.post(
            f"/jobs/{job}/retry/count",
            headers=fragment | {"X-CSRF-Token": await csrf_of(client)},
            data={"status": "cancelled", "search": device[:13]},
        )
        more = await client.post(
            f"/jobs/{job}/retry",
            headers={"X-CSRF-Token": await csrf_of(client)},
            data={"status": "cancelled"} | fields_on(counted.text),
        )
        made = await client.post(
            f"/jobs/{job}/retry",
            headers={"X-CSRF-Token": await csrf_of(client)},
            data={"status": "cancelled", "search": device[:13]} | fields_on(counted.text),
        )

    (retry, _) = await list_jobs(service.served.app, limit=2)
    assert f'data-statuses="cancelled" data-set-error="" data-set-search="{device[:13]}"' in found
    assert ["data-opens" in page for page in (seen, everything)] == [False, False]
    assert made.headers["Location"] == f"/jobs/{retry.job.id}"
    assert retry.tally.total == 1
    assert "<b>1 device</b> fits" in counted.text
    assert more.status_code == 409
    assert "devices was 1 and is 5" in more.text


async def test_why_a_list_was_kept_and_a_schedule_run_is_asked_for_on_their_pages(service: Service) -> None:
    await a_list(service.served.app)
    await a_schedule(service.served.app)
    async with a_visitor(service, Role.OPERATOR) as client:
        headers = {"X-CSRF-Token": await csrf_of(client)}
        pages = [(await client.get(path)).text for path in ("/lists", "/schedules/nightly")]
        run = form_on(pages[1], "/schedules/nightly/run") | {"reason": "CHG-1"}
        await client.post("/schedules/nightly/run", data=run)
        upload = {"file": ("list.csv", devices_csv(3))}
        await client.post("/lists", headers=headers, data={"name": "fleet", "reason": "CHG-2"}, files=upload)

    audit_entries = await read_audit(service.served.app, by=SOMEBODY, limit=2)
    assert ['id="reason"' in pages[0], 'id="run-reason"' in pages[1]] == [True, True]
    assert [(audit_entry.what, audit_entry.reason) for audit_entry in audit_entries] == [
        ("list.imported", "CHG-2"),
        ("job.submitted", "CHG-1"),
    ]


async def test_a_verdict_s_form_is_another_one_than_the_last_verdict_s(service: Service) -> None:
    async with a_visitor(service, Role.OPERATOR) as client:
        headers = {"X-CSRF-Token": await csrf_of(client), "HX-Request": "true"}
        upload = {"data": {"action": "quickScan"}, "files": {"file": ("list.csv", devices_csv(3))}}
        verdicts = [
            await client.post("/jobs/new/verdict", headers=headers, **upload)  # type: ignore[arg-type] # as httpx takes them
            for _ in range(2)
        ]

    bars = [each.text.partition('id="bar"')[2] for each in verdicts]
    keys = [
        re.findall(r'hx-swap-oob="true"[^>]*>.*?name="once" value="([0-9a-f]{32})"', bar, re.DOTALL) for bar in bars
    ]
    assert [len(found) for found in keys] == [1, 1]
    assert keys[0] != keys[1]


async def test_a_list_that_is_refused_names_its_bad_lines(service: Service) -> None:
    bad = b"\n".join([b"Device ID", *(f"<b>{number}".encode() for number in range(203))])
    async with a_visitor(service, Role.OPERATOR) as client:
        headers = {"X-CSRF-Token": await csrf_of(client)}
        kept = await client.post("/lists", headers=headers, data={"name": "fleet"}, files={"file": ("x.csv", bad)})
        upload = {"data": {"action": "quickScan"}, "files": {"file": ("x.csv", bad)}}
        submitted_ = await client.post("/jobs/new", headers={**headers, "HX-Request": "true"}, **upload)  # type: ignore[arg-type] # as httpx takes them

    assert (kept.status_code, submitted_.status_code) == (422, 200)
    for answer in (kept, submitted_):
        assert re.findall(r'data-label="Line">(\d+)<', answer.text) == [str(line) for line in range(2, 202)]
        assert "And 3 lines more." in answer.text
        assert "&lt;b&gt;7" in answer.text
        assert "<b>7" not in answer.text


async def test_rows_that_would_not_be_called_can_be_downloaded(service: Service) -> None:
    listed = devices_csv(3) + b"\nnobody\n" + devices_csv(1)[10:] + b"\n"
    async with a_visitor(service, Role.OPERATOR) as client:
        odd = await client.post(
            "/jobs/new/odd.csv",
            data={"action": "quickScan", "csrf": await csrf_of(client)},
            files={"file": ("list.csv", listed)},
        )

    lines = odd.text.removeprefix("\ufeff").splitlines()
    assert lines[0] == "line,verdict,reason,Device ID"
    assert [line.split(",")[:2] for line in lines[1:]] == [["5", "rejected"], ["6", "duplicate"]]


@pytest.mark.parametrize(
    ("expression", "is_complete"), [("0 2 * * *", True), ("*/15 * * * *", True), ("* * * * *", False)]
)
async def test_the_calendar_tells_four_weeks_and_says_where_it_cannot(
    service: Service, expression: str, *, is_complete: bool
) -> None:
    await a_list(service.served.app)
    await a_schedule(service.served.app, "often", recurrence=Cron(expression, "Europe/Berlin"))
    async with a_visitor(service, Role.VIEWER) as client:
        page = (await client.get("/schedules/often")).text
    days = days_of(page)
    first = next(place for place, day in enumerate(days) if 'class="run ' in day)
    kinds = ["run" if 'class="run ' in day else "untold" if "…" in day else "none" for day in days[first:]]

    assert len(days) == 28
    # The week before this one, then the days of this week up to now.
    assert 7 <= first < 15
    # Three thousand minutes are two days, and some of the one before and after.
    told = kinds.count("run")
    assert told in ({len(kinds)} if is_complete else {3, 4})
    assert kinds == ["run"] * told + ["untold"] * (len(kinds) - told)


async def test_the_calendar_of_all_schedules_shows_each_run_and_names_those_that_run_too_often(
    service: Service,
) -> None:
    await a_list(service.served.app)
    for name, expression in (("nightly", "0 2 * * *"), ("weekly", "30 1 * * 2"), ("often", "*/15 * * * *")):
        await a_schedule(service.served.app, name, recurrence=Cron(expression, "Asia/Tokyo"))
    await a_schedule(service.served.app, "resting", recurrence=Cron("0 3 * * *", "UTC"))
    await pause_schedule(service.served.app, "resting", by=SOMEBODY, reason=None)

    async with a_visitor(service, Role.VIEWER) as client:
        page = (await client.get("/schedules")).text

    days = days_of(page)
    runs = [
        re.findall(r'<span class="figures">([^<]+)</span> <a href="/schedules/(\w+)"', day, re.DOTALL) for day in days
    ]
    assert len(days) == 28
    # By the reader's clock, which is UTC without a script: Tokyo is nine hours ahead.
    assert [("16:30", "weekly"), ("17:00", "nightly")] in runs
    assert {name for day in runs for _, name in day} == {"nightly", "weekly"}
    assert 'because they run more than a few times a day: <a href="/schedules/often">' in page
    assert "Every Tuesday at 01:30" in page
    assert sum("Today" in day for day in days) == 1


def days_of(page: str) -> list[str]:
    """The days of the calendar on a page."""
    return re.findall(r'<td class="[^"]*"><span class="day">.*?</td>', page, re.DOTALL)


async def test_a_schedule_is_added_for_conditions_on_days_that_were_chosen(service: Service) -> None:
    app = service.served.app
    rows = f"Device ID,Device name,Managed by,OS\n{device_ids(1)[0]},BER-LT-1,Co-managed,Windows\n"
    source = InventorySource(io.BytesIO(rows.encode()), "devices.csv")
    await import_inventory(app, "default", [source], by=SOMEBODY, reason=None, max_bytes=1_000_000)
    fields = {"name": "berlin", "source": "where", "where": "name=BER-*", "action": "quickScan", "tolerate": "12"}
    chosen = {"kind": "days", "frequency": "week", "days": ["1", "3"], "clock": "03:15", "timezone": "Europe/Berlin"}
    async with a_visitor(service, Role.OPERATOR) as client:
        token = {"csrf": await csrf_of(client)}
        preview = await client.post("/schedules/occurrences", data={**token, **chosen})
        added = await client.post("/schedules", data={**token, **fields, **chosen})
        form = (await client.get("/schedules/berlin/change")).text
        missing = await client.post("/schedules", data={**token, **fields, **chosen, "name": "none", "where": ""})
        dayless = {**token, "kind": "days", "frequency": "week", "month_day": ""}
        was = fields_of((await describe_schedule(app, "berlin")).schedule).model_dump_json()
        untold = [
            await client.post("/schedules/occurrences", data=dayless),
            await client.post("/schedules/berlin/occurrences", data={**dayless, "was": was}),
        ]

    assert "Every Monday and Wednesday at 03:15" in preview.text
    assert "<code>15 3 * * 1,3</code>" in preview.text
    assert (added.status_code, added.headers["location"]) == (303, "/schedules/berlin")
    schedule = (await describe_schedule(app, "berlin")).schedule
    assert schedule.order.source is not None
    assert [condition.text for condition in schedule.order.source.conditions] == ["name=BER-*"]
    assert schedule.rules.tolerate == 12
    assert '<option value="week" selected>' in form
    assert "name=BER-*</textarea>" in form
    assert "at least one condition" in missing.text
    assert [(each.status_code, "Choose at least one day of the week." in each.text) for each in untold] == [
        (200, True)
    ] * 2


async def test_a_blackout_is_added_changed_and_removed_on_its_page(service: Service) -> None:
    async with a_visitor(service, Role.OPERATOR) as client:
        token = {"csrf": await csrf_of(client)}
        bad = await client.post("/blackouts", data={**token, "starts": "soon"})
        await client.post(
            "/blackouts", data={**token, "starts": "2030-12-24", "ends": "2031-01-02", "reason": "<Freeze>"}
        )
        shown = (await client.get("/blackouts")).text
        (blackout,) = [view.blackout for view in await list_blackouts(service.served.app)]
        changed = {"starts": "2030-12-24T18:00", "ends": "2030-12-27T06:00", "reason": "Freeze"}
        form = form_on(shown, f"/blackouts/{blackout.number}/change")
        await client.post(f"/blackouts/{blackout.number}/change", data={**form, **changed})
        (after,) = [view.blackout for view in await list_blackouts(service.served.app)]
        form = form_on((await client.get("/blackouts")).text, f"/blackouts/{blackout.number}/remove")
        await client.post(f"/blackouts/{blackout.number}/remove", data=form)

    assert bad.status_code == 422
    assert 'value="2031-01-02"' in shown
    assert "&lt;Freeze&gt;" in shown
    assert (after.starts.hour, after.ends.hour, after.reason) == (18, 6, "Freeze")
    assert await list_blackouts(service.served.app) == []


async def test_the_pages_of_tenants_and_notifications_show_no_secret_and_test_in_place(sqlite_url: str) -> None:
    hidden = {"MUSTER_NOTIFY_WEBHOOK": "http://127.0.0.1:9/hook-secret", "MUSTER_ACCESS_TOKEN": "token-secret"}
    async with (
        a_service(some_settings(sqlite_url, **hidden)) as service,
        a_visitor(service, Role.OPERATOR) as client,
        a_visitor(service, Role.VIEWER) as viewer,
    ):
        token = {"csrf": await csrf_of(client)}
        pages = [
            await client.get("/tenants"),
            await client.post("/tenants/default/check", data=token),
            await client.post("/tenants/default/check", data=token, headers={"hx-request": "true"}),
            await client.get("/notifications"),
            await client.post("/notifications/webhook/test", data=token),
            await client.post("/notifications/webhook/test", data=token, headers={"hx-request": "true"}),
        ]
        unknown = await client.post("/notifications/nobody/test", data=token)
        seen = [(await viewer.get(path)).text for path in ("/tenants", "/notifications", "/health")]

    assert [page.status_code for page in pages] == [200] * 6
    assert not any("secret" in page.text.replace("no secret", "").replace("secrets are never", "") for page in pages)
    assert "Graph cannot be reached" in pages[1].text
    assert pages[2].text.startswith('<div class="stack tight" role="status">')
    assert "Not taken" in pages[4].text
    assert "<html" not in pages[5].text
    assert unknown.status_code == 422
    assert "Test the sign-in" not in seen[0]
    assert all(name in seen[2] for name in ("Graph", "rate limits", "credentials", "disk", "copies of the database"))


async def test_a_new_key_is_shown_once_and_only_in_the_session_that_made_it(service: Service) -> None:
    async with a_visitor(service, Role.ADMIN) as client, a_visitor(service, Role.ADMIN) as other:
        token = await csrf_of(client)
        made = await client.post("/keys", data={"csrf": token, "role": "viewer", "name": "portal"})
        async with service.served.app.store.reading() as tx:
            stored = str((await tx.connection.execute(select(NewKeyRow.__table__))).all())
        pages = [(await each.get("/keys")).text for each in (other, client, client)]
        (text,) = re.findall(r">(muster_\w{12}_[\w-]{43})<", pages[1])
        opened = await other.post("/sign-in", data={"key": text})

    assert (made.status_code, made.headers["location"]) == (303, "/keys")
    assert [page.count(text) > 0 for page in pages] == [False, True, False]
    assert text.split("_", 2)[2] not in stored
    assert text not in str(made.headers)
    assert opened.status_code == 303
    assert sum(key.name == "portal" for key in (await list_keys(service.served.app))[0]) == 1


async def test_a_form_for_a_key_that_is_sent_twice_makes_one_key(service: Service) -> None:
    async with a_visitor(service, Role.ADMIN) as client:
        page = (await client.get("/keys")).text
        once = re.search(r'name="once" value="(\w+)"', page)
        assert once is not None
        form = {"csrf": await csrf_of(client), "role": "viewer", "name": "twice", "once": once[1]}
        sent = await asyncio.gather(*(client.post("/keys", data=form) for _ in range(3)))
        other = await client.post("/keys", data={**form, "role": "operator"})
        shown = (await client.get("/keys")).text

    assert {answer.status_code for answer in sent} == {303}
    assert (other.status_code, "was sent before" in other.text) == (422, True)
    assert sum(key.name == "twice" for key in (await list_keys(service.served.app))[0]) == 1
    assert len(set(re.findall(r">(muster_\w{12}_[\w-]{43})<", shown))) == 1


async def test_a_new_version_of_a_list_that_changed_meanwhile_is_refused(service: Service) -> None:
    async with a_visitor(service, Role.OPERATOR) as client:
        pages = [(await client.get("/lists")).text]
        await a_list(service.served.app, 3)
        pages.append((await client.get("/lists")).text)
        answers = []
        for page in pages:
            shown = re.search(r'name="shown" value="([^"]*)"', page)
            assert shown is not None
            form = {"csrf": await csrf_of(client), "name": "fleet", "shown": unescape(shown[1])}
            files = {"file": ("devices.csv", devices_csv(4))}
            answers.append(await client.post("/lists", data=form, files=files))

    assert [answer.status_code for answer in answers] == [409, 303]
    assert "version of the list" in answers[0].text
    assert [each.version for each in (await describe_list(service.served.app, "fleet")).versions] == [2, 1]


async def test_the_token_against_other_sites_is_in_no_address(service: Service) -> None:
    await a_list(service.served.app)
    upload = {"file": ("list.csv", devices_csv(3))}
    async with a_visitor(service, Role.ADMIN) as client:
        token = await csrf_of(client)
        pages = [(await client.get(path)).text for path in ("/jobs/new", "/lists", "/lists/fleet", "/keys")]
        by_address = await client.post(f"/lists?csrf={token}", data={"name": "mine"}, files=upload)
        by_field = await client.post("/lists", data={"csrf": token, "name": "mine"}, files=upload)

    assert not any(re.search(r"""[?&]csrf=""", page) for page in pages)
    assert [by_address.status_code, by_field.status_code] == [403, 303]


async def test_a_change_names_the_whole_id_of_a_job(service: Service) -> None:
    job = (await submitted(service.served.app, 3)).id
    moves: dict[str, dict[str, Any]] = {
        "pause": {},
        "resume": {},
        "cancel": {},
        "priority": {"priority": "high"},
        "retry": {"status": ["failed"]},
    }
    async with a_visitor(service, Role.ADMIN) as page, service.client(Role.ADMIN) as program:
        token = await csrf_of(page)
        refused = [
            answer
            for move, fields in moves.items()
            for wanted in ("latest", job[:8], f"{job}x")
            for answer in (
                await program.post(f"/api/jobs/{wanted}/{move}", json=fields),
                await page.post(f"/jobs/{wanted}/{move}", data={"csrf": token, "shown": "{}", **fields}),
            )
        ]
    view = await describe_job(service.served.app, job)

    assert {answer.status_code for answer in refused} == {404}
    assert "not the whole id" in refused[0].json()["detail"]
    assert (view.job.priority, view.status.is_at_rest) == ("normal", False)


async def test_making_a_key_takes_a_fresh_sign_in_which_the_terminal_has_a_new_link_for(sqlite_url: str) -> None:
    links: list[str] = []
    async with a_service(
        some_settings(sqlite_url), on_ready=lambda link: links.append(link.token if link else "")
    ) as service:
        async with httpx.AsyncClient(base_url=service.url) as client:
            await client.get("/sign-in/link", params={"token": links[0]})
            async with service.served.app.store.transaction() as tx:
                long_ago = await tx.now() - timedelta(minutes=11)
                await tx.connection.execute(update(SessionRow).values(signed_in_at=long_ago))
            keys = await client.get("/keys")
            refused = await client.post("/keys", data={"role": "viewer", "csrf": await csrf_of(client)})
            door = await client.get(refused.headers["location"])
            entered = await client.get("/sign-in/link", params={"token": links[-1]})
            made = await client.post("/keys", data={"role": "viewer", "csrf": await csrf_of(client)})
        kept = await list_keys(service.served.app)
        sessions = await list_sessions(service.served.app, by=SOMEBODY)

    assert "Sign in again to make a key" in keys.text
    assert refused.headers["location"] == "/sign-in/again?to=/keys"
    assert "shows a new link now" in door.text
    assert len(links) == 2
    assert (entered.status_code, made.status_code) == (303, 303)
    assert len(kept[0]) == 1
    # The session before ended when the new one began.
    assert len(sessions) == 1


async def test_a_list_that_a_schedule_needs_is_removed_only_where_that_was_said(service: Service) -> None:
    await a_list(service.served.app)
    async with a_visitor(service, Role.OPERATOR) as client:
        before = form_on((await client.get("/lists/fleet")).text, "/lists/fleet/remove")
        await a_schedule(service.served.app)
        now = form_on((await client.get("/lists/fleet")).text, "/lists/fleet/remove")
        answers = [
            await client.post("/lists/fleet/remove", data=data) for data in (before, now, now | {"force": "true"})
        ]

    assert [answer.status_code for answer in answers] == [409, 409, 303]
    assert "schedules that need it was none and is nightly" in answers[0].text
    assert "--force" not in answers[1].text
    # The refusal names the schedule and is a form of its own, which asks for the explicit choice.
    assert '<a href="/schedules/nightly">nightly</a>' in answers[1].text
    assert 'name="force" value="true" required' in answers[1].text
    assert form_on(answers[1].text, "/lists/fleet/remove")["csrf"] == now["csrf"]


async def test_the_page_of_an_imported_list_says_once_what_was_ignored_in_it(service: Service) -> None:
    file = {"file": ("fleet.csv", b"#TYPE Device\n" + devices_csv(3))}
    async with a_visitor(service, Role.OPERATOR) as client:
        fields = form_on((await client.get("/lists")).text, "/lists")
        kept = await client.post("/lists", data={"csrf": fields["csrf"], "name": "fleet"}, files=file)
        pages = [(await client.get(kept.headers["location"])).text for _ in range(2)]

    assert kept.status_code == 303
    assert ["Ignored in the file" in page for page in pages] == [True, False]


async def test_the_devices_of_a_job_are_sorted_paged_selected_and_retried(service: Service) -> None:
    app = service.served.app
    job = await submitted(app, 120)
    now = app.clock.now()
    async with app.store.transaction() as tx:
        lines = await tx.past_jobs.lines(job.number)
        targets = [PastTarget(line, TargetStatus.ACCEPTED, now + timedelta(seconds=line)) for line in lines]
        targets[100] = PastTarget(lines[100], TargetStatus.FAILED, now, 6, 503, "ServiceUnavailable", "busy")
        targets[101] = PastTarget(lines[101], TargetStatus.FAILED, now, 1, 404, "ResourceNotFound")
        targets[50] = PastTarget(lines[50], TargetStatus.UNCERTAIN, now, 1, 504, "GatewayTimeout")
        end = PastEnd(JobStatus.FINISHED, None, now, now + timedelta(seconds=120), targets, ())
        await tx.past_jobs.end(job.number, end, per_second=10)

    def shown(page: httpx.Response) -> list[int]:
        return [int(line) for line in re.findall(r'name="line" value="(\d+)" aria-label', page.text)]

    at = f"/jobs/{job.id}"
    async with a_visitor(service, Role.OPERATOR) as client:
        first = await client.get(at)
        every = {
            name: await client.get(f"{at}/targets?{query}")
            for name, query in {"status": "", "attempts": "sort=attempts", "last": "sort=line&page=3"}.items()
        }
        beyond = await client.get(f"{at}/targets?page=900")
        asked = await client.get(f"{at}/selected?line={lines[100]}&line={lines[101]}&line={lines[0]}")
        retry = form_on(asked.text, f"{at}/retry")
        sent = {**retry, "line": [str(lines[100]), str(lines[101]), str(lines[0])]}
        sent["status"] = ["failed", "uncertain", "cancelled"]
        made = await client.post(f"{at}/retry", data=sent)
        report = await client.get(f"{at}/report.csv?line={lines[7]}&line={lines[101]}")
        again = await client.get(at)

    assert shown(first) == [lines[100], lines[101], lines[50]]
    assert "3 of 3</span>" in first.text
    assert first.text.count('class="spark" viewBox') == 3
    assert shown(every["status"])[:4] == [lines[100], lines[101], lines[50], lines[0]]
    assert "50 of 120" in every["status"].text
    assert shown(every["attempts"])[0] == lines[100]
    assert shown(every["last"]) == lines[100:]
    assert f'href="{at}?sort=line&amp;page=2#targets"' in every["last"].text
    assert shown(beyond) == []
    assert "Retry 1 selected device?" in asked.text
    assert "1 device that would fail again is left out" in asked.text
    new = await describe_job(app, made.headers["location"].rpartition("/")[2])
    assert new.tally.total == 1
    assert [line.split(",")[0] for line in report.text.splitlines()[1:]] == [str(lines[7]), str(lines[101])]
    assert "Retried" in again.text


async def test_an_address_without_a_page_leads_on_whoever_asks_for_it(service: Service) -> None:
    async with a_visitor(service, Role.VIEWER) as client, a_visitor(service, None) as stranger:
        nowhere = await client.get("/nothing-here")
        no_schedule = await client.get("/schedules/nothing")
        outside = await stranger.get("/nothing-here")

    assert [each.status_code for each in (nowhere, no_schedule, outside)] == [404, 404, 404]
    assert 'aria-label="Main"' in nowhere.text
    assert '<a href="/schedules">All schedules</a>' in no_schedule.text
    assert 'aria-label="Main"' not in outside.text
    assert '<a href="/sign-in">Sign in</a>' in outside.text


async def test_a_device_and_the_first_page_name_jobs_by_file_and_schedule(service: Service) -> None:
    app = service.served.app
    by_hand = await submitted(app, 3)
    await a_list(app, 3)
    view = await a_schedule(app)
    scheduled = await run_schedule(app, view.schedule.name, by=SOMEBODY)
    await pause_job(app, by_hand.id, by=SOMEBODY)
    async with a_visitor(service, Role.VIEWER) as client:
        device = (await client.get(f"/devices/{device_ids(3)[0]}")).text
        first = (await client.get("/")).text

    assert f'<a href="/jobs/{by_hand.id}">devices.csv</a>' in device
    assert f'<a href="/jobs/{scheduled.id}">' in device
    assert '<a href="/schedules/nightly">Schedule</a>' in device
    assert "devices.csv is paused with 3 devices left" in first


async def test_the_address_of_a_name_that_several_devices_have_leads_to_all_of_them(service: Service) -> None:
    export = "".join(f"{each},{name}\n" for each, name in zip(device_ids(3), ("TWIN", "twin", "PC"), strict=True))
    source = InventorySource(io.BytesIO(f"Device ID,Device name\n{export}".encode()), None)
    await import_inventory(service.served.app, "default", [source], by=SOMEBODY, reason=None, max_bytes=1_000)
    async with a_visitor(service, Role.VIEWER) as client:
        of_one, several, nothing = [await client.get(f"/devices/{name}") for name in ("PC", "Twin", "NONE")]
        listed = (await client.get(several.headers["location"])).text

    assert [each.status_code for each in (of_one, several, nothing)] == [200, 303, 404]
    assert [f"/devices/{each}" in listed for each in device_ids(3)] == [True, True, False]


async def test_a_finished_job_is_listed_anew_once_it_is_retried(service: Service) -> None:
    app = service.served.app
    job = await submitted(app, 3)
    await cancel_job(app, job.id, by=SOMEBODY)
    async with a_visitor(service, Role.VIEWER) as client:
        before = (await client.get("/jobs")).text
        await retry_job(app, job.id, statuses=[TargetStatus.CANCELLED], by=SOMEBODY)
        after = (await client.get("/jobs")).text

    assert ['class="tag">retried' in page for page in (before, after)] == [False, True]
