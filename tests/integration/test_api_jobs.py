"""Submit, ask and steer over HTTP, on both databases."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from orchestrator.domain.job import JobStatus
from orchestrator.domain.line_problem import MOST_PROBLEMS
from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.serving import serve_in_thread
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.views.jobs import job_object
from tests.support.apps import device_ids, devices_csv, submitted
from tests.support.schedules import a_list, a_schedule
from tests.support.waiting import PATIENCE
from tests.support.web import Service, a_service, some_settings

pytestmark = pytest.mark.enable_socket


@pytest.fixture
def graph() -> SimulatedGraph:
    return SimulatedGraph(None)


@pytest.fixture
def graph_url(graph: SimulatedGraph) -> Iterator[str]:
    with serve_in_thread(graph) as url:
        yield url


@pytest.fixture
async def service(database_url: str, graph_url: str) -> AsyncIterator[Service]:
    """A service that works."""
    async with a_service(some_settings(database_url, graph_url)) as service:
        yield service


@pytest.fixture
def store_url(request: pytest.FixtureRequest) -> str:
    """Of a SQLite database; a test that is about what a database answers says on which ones."""
    url: str = request.getfixturevalue(f"{getattr(request, 'param', 'sqlite')}_url")
    return url


on_each_database = pytest.mark.parametrize("store_url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
async def idle(store_url: str, valkey_url: str) -> AsyncIterator[Service]:
    """A service beside which nobody works."""
    async with a_service(some_settings(store_url, MUSTER_BROKER_URL=valkey_url)) as service:
        yield service


async def post_job(client: httpx.AsyncClient, content: bytes, key: str | None = None, **fields: str) -> httpx.Response:
    return await client.post(
        "/api/jobs",
        data={"action": "refreshUserPolicy", **fields},
        files={"file": ("devices.csv", content)},
        headers={"Idempotency-Key": key} if key else {},
    )


async def finished(client: httpx.AsyncClient, job: str) -> dict[str, object]:
    """The last event of a job that ends."""
    async with asyncio.timeout(PATIENCE), client.stream("GET", f"/api/jobs/{job}/events") as response:
        events = [json.loads(line[6:]) async for line in response.aiter_lines() if line.startswith("data: ")]
    last: dict[str, object] = events[-1]
    return last


async def test_a_job_is_submitted_runs_and_is_reported(service: Service, graph: SimulatedGraph) -> None:
    devices = device_ids(40)
    async with service.client() as client:
        posted = await post_job(client, devices_csv(40), name="all of them", reason="because", priority="HIGH")
        job = posted.json()["id"]
        last = await finished(client, job)
        shown = await client.get(posted.headers["Location"])
        report = await client.get(f"/api/jobs/{job}/report.csv")
    view = await describe_job(service.served.app, job)

    assert posted.status_code == 201
    assert shown.json() == last == job_object(view)
    assert (shown.json()["submittedBy"], shown.json()["priority"]) == ("key:admin", "high")
    assert graph.tenant.effects == dict.fromkeys(devices, 1)
    assert report.headers["Content-Disposition"] == f'attachment; filename="muster-{job}.csv"'
    rows = list(csv.DictReader(io.StringIO(report.text.removeprefix("\ufeff"))))
    assert [row["managedDeviceId"] for row in rows] == devices


async def test_every_bad_line_is_named_and_nothing_is_stored(idle: Service) -> None:
    async with idle.client() as client:
        refused = await post_job(client, b"Device ID\nnobody\n" + devices_csv(1)[10:] + b"\n;;\n")
        preview = await client.post(
            "/api/previews", data={"action": "fullScan"}, files={"file": b"Device ID\nnobody\n" + devices_csv(3)[10:]}
        )
        jobs = await client.get("/api/jobs")

    assert refused.status_code == 422
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert [(fault["line"], fault["reason"]) for fault in refused.json()["errors"]] == [
        (2, "Device ID 'nobody' is not a GUID"),
        (4, "Device ID ';;' is not a GUID"),
    ]
    assert (preview.json()["devices"], preview.json()["problems"][0]["line"]) == (3, 2)
    assert jobs.json() == {"items": [], "nextCursor": None}


async def test_where_more_lines_are_bad_than_are_named_it_is_said(idle: Service) -> None:
    async with idle.client() as client:
        refused = (await post_job(client, b"Device ID\n" + b"x\n" * (MOST_PROBLEMS + 5))).json()
        few = (await post_job(client, b"Device ID\n" + b"x\n" * 5)).json()

    assert len(refused["errors"]) == MOST_PROBLEMS
    assert refused["detail"].startswith("100,005 lines are bad")
    assert refused["detail"].endswith("`errors` names the first 100,000 of them.")
    assert "names the first" not in few["detail"]


@pytest.mark.parametrize(
    ("fields", "files", "field"),
    [
        ({}, {"file": b"x"}, "action"),
        ({"action": "quickscan"}, {}, "file"),
        ({"action": "quickscan", "file": "text"}, {}, "file"),
        ({"action": "dance"}, {"file": b"x"}, "action"),
        ({"action": "quickscan", "via": "post"}, {"file": b"x"}, "via"),
        ({"action": "quickscan", "skipInvalid": "perhaps"}, {"file": b"x"}, "skipInvalid"),
        ({"action": "quickscan", "reasn": "a slip"}, {"file": b"x"}, "reasn"),
        ({"action": "quickscan", "reason": "a\x00b"}, {"file": b"x"}, "reason"),
    ],
)
async def test_a_form_that_does_not_fit_is_told_where(
    idle: Service, fields: dict[str, str], files: dict[str, bytes], field: str
) -> None:
    async with idle.client() as client:
        refused = await client.post("/api/jobs", data=fields, files=files or {"other": b""})

    assert refused.status_code == 422
    assert field in {fault["field"] for fault in refused.json()["errors"]}


async def test_the_same_key_and_body_are_the_same_job_and_another_body_is_refused(idle: Service) -> None:
    async with idle.client() as client:
        first, again = await asyncio.gather(*(post_job(client, devices_csv(3), key="k-1") for _ in range(2)))
        other = await post_job(client, devices_csv(4), key="k-1")
        jobs = await client.get("/api/jobs")

    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert first.json() == again.json()
    assert [job["id"] for job in jobs.json()["items"]] == [first.json()["id"]]


@on_each_database
async def test_a_key_that_comes_ten_times_at_once_makes_one_job(idle: Service) -> None:
    async with idle.client() as client:
        answers = await asyncio.gather(*(post_job(client, devices_csv(600), key="at-once") for _ in range(10)))
        jobs = (await client.get("/api/jobs")).json()["items"]

    assert {answer.status_code for answer in answers} == {201}
    assert {answer.json()["id"] for answer in answers} == {job["id"] for job in jobs}
    assert [job["counts"]["total"] for job in jobs] == [600]


@on_each_database
async def test_a_retry_that_is_sent_twice_is_made_once(idle: Service) -> None:
    job = await submitted(idle.served.app, 5)
    async with idle.client() as client:
        paused = await client.post(f"/api/jobs/{job.id}/pause", json={"reason": "wait"})
        ask = {"json": {"status": ["waiting"]}, "headers": {"Idempotency-Key": "again"}}
        first = await client.post(f"/api/jobs/{job.id}/retry", **ask)  # type: ignore[arg-type] # as httpx takes them
        twice = await client.post(f"/api/jobs/{job.id}/retry", **ask)  # type: ignore[arg-type] # likewise
        listed = (await client.get("/api/jobs")).json()["items"]

    assert paused.json()["status"] == "paused"
    assert (first.status_code, twice.status_code) == (201, 201)
    assert first.json() == twice.json()
    assert [(each["retryOf"], each["status"]) for each in listed] == [(job.id, "queued"), (None, "cancelled")]


@on_each_database
async def test_a_retry_takes_what_a_search_finds(idle: Service) -> None:
    job = await submitted(idle.served.app, 5)
    device = device_ids(5)[3]
    async with idle.client() as client:
        await client.post(f"/api/jobs/{job.id}/cancel")
        asked = {"status": ["cancelled"], "search": device[:13]}
        retried = await client.post(f"/api/jobs/{job.id}/retry", json=asked)
        targets = (await client.get(f"/api/jobs/{retried.json()['id']}/targets")).json()["items"]

    assert retried.status_code == 201
    assert [target["device"] for target in targets] == [device]


async def test_no_retry_takes_devices_that_accepted_the_call_or_are_asked_now(idle: Service) -> None:
    job = await submitted(idle.served.app, 1)
    async with idle.client() as client:
        asked = [{"status": [status]} for status in ("accepted", "sending")]
        answers = [await client.post(f"/api/jobs/{job.id}/retry", json=each) for each in asked]

    assert [answer.status_code for answer in answers] == [422, 422]


async def test_a_wrong_status_is_answered_with_the_field_and_all_that_fits(idle: Service) -> None:
    async with idle.client() as client:
        (fault,) = (await client.get("/api/jobs?status=wrong")).json()["errors"]

    assert fault["field"] == "status.0"
    assert "'queued'" in fault["reason"]
    assert "'finished-with-failures'" in fault["reason"]


async def test_a_change_with_a_parameter_that_it_does_not_know_is_refused(idle: Service) -> None:
    async with idle.client() as client:
        asked = await client.post("/api/jobs?dryRun=true", files={"file": ("devices.csv", devices_csv(2))})
        left = await client.get("/api/jobs?dryRun=true")
        removed = await client.delete("/api/lists/fleet?forced=true")

    assert asked.status_code == 422
    assert asked.json()["detail"] == "Unknown parameter dryRun in the address: this request takes none."
    assert left.json()["items"] == []
    assert removed.json()["detail"] == "Unknown parameter forced in the address: this request takes force, reason."


async def test_why_a_list_or_schedule_came_and_went_is_kept(idle: Service) -> None:
    schedule = {"name": "nightly", "cron": "0 2 * * *", "action": "quickScan", "list": "fleet", "reason": "CHG-2"}
    async with idle.client() as client:
        answers = [
            await client.post("/api/lists", data={"name": "fleet", "reason": "CHG-1"}, files={"file": devices_csv(3)}),
            await client.post("/api/schedules", json=schedule),
            await client.delete("/api/schedules/nightly?reason=CHG-3"),
            await client.delete("/api/lists/fleet?reason=CHG-4"),
        ]
        audit_entries = (await client.get("/api/audit?limit=4&since=1h")).json()["items"]
        before_today = (await client.get("/api/audit?until=24h")).json()["items"]

    assert [answer.status_code for answer in answers] == [201, 201, 204, 204]
    assert before_today == []
    assert [(audit_entry["what"], audit_entry["reason"]) for audit_entry in audit_entries] == [
        ("list.removed", "CHG-4"),
        ("schedule.removed", "CHG-3"),
        ("schedule.added", "CHG-2"),
        ("list.imported", "CHG-1"),
    ]


async def test_an_import_says_what_was_ignored_in_the_file(idle: Service) -> None:
    files = [devices_csv(3), b"#TYPE Device\n" + devices_csv(3)]
    async with idle.client() as client:
        plain, typed = [
            (await client.post("/api/lists", data={"name": "fleet"}, files={"file": file})).json() for file in files
        ]

    assert plain["ignored"] == []
    assert len(typed["ignored"]) == 1
    assert typed["version"] == 2


async def test_a_list_that_a_schedule_needs_is_removed_by_force_only(idle: Service) -> None:
    await a_list(idle.served.app)
    await a_schedule(idle.served.app)
    async with idle.client() as client:
        refused = await client.delete("/api/lists/fleet")
        forced = await client.delete("/api/lists/fleet?force=true")

    assert (refused.status_code, forced.status_code) == (409, 204)
    assert "nightly" in refused.json()["detail"]
    assert "?force=true" in refused.json()["detail"]
    assert "--force" not in refused.json()["detail"]


async def test_a_schedule_that_is_run_twice_with_one_key_makes_one_job(idle: Service) -> None:
    await a_list(idle.served.app)
    await a_schedule(idle.served.app)
    async with idle.client() as client:

        async def run(key: str, reason: str) -> httpx.Response:
            return await client.post(
                "/api/schedules/nightly/run", json={"reason": reason}, headers={"Idempotency-Key": key}
            )

        first, again, other, keyless = (
            await run("key", "CHG-1"),
            await run("key", "CHG-1"),
            await run("key", "CHG-2"),
            await run("another", "CHG-1"),
        )
        ended = await client.post(f"/api/jobs/{first.json()['id']}/cancel")
        late = await run("key", "CHG-1")
        history = (await client.get("/api/schedules/nightly/history")).json()["items"]
        audit_entries = (await client.get("/api/audit?what=job.submitted")).json()["items"]

    assert [each.status_code for each in (first, again, other, keyless, ended, late)] == [201, 201, 422, 409, 200, 201]
    assert first.json()["id"] == again.json()["id"] == late.json()["id"]
    assert [(each["status"], each["job"]) for each in history] == [("started", first.json()["id"])]
    assert [(audit_entry["subject"], audit_entry["reason"]) for audit_entry in audit_entries] == [
        (first.json()["id"], "CHG-1")
    ]


async def test_a_schedule_that_is_run_with_the_key_of_another_job_is_refused(idle: Service) -> None:
    await a_list(idle.served.app)
    await a_schedule(idle.served.app)
    async with idle.client() as client:
        await post_job(client, devices_csv(3), key="key")
        refused = await client.post("/api/schedules/nightly/run", headers={"Idempotency-Key": "key"})
        history = (await client.get("/api/schedules/nightly/history")).json()["items"]

    assert refused.status_code == 422
    assert "used before" in refused.json()["detail"]
    assert history == []


async def test_moves_are_made_refused_and_written_down(idle: Service) -> None:
    job = await submitted(idle.served.app, 5)
    async with idle.client() as client:
        answers = [
            await client.post(f"/api/jobs/{job.id}/{move}", json=body)
            for move, body in (
                ("pause", {"reason": "lunch"}),
                ("resume", {}),
                ("priority", {"priority": "low", "reason": "let others go first"}),
                ("cancel", {"reason": "enough"}),
                ("resume", {}),
                ("retry", {}),
            )
        ]
        without_body = await client.post(f"/api/jobs/{job.id}/cancel")
        audit_entries = (await client.get("/api/audit", params={"subject": job.id})).json()["items"]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 409, 409]
    assert [answer.json()["status"] for answer in answers[:4]] == ["paused", "running", "running", "cancelled"]
    assert without_body.status_code == 200
    assert [
        (audit_entry["what"], audit_entry["reason"], audit_entry["who"]) for audit_entry in reversed(audit_entries)
    ][1:] == [
        ("job.paused", "lunch", "key:admin"),
        ("job.resumed", None, "key:admin"),
        ("job.reprioritised", "let others go first", "key:admin"),
        ("job.cancelled", "enough", "key:admin"),
    ]


@on_each_database
async def test_pages_of_jobs_hold_still_while_jobs_come_and_move(idle: Service) -> None:
    app = idle.served.app
    before = [(await submitted(app, 1)).id for _ in range(5)]
    async with idle.client() as client:
        first = (await client.get("/api/jobs", params={"limit": 2})).json()
        await submitted(app, 1)
        await client.post(f"/api/jobs/{before[1]}/pause")
        second = (await client.get("/api/jobs", params={"limit": 2, "cursor": first["nextCursor"]})).json()
        third = (await client.get("/api/jobs", params={"limit": 2, "cursor": second["nextCursor"]})).json()

    seen = [job["id"] for page in (first, second, third) for job in page["items"]]
    assert seen == before[::-1]
    assert third["nextCursor"] is None


@on_each_database
async def test_jobs_are_found_by_what_is_known_of_them(idle: Service) -> None:
    async with idle.client() as client:
        one = (await post_job(client, devices_csv(1), name="Ring 0", reason="100% of it")).json()["id"]
        two = (await post_job(client, devices_csv(2), action="quickScan")).json()["id"]
        await client.post(f"/api/jobs/{two}/pause")

        async def found(**params: str) -> list[str]:
            return [job["id"] for job in (await client.get("/api/jobs", params=params)).json()["items"]]

        assert await found(status="paused") == [two]
        assert await found(status="QUEUED,Paused") == [two, one]
        assert await found(status="") == [two, one]
        assert await found(action="quickScan") == await found(action="QUICKSCAN") == [two]
        assert await found(search="ring") == [one]
        assert await found(search="100%") == [one]
        assert await found(search="%") == [one]
        assert await found(submittedBy="key:admin", tenant="default") == [two, one]
        assert await found(tenant="another") == []
        assert (await client.get("/api/jobs", params={"status": "asleep"})).status_code == 422
        assert (await client.get("/api/jobs", params={"cursor": "nonsense"})).status_code == 422


async def test_targets_are_paged_filtered_and_searched(service: Service, graph: SimulatedGraph) -> None:
    devices = device_ids(30)
    graph.tenant.known_devices = set(devices[4:])
    async with service.client() as client:
        job = (await post_job(client, devices_csv(30))).json()["id"]
        last = await finished(client, job)

        async def page(**params: str) -> dict[str, object]:
            answer: dict[str, object] = (await client.get(f"/api/jobs/{job}/targets", params=params)).json()
            return answer

        failed = await page(status="Failed", limit="3")
        rest = await page(status="failed", limit="3", cursor=str(failed["nextCursor"]))
        coded = await page(error="resourcenotfound")
        searched = await page(search=devices[9][3:20].upper())

    def lines(page: dict[str, object]) -> list[int]:
        return [target["line"] for target in page["items"]]  # type: ignore[attr-defined] # JSON

    assert last["errors"][0]["code"] == "ResourceNotFound"  # type: ignore[index] # JSON
    assert (lines(failed), lines(rest), rest["nextCursor"]) == ([2, 3, 4], [5], None)
    assert lines(coded) == [2, 3, 4, 5]
    assert lines(searched) == [11]


async def test_an_answer_names_its_content_and_is_not_sent_twice(idle: Service) -> None:
    job = await submitted(idle.served.app, 2)
    async with idle.client() as client:
        first = await client.get(f"/api/jobs/{job.id}")
        same = await client.get(f"/api/jobs/{job.id}", headers={"If-None-Match": f'"other", {first.headers["ETag"]}'})
        bare = first.headers["ETag"].removeprefix("W/")
        others = [
            await client.get(f"/api/jobs/{job.id}", headers={"If-None-Match": each}) for each in (bare, "*", '"x"', "")
        ]
        await client.post(f"/api/jobs/{job.id}/pause")
        changed = await client.get(f"/api/jobs/{job.id}", headers={"If-None-Match": first.headers["ETag"]})

    assert (first.status_code, same.status_code, changed.status_code) == (200, 304, 200)
    assert same.content == b""
    assert [answer.status_code for answer in others] == [304, 304, 200, 200]


async def test_long_answers_are_compressed(idle: Service) -> None:
    job = await submitted(idle.served.app, 300)
    async with idle.client() as client:
        whole = await client.get(f"/api/jobs/{job.id}/targets", params={"limit": 300})
        report = await client.get(f"/api/jobs/{job.id}/report.csv")

    assert whole.headers["Content-Encoding"] == report.headers["Content-Encoding"] == "gzip"
    assert len(whole.json()["items"]) == 300


async def test_watchers_hear_of_changes_and_are_let_go_when_the_process_ends(idle: Service) -> None:
    job = await submitted(idle.served.app, 2)
    heard: list[asyncio.Queue[str]] = [asyncio.Queue() for _ in range(20)]

    async def watch(client: httpx.AsyncClient, path: str, into: asyncio.Queue[str]) -> None:
        async with client.stream("GET", path) as response:
            async for line in response.aiter_lines():
                if line.startswith("data: "):
                    data = json.loads(line[6:])
                    await into.put(data["items"][0]["status"] if "items" in data else data["status"])

    async with idle.client() as client, asyncio.timeout(PATIENCE):
        paths = [f"/api/jobs/{job.id}/events", "/api/jobs/events"] * 10
        watching = [asyncio.create_task(watch(client, *each)) for each in zip(paths, heard, strict=True)]
        first = [await each.get() for each in heard]
        await client.post(f"/api/jobs/{job.id}/pause")
        second = [await each.get() for each in heard]
        idle.stop.request()
        await asyncio.gather(*watching)

    assert (set(first), set(second)) == ({"queued"}, {"paused"})
    assert all(each.empty() for each in heard)


@pytest.mark.parametrize("path", ["", "/targets", "/report.csv", "/events"])
async def test_an_unknown_job_is_404_even_where_a_stream_would_begin(idle: Service, path: str) -> None:
    async with idle.client() as client:
        answer = await client.get(f"/api/jobs/bbbb{path}")

    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_an_upload_that_is_cut_off_leaves_nothing(idle: Service) -> None:
    async def cut_off() -> AsyncIterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="action"\r\n\r\nquickScan\r\n'
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n' + devices_csv(1000)
        # So that some of it is on its way; nobody says when it arrives.
        await asyncio.sleep(0.1)
        raise OSError

    async with idle.client() as client:
        with pytest.raises((OSError, httpx.HTTPError)):
            await client.post(
                "/api/jobs", content=cut_off(), headers={"Content-Type": "multipart/form-data; boundary=x"}
            )
        jobs = await client.get("/api/jobs")
    async with idle.served.app.store.reading() as tx:
        receiving = await tx.jobs.newest(10, statuses=[JobStatus.RECEIVING])

    assert jobs.json()["items"] == []
    assert receiving == []


async def test_what_is_too_large_is_refused(sqlite_url: str) -> None:
    async with (
        a_service(some_settings(sqlite_url, MUSTER_MAX_BYTES="5000")) as service,
        service.client() as client,
    ):
        list_too_large = await post_job(client, devices_csv(200))
        body_too_large = await post_job(client, devices_csv(60_000))
        json_too_large = await client.post("/api/keys", json={"role": "viewer", "name": "a" * 300_000})

    assert [answer.status_code for answer in (list_too_large, body_too_large, json_too_large)] == [422, 413, 413]
    assert json_too_large.headers["Content-Type"] == "application/problem+json"
