"""What Graph said is shown where a person looks, and a tenant that cannot do it fails no device."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from orchestrator.domain.access import Actor
from orchestrator.domain.batching import Batching
from orchestrator.domain.brake_options import BrakeOptions
from orchestrator.domain.job import JobStatus
from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.serving import serve
from orchestrator.store.rows.targets import TargetRow
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.jobs.resume_job import resume_job
from tests.support.apps import an_app, device_ids, driven, report_of, submitted
from tests.support.truth import assert_the_report_is_true

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


@pytest.mark.parametrize("batching", list(Batching))
async def test_an_unknown_400_for_all_of_the_first_devices_stops_the_job_and_leaves_every_device_waiting(
    sqlite_url: str, batching: Batching
) -> None:
    graph = SimulatedGraph(None)
    graph.refuse(None, 400, code="BadRequest", message="The scale unit rejected the payload.")
    async with serve(graph) as url, an_app(sqlite_url, url, batching=batching) as app:
        job = await submitted(app, 50)
        view = await driven(app, job)
        async with app.store.reading() as tx:
            charged = await tx.connection.scalar(select(func.sum(TargetRow.attempts - TargetRow.uncharged)))
        asked = len(graph.tenant.calls)
        graph.behave()
        await resume_job(app, job.id, by=Actor("somebody", "tests"))
        resumed = await driven(app, job)

    assert view.status is JobStatus.STOPPED
    assert "The scale unit rejected the payload" in (view.job.reason or "")
    assert view.tally.waiting == view.tally.total == 50
    assert (asked, charged) == (20, 0)
    assert (resumed.status, resumed.tally.accepted) == (JobStatus.FINISHED, 50)


@pytest.mark.parametrize("batching", list(Batching))
async def test_an_unknown_400_is_the_devices_own_once_another_was_accepted(sqlite_url: str, batching: Batching) -> None:
    graph = SimulatedGraph(None)
    graph.refuse(device_ids(50)[:19], 400, code="BadRequest", message="The scale unit rejected the payload.")
    async with serve(graph) as url, an_app(sqlite_url, url, batching=batching) as app:
        job = await submitted(app, 50)
        view = await driven(app, job)
        report = await report_of(app, job)

    assert view.status is JobStatus.FINISHED
    assert (view.tally.failed, view.tally.accepted) == (19, 31)
    assert len(graph.tenant.calls) == 50
    assert_the_report_is_true(report, graph, to_the_call=True)


@pytest.mark.parametrize(("devices", "share"), [(4, 25), (50, 100)])
async def test_few_devices_or_a_brake_that_never_stops_let_them_fail(sqlite_url: str, devices: int, share: int) -> None:
    graph = SimulatedGraph(None)
    graph.refuse(None, 400, code="BadRequest", message="The scale unit rejected the payload.")
    async with serve(graph) as url, an_app(sqlite_url, url) as app:
        view = await driven(app, await submitted(app, devices, brake=BrakeOptions(share=share)))

    assert (view.status, view.tally.failed) == (JobStatus.FINISHED, devices)
