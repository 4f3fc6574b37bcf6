"""What is asked amiss is refused, and what breaks in us leaves as an answer: with its id, counted, told once."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import NoReturn

import httpx
import pytest
import structlog

from orchestrator.domain.access import Role
from orchestrator.domain.errors import StoreUnavailable
from orchestrator.store.engine.database import Store
from tests.support.apps import submitted
from tests.support.web import Service, a_service, some_settings

pytestmark = pytest.mark.enable_socket

TOO_MUCH = (10**18, 2**63, 10**40, -1)


@pytest.fixture
def store_url(request: pytest.FixtureRequest) -> str:
    """Of a SQLite database; a test that is about what a database takes says on which ones."""
    url: str = request.getfixturevalue(f"{getattr(request, 'param', 'sqlite')}_url")
    return url


on_each_database = pytest.mark.parametrize("store_url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
async def service(store_url: str) -> AsyncIterator[Service]:
    async with a_service(some_settings(store_url)) as service:
        yield service


@pytest.fixture
async def anybody(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody with a key of the API who is signed in to the pages too."""
    async with service.client(Role.ADMIN) as client:
        await client.post("/sign-in", data={"key": client.headers["Authorization"].removeprefix("Bearer ")})
        yield client


@pytest.fixture
def logged(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[], list[dict[str, str]]]]:
    """The events at level error so far."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
    )
    capsys.readouterr()

    def read() -> list[dict[str, str]]:
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
        return [line for line in lines if line["level"] == "error"]

    yield read
    structlog.reset_defaults()


async def test_nobody_is_told_over_http_where_a_database_is_that_is_away(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> NoReturn:
        raise StoreUnavailable(
            "The database cannot be used: no host 'database-7.internal'.",
            place="postgresql://muster:***@database-7.internal/jobs",
        )

    async with a_service(some_settings(sqlite_url)) as service, service.client(Role.VIEWER) as client:
        # Only holders of keys that were read before are told that something is away; a stranger is told nothing.
        await service.served.known_keys.read()
        for name in ("reading", "transaction"):
            monkeypatch.setattr(Store, name, away)
        answers = [
            await client.get(path) for path in ("/api/jobs", "/api/jobs/abc", "/metrics", "/", "/jobs", "/sign-in")
        ]
        answers.append(await client.post("/sign-in", data={"key": "muster_2_abc"}))
        monkeypatch.undo()

    assert 503 in {answer.status_code for answer in answers}
    assert "database-7" not in "".join(answer.text for answer in answers)


def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let whatever looks at lanes break."""

    async def fail(*_: object, **__: object) -> object:
        raise ZeroDivisionError("the reason")

    monkeypatch.setattr("orchestrator.api.lanes.list_lanes", fail)
    monkeypatch.setattr("orchestrator.web.lanes_page.list_lanes", fail)


