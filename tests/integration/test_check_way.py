"""The way to Graph is looked at before the first call: what stands between is named, and nothing is stored."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path

import jwt
import pytest

from orchestrator.domain.action import Action
from orchestrator.domain.device import Via
from orchestrator.domain.errors import GraphUnreachable, SettingsInvalid
from orchestrator.intake.device_list import IntakeOptions
from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.serving import Tls, serve
from orchestrator.usecases.jobs.describe_jobs import list_jobs
from orchestrator.usecases.jobs.submit_job import JobRequest, submit_job
from orchestrator.usecases.operations.check_tenant import check_tenant
from orchestrator.usecases.operations.check_way import check_way
from tests.support.actors import SOMEBODY
from tests.support.apps import an_app, devices_csv
from tests.support.clock import START, ManualClock
from tests.support.tcp_proxy import a_proxy
from tests.support.tls import make_authority

pytestmark = pytest.mark.enable_socket

OTHER_TENANT = "99999999-9999-4999-8999-999999999999"


async def test_a_graph_that_answers_is_reached_and_no_device_is_called(sqlite_url: str) -> None:
    graph = SimulatedGraph(None)
    async with serve(graph) as url, an_app(sqlite_url, url) as app:
        assert (await check_way(app, "default")).root == url

    assert graph.tenant.calls == []


@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 407, 502])
async def test_a_page_in_graphs_place_is_named_with_its_title(sqlite_url: str, status: int) -> None:
    graph = SimulatedGraph(None)
    graph.stand_between(status=status, title="Guest network")
    async with serve(graph) as url, an_app(sqlite_url, url) as app:
        with pytest.raises(GraphUnreachable, match="Guest network") as refusal:
            await check_way(app, "default")
        found = await check_tenant(app, "default")

    assert "permission" not in str(refusal.value)
    assert found.unreachable is not None
    assert "Guest network" in found.unreachable


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n", "wants a sign-in"),
        (b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", "HTTP 503"),
        (b"", "cannot be reached"),
    ],
)
async def test_a_proxy_that_makes_no_connection_is_told_apart(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, answer: bytes, said: str
) -> None:
    async with a_proxy(answer) as proxy, an_app(sqlite_url, "https://graph.example") as app:
        monkeypatch.setenv("HTTPS_PROXY", proxy.replace("127.0.0.1", "user:secret@127.0.0.1"))
        monkeypatch.setenv("NO_PROXY", "")
        with pytest.raises(GraphUnreachable, match=said) as refusal:
            await check_way(app, "default")

    assert f"http://{proxy}" in str(refusal.value)
    assert "secret" not in str(refusal.value)


async def test_a_certificate_of_an_inspecting_proxy_is_told_with_its_issuer(sqlite_url: str, tmp_path: Path) -> None:
    authority = make_authority(tmp_path)
    tls = Tls(authority.certificate, authority.key)
    async with serve(SimulatedGraph(None), tls=tls) as url, an_app(sqlite_url, url) as app:
        with pytest.raises(GraphUnreachable, match="issued by") as refusal:
            await check_way(app, "default")

    assert "MUSTER_CA_BUNDLE" in str(refusal.value)


async def test_a_token_that_has_expired_is_bad_input(sqlite_url: str) -> None:
    past = START - timedelta(hours=1)
    token = jwt.encode({"exp": past.timestamp(), "roles": []}, "key" * 12)
    async with (
        serve(SimulatedGraph(None)) as url,
        an_app(sqlite_url, url, token=f"Bearer {token}", clock=ManualClock(auto=True)) as app,
    ):
        with pytest.raises(SettingsInvalid, match="expired"):
            await check_way(app, "default")


@pytest.mark.parametrize(
    ("claims", "says"),
    [
        ({"aud": "https://management.azure.com"}, "is for https://management.azure.com, another cloud or API"),
        ({"tid": OTHER_TENANT}, f"is for the Entra tenant {OTHER_TENANT}, and the settings name"),
    ],
)
async def test_a_token_for_something_else_is_bad_input(sqlite_url: str, claims: dict[str, str], says: str) -> None:
    token = jwt.encode(claims, "key" * 12)
    async with serve(SimulatedGraph(None)) as url, an_app(sqlite_url, url, token=token) as app:
        with pytest.raises(SettingsInvalid, match=says):
            await check_way(app, "default")


@pytest.mark.parametrize("token", ["two words", "line\nend", "ellipsis\N{HORIZONTAL ELLIPSIS}"])
async def test_a_text_that_can_be_no_token_is_bad_input(sqlite_url: str, token: str) -> None:
    async with serve(SimulatedGraph(None)) as url, an_app(sqlite_url, url, token=token) as app:
        with pytest.raises(SettingsInvalid, match="'default': The access token is none") as refusal:
            await check_way(app, "default")

    assert token not in str(refusal.value)


async def test_where_the_way_is_lost_nothing_is_stored(sqlite_url: str) -> None:
    async with an_app(sqlite_url, "http://127.0.0.1:1") as app:
        with pytest.raises(GraphUnreachable):
            await submit_job(
                app,
                JobRequest(action=Action.FULL_SCAN, via=Via.MANAGED_DEVICES, tenant="default", by=SOMEBODY),
                io.BytesIO(devices_csv(3)),
                file_name="devices.csv",
                options=IntakeOptions(),
                check_way=lambda: check_way(app, "default"),
            )
        assert await list_jobs(app, limit=5) == []
