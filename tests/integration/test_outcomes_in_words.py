"""What Graph said is shown where a person looks, and a tenant that cannot do it fails no device."""

from __future__ import annotations

import pytest

from orchestrator.domain.job import JobStatus
from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.serving import serve
from orchestrator.usecases.describe_jobs import describe_job
from tests.support.apps import an_app, device_ids, driven, submitted

pytestmark = pytest.mark.enable_socket


async def test_graphs_own_words_stand_beside_the_meaning(sqlite_url: str) -> None:
    graph = SimulatedGraph(None)
    graph.refuse(device_ids(3)[1], 400, code="BadRequest", message="No \x1b[31mclient here.")
    async with serve(graph) as url, an_app(sqlite_url, url) as app:
        view = await driven(app, await submitted(app, 3))
        again = await describe_job(app, view.job.id)

    assert [error.example_message for error in view.errors] == ["No ␛[31mclient here."]
    assert again.errors == view.errors


async def test_what_the_tenant_cannot_do_leaves_every_device_waiting(sqlite_url: str) -> None:
    graph = SimulatedGraph(None)
    graph.refuse(None, 400, code="BadRequest", message="Request not applicable to target tenant.", share=1.0)
    async with serve(graph) as url, an_app(sqlite_url, url) as app:
        view = await driven(app, await submitted(app, 50))

    assert view.status is JobStatus.STOPPED
    assert "Request not applicable to target tenant" in (view.job.reason or "")
    assert view.tally.waiting == view.tally.total == 50
    assert len(graph.tenant.calls) <= 20
