"""What can be seen of an installation from outside: figures, ids, traces."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import structlog
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from orchestrator.domain.access import Role
from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.serving import serve_in_thread
from orchestrator.telemetry.metrics import Metrics
from orchestrator.telemetry.traces import carrier, continued, set_up_traces, spanned
from tests.support.apps import devices_csv
from tests.support.web import Service, a_service, some_settings

pytestmark = pytest.mark.enable_socket


@pytest.fixture
def graph() -> SimulatedGraph:
    return SimulatedGraph(None)


@pytest.fixture
async def service(sqlite_url: str, graph: SimulatedGraph) -> AsyncIterator[Service]:
    with serve_in_thread(graph) as url:
        # Singly: on a busy machine answers are slow enough for envelopes to pay, and those are counted as one.
        settings = some_settings(sqlite_url, url, MUSTER_WRITE_LIMIT="2000/1s", MUSTER_BATCHING="off")
        async with a_service(settings) as service:
            yield service


@pytest.fixture(scope="module")
def spans() -> Iterator[InMemorySpanExporter]:
    """What a collector would be sent."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    yield exporter
    provider.shutdown()


def figures_in(text: str) -> dict[str, float]:
    """The samples of a page for Prometheus."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


async def finished(client: httpx.AsyncClient, count: int) -> str:
    posted = await client.post("/api/jobs", data={"action": "quickScan"}, files={"file": devices_csv(count)})
    job: str = posted.json()["id"]
    async with client.stream("GET", f"/api/jobs/{job}/events") as events:
        async for _ in events.aiter_lines():
            pass
    return job


async def test_figures_say_what_came_of_jobs_and_how_lanes_stand(service: Service, graph: SimulatedGraph) -> None:
    graph.tenant.known_devices = set()
    async with service.client(Role.OPERATOR) as client:
        await finished(client, 30)
        page = await client.get("/metrics")
    figures = figures_in(page.text)

    assert page.headers["Content-Type"].startswith("text/plain")
    assert figures['muster_targets_settled_total{status="failed"}'] == 30
    assert figures['muster_jobs{status="finished"}'] == 1
    assert figures['muster_ready{check="database"}'] == 1
    assert figures['muster_workers{kind="serve"}'] == 1
    assert figures['muster_lane_limit_per_second{tenant="default"}'] == 2000
    assert figures["muster_queue_age_seconds"] == 0
    assert figures["muster_inventory_max_age_seconds"] == 7 * 86_400
    assert figures['muster_graph_seconds_count{outcome="refused"}'] == 30
    assert figures['muster_http_seconds_count{method="POST",route="/api/jobs",status="201"}'] == 1


async def test_no_label_comes_from_what_somebody_asks_for(service: Service) -> None:
    async with service.client(Role.VIEWER) as client:
        for path in ("/api/jobs/bbbb", "/api/jobs/cccc", "/nowhere/1", "/nowhere/2", "/api/no/3", "/api/no/4"):
            await client.get(path)
        await client.request("BREW", "/api/jobs")
        text = (await client.get("/metrics")).text

    routes = set(re.findall(r'muster_http_seconds_count\{[^}]*route="([^"]*)"', text))
    methods = set(re.findall(r'muster_http_seconds_count\{method="([^"]*)"', text))
    assert "/api/jobs/{job_id}" in routes
    assert not [route for route in routes if "bbbb" in route or "nowhere/1" in route or route.endswith("3")]
    assert methods <= {"GET", "POST", "other"}


async def test_a_request_has_an_id_that_its_logs_carry(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, structlog.processors.JSONRenderer()])
    try:
        async with service.client(Role.OPERATOR) as client:
            capsys.readouterr()
            answer = await client.post(
                "/api/jobs",
                data={"action": "quickScan"},
                files={"file": devices_csv(1)},
                headers={"X-Request-Id": "portal-17"},
            )
            odd = await client.get("/api/jobs", headers={"X-Request-Id": "a b\tc"})
    finally:
        structlog.reset_defaults()
    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    submitted = [line for line in logged if line["event"] == "job.submitted"]

    assert answer.headers["X-Request-Id"] == "portal-17"
    assert re.fullmatch(r"[0-9a-f]{16}", odd.headers["X-Request-Id"])
    assert [(line["request_id"], line["who"], line["job"]) for line in submitted] == [
        ("portal-17", "key:operator", answer.json()["id"])
    ]


async def test_a_trace_goes_from_the_api_to_graph(service: Service, spans: InMemorySpanExporter) -> None:
    spans.clear()
    async with service.client(Role.OPERATOR) as client:
        await finished(client, 3)
    names = [span.name for span in spans.get_finished_spans()]

    assert names.count("graph.trigger") == 3
    assert any("/api/jobs" in name for name in names)


async def test_no_trace_and_no_log_holds_what_signs_somebody_in(
    service: Service, spans: InMemorySpanExporter, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    spans.clear()
    caplog.set_level("DEBUG")
    # The client in this process is the one who may say what it asks.
    for name in ("httpx", "httpcore"):
        caplog.set_level("WARNING", logger=name)
    async with service.client() as client:
        capsys.readouterr()
        await client.post("/sign-in", data={"key": "open-sesame"})
        await client.get("/sign-in/link", params={"token": "open-sesame"})
        await client.get("/sign-in/done", params={"code": "open-sesame", "state": "open-sesame"})
        await client.post("/lists", params={"csrf": "open-sesame"})
        await client.get("/api/jobs", params={"search": "open-sesame"})
    collected = [span.to_json() for span in spans.get_finished_spans()]

    assert any("/sign-in/link" in text for text in collected)
    assert not [text for text in (*collected, caplog.text, *capsys.readouterr()) if "sesame" in text]


def test_a_message_carries_the_trace_that_it_belongs_to(spans: InMemorySpanExporter) -> None:
    spans.clear()
    with spanned("submit") as sent:
        carried = carrier()
    with continued("work", carried):
        pass
    received = next(span for span in spans.get_finished_spans() if span.name == "work")

    assert sent is not None
    assert received.parent is not None
    assert received.parent.span_id == sent.get_span_context().span_id


def test_without_an_endpoint_nothing_is_collected() -> None:
    assert set_up_traces({}, kind="serve", version="0") is False


def test_a_process_that_serves_nothing_else_can_show_its_figures() -> None:
    metrics = Metrics()
    metrics.recovered.inc(2)

    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with metrics.shown_at("127.0.0.1", port):
        text = httpx.get(f"http://127.0.0.1:{port}/metrics").text

    assert figures_in(text)["muster_leases_recovered_total"] == 2