async def test_a_fault_in_the_api_is_a_problem_document_with_its_id_and_is_counted_and_told_once(
    anybody: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    logged: Callable[[], list[dict[str, str]]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken(monkeypatch)

    answer = await anybody.get("/api/lanes", headers={"X-Request-Id": "portal-18"})
    figures = (await anybody.get("/metrics")).text
    told = logged()

    assert (answer.status_code, answer.headers["Content-Type"]) == (500, "application/problem+json")
    assert "portal-18" in answer.json()["detail"]
    assert answer.headers.get_list("X-Request-Id") == ["portal-18"]
    assert answer.headers.get_list("X-Content-Type-Options") == ["nosniff"]
    assert 'muster_http_seconds_count{method="GET",route="/api/lanes",status="500"} 1.0' in figures
    assert [(line["event"], line["request_id"], "ZeroDivisionError" in line["exception"]) for line in told] == [
        ("request.broke", "portal-18", True)
    ]
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_a_fault_of_a_page_is_a_page_with_every_header(
    anybody: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    logged: Callable[[], list[dict[str, str]]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken(monkeypatch)

    page = await anybody.get("/lanes", headers={"X-Request-Id": "portal-19"})
    part = await anybody.get("/lanes", headers={"HX-Request": "true"})
    head = await anybody.head("/lanes", headers={"HX-Request": "true"})
    told = logged()
    figures = (await anybody.get("/metrics")).text

    assert page.status_code == 500
    assert "<h1>This is a fault of Muster</h1>" in page.text
    assert "portal-19" in page.text
    assert page.headers.get_list("X-Request-Id") == ["portal-19"]
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers.get_list("X-Content-Type-Options") == ["nosniff"]
    assert [(line["event"], line["path"]) for line in told] == [("request.broke", "/lanes")] * 3
    # A part of a page is shown with a status that htmx shows, and counted as what it is.
    assert (part.status_code, head.status_code) == (200, 200)
    assert 'method="GET",route="/lanes",status="500"} 2.0' in figures
    assert 'method="HEAD",route="/lanes",status="500"} 1.0' in figures
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_an_answer_that_has_begun_is_broken_off(
    service: Service,
    anybody: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    logged: Callable[[], list[dict[str, str]]],
) -> None:
    job = (await submitted(service.served.app, 3)).id

    async def report(*_: object, **__: object) -> AsyncIterator[str]:
        yield "line,"
        raise ZeroDivisionError

    monkeypatch.setattr("orchestrator.api.jobs.report_text", report)

    with pytest.raises(httpx.RemoteProtocolError):
        await anybody.get(f"/api/jobs/{job}/report.csv")

    assert [line["event"] for line in logged()] == ["request.broke"]


@on_each_database
@pytest.mark.parametrize("path", ["/jobs?before={}", "/audit?before={}", "/jobs/{job}/targets?after={}"])
async def test_a_page_beyond_any_number_is_refused(service: Service, anybody: httpx.AsyncClient, path: str) -> None:
    job = (await submitted(service.served.app, 1)).id

    answers = [await anybody.get(path.format(number, job=job)) for number in TOO_MUCH]
    last = await anybody.get(path.format(10**18 - 1, job=job))

    assert [answer.status_code for answer in answers] == [422] * len(TOO_MUCH)
    assert last.status_code == 200


@on_each_database
@pytest.mark.parametrize("path", ["/api/jobs?cursor={}", "/api/audit?cursor={}", "/api/jobs/{job}/targets?cursor={}"])
async def test_a_cursor_is_never_beyond_what_the_database_counts(
    service: Service, anybody: httpx.AsyncClient, path: str
) -> None:
    job = (await submitted(service.served.app, 1)).id

    answers = [await anybody.get(path.format(number, job=job)) for number in TOO_MUCH]
    last = await anybody.get(path.format(10**18 - 1, job=job))

    assert [answer.status_code for answer in answers] == [422] * len(TOO_MUCH)
    assert last.status_code == 200


NUL_IN = (
    "/jobs/%00",
    "/jobs/%00/targets",
    "/jobs/%00/report.csv",
    "/jobs/{job}/targets?error=%00",
    "/jobs/{job}/targets?search=%00",
    "/jobs?tenant=%00",
    "/jobs?who=%00",
    "/jobs?schedule=%00",
    "/jobs?search=%00",
    "/audit?what=%00",
    "/audit?search=%00",
    "/schedules/%00",
    "/lists/%00",
    "/api/jobs/%00",
    "/api/jobs/%00/targets",
    "/api/jobs/%00/report.csv",
    "/api/jobs?search=%00",
    "/api/jobs?tenant=%00",
    "/api/schedules/%00",
    "/api/schedules/%00/history",
    "/api/schedules/%00/moments",
    "/api/lists/%00",
    "/api/lanes/%00",
    "/api/audit?who=%00",
)


@on_each_database
async def test_a_nul_is_nobodys_name(service: Service, anybody: httpx.AsyncClient) -> None:
    job = (await submitted(service.served.app, 1)).id

    statuses = {path: (await anybody.get(path.format(job=job))).status_code for path in NUL_IN}

    assert {path: status for path, status in statuses.items() if status not in {200, 404, 422}} == {}


@on_each_database
async def test_a_nul_in_what_is_sent_is_refused_or_left_out(anybody: httpx.AsyncClient) -> None:
    page = await anybody.get("/keys")
    csrf = page.text.partition('name="csrf" value="')[2][:64]
    forms: dict[str, dict[str, str]] = {
        "/sign-in": {"key": "muster_222222222222_\0" + "a" * 42},
        "/keys": {"csrf": csrf, "role": "viewer", "name": "a\0b"},
        "/keys/%00/revoke": {"csrf": csrf},
        "/jobs/%00/pause": {"csrf": csrf},
        "/lists/%00/remove": {"csrf": csrf},
        "/schedules/%00/pause": {"csrf": csrf},
    }

    statuses = {path: (await anybody.post(path, data=form)).status_code for path, form in forms.items()}
    revoked = await anybody.post("/api/keys/%00/revoke")

    assert {path: status for path, status in statuses.items() if status >= 500} == {}
    assert revoked.status_code in {404, 422}
