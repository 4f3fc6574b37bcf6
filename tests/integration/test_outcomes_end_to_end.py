"""A job of real parts against the simulator: what Graph does becomes what the report says."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from orchestrator.app import App
from orchestrator.domain.action import Action
from orchestrator.domain.batching import Batching
from orchestrator.domain.device import Via
from orchestrator.domain.job import JobStatus
from orchestrator.domain.target import TargetStatus
from orchestrator.engine.driver import drive
from orchestrator.engine.stop import StopSignal
from orchestrator.intake.device_list import IntakeOptions
from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.serving import serve
from orchestrator.usecases.jobs.cancel_job import cancel_job
from orchestrator.usecases.jobs.describe_jobs import JobView, describe_job
from orchestrator.usecases.jobs.pause_job import pause_job
from orchestrator.usecases.jobs.resume_job import resume_job
from orchestrator.usecases.jobs.retry_job import retry_job
from orchestrator.usecases.jobs.submit_job import JobRequest, submit_job
from orchestrator.usecases.jobs.write_report import report_text
from tests.support.actors import SOMEBODY
from tests.support.apps import an_app, device_ids, devices_csv
from tests.support.truth import assert_the_report_is_true

DEVICES = 60
ODD = device_ids(DEVICES)[30]
"""The one device that something happens to, far enough down that others were accepted before."""

Fault = Callable[[SimulatedGraph], None]


@dataclass(frozen=True)
class Case:
    fault: Fault
    status: str
    http_status: str = "204"
    attempts: int = 1
    maybe_repeated: bool = False
    action: Action = Action.REFRESH_USER_POLICY


def refuse(status: int, **facts: object) -> Fault:
    return lambda graph: graph.refuse(ODD, status, **facts)  # type: ignore[arg-type] # the simulator says what it takes


CASES = {
    "accepted": Case(lambda graph: graph.behave(), "accepted"),
    "gone": Case(refuse(404), "failed", "404"),
    "unsupported": Case(refuse(400), "failed", "400"),
    "hidden by a scope tag": Case(refuse(403, code="accessDenied"), "failed", "403"),
    "busy once": Case(refuse(503, times=1), "accepted", attempts=2),
    "throttled once, for a second": Case(refuse(429, times=1, retry_after="1"), "accepted", attempts=2),
    "throttled once, for a part of it": Case(refuse(429, times=1, retry_after="0.2"), "accepted", attempts=2),
    "broken once": Case(refuse(500, times=1), "accepted", attempts=2),
    "broken for good": Case(refuse(500, times=99), "failed", "500", attempts=3),
    "broken, and costly to repeat": Case(refuse(500, times=99), "uncertain", "500", action=Action.FULL_SCAN),
    "too slow for its gateway": Case(refuse(504, times=1, effect=True), "accepted", attempts=2, maybe_repeated=True),
    "reply lost": Case(lambda graph: graph.lose_reply(ODD), "accepted", attempts=2, maybe_repeated=True),
    "reply lost, and costly": Case(lambda graph: graph.lose_reply(ODD), "uncertain", "", action=Action.FULL_SCAN),
    "a page of HTML": Case(lambda graph: graph.answer_html(ODD, times=1), "accepted", attempts=2, maybe_repeated=True),
    "a page of HTML to a scan": Case(
        lambda graph: graph.answer_html(ODD, times=1), "uncertain", "200", action=Action.FULL_SCAN
    ),
    "another success than 204": Case(lambda graph: graph.answer_success(ODD, status=202, times=1), "uncertain", "202"),
    "rubbish": Case(lambda graph: graph.answer_rubbish(ODD, status=503, times=1), "accepted", attempts=2),
    "ten megabytes": Case(lambda graph: graph.answer_huge(ODD, status=404, times=1), "failed", "404"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_what_graph_does_is_what_the_report_says(sqlite_url: str, case: Case) -> None:
    await run_and_compare(sqlite_url, case)


# One of each way in which an outcome is written; what Graph meant by it was decided before, whatever the database.
@pytest.mark.parametrize("name", ["gone", "broken once", "broken, and costly to repeat", "reply lost"])
async def test_postgresql_keeps_what_graph_did(postgresql_url: str, name: str) -> None:
    await run_and_compare(postgresql_url, CASES[name])


async def run_and_compare(database_url: str, case: Case) -> None:
    graph = SimulatedGraph(None)
    case.fault(graph)
    async with serve(graph) as url, an_app(database_url, url, attempts=3) as app:
        view = await run(app, case.action)
        rows = await report(app, view)

    row = next(row for row in rows if row["managedDeviceId"] == ODD)
    assert (row["status"], row["httpStatus"]) == (case.status, case.http_status)
    assert (row["attempts"], row["maybeRepeated"]) == (str(case.attempts), str(case.maybe_repeated).lower())
    assert sum(call.device == ODD for call in graph.tenant.calls) == case.attempts
    assert {row["status"] for row in rows if row["managedDeviceId"] != ODD} == {"accepted"}
    assert view.status is JobStatus.FINISHED
    assert view.tally.total == DEVICES
    assert_the_report_is_true(rows, graph)


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        (lambda graph: graph.withdraw_consent(), "PrivilegedOperations"),
        (lambda graph: graph.deny_by_intune(), "PrivilegedOperations"),
        (lambda graph: graph.want_approval(), "Multi Admin Approval"),
        (lambda graph: graph.revoke_token(forever=True), "refused the token"),
        (lambda graph: graph.refuse(None, 405, share=1.0), "MUSTER_GRAPH_URL"),
    ],
)
async def test_what_cannot_work_stops_the_job_with_twenty_devices_asked(
    sqlite_url: str, fault: Fault, word: str
) -> None:
    graph = SimulatedGraph(None)
    graph.answer_within(0.02, 0.05)
    fault(graph)
    async with serve(graph) as url, an_app(sqlite_url, url) as app:
        view = await run(app)

    assert view.status is JobStatus.STOPPED
    assert view.tally.waiting == DEVICES
    assert len({call.device for call in graph.tenant.calls}) <= 20
    assert not graph.tenant.effects
    assert word in (view.job.reason or "")


async def test_a_stopped_job_goes_on_once_a_person_mended_it(sqlite_url: str) -> None:
    graph = SimulatedGraph(None)
    graph.withdraw_consent()
    async with serve(graph) as url, an_app(sqlite_url, url) as app:
        stopped = await run(app)
        graph.behave()
        await resume_job(app, stopped.job.id, by=SOMEBODY)
        await drive(app, StopSignal(), only=stopped.job, until_idle=True)
        view = await describe_job(app, stopped.job.id)
        rows = await report(app, view)

    assert view.status is JobStatus.FINISHED
    assert view.tally.accepted == DEVICES
    assert set(graph.tenant.effects.values()) == {1}
    assert_the_report_is_true(rows, graph)


async def test_envelopes_tell_the_same_as_single_calls(sqlite_url: str) -> None:
    graph = SimulatedGraph(None)
    graph.refuse(ODD, 404)
    graph.lose_envelope(times=1)
    async with serve(graph) as url, an_app(sqlite_url, url, batching=Batching.ON) as app:
        view = await run(app)
        rows = await report(app, view)

    assert (view.tally.accepted, view.tally.failed) == (DEVICES - 1, 1)
    assert graph.tenant.envelopes
    assert_the_report_is_true(rows, graph)


async def test_a_graph_without_envelopes_is_called_singly(sqlite_url: str) -> None:
    graph = SimulatedGraph(None)
    graph.refuse_envelopes(501)
    async with serve(graph) as url, an_app(sqlite_url, url, batching=Batching.ON) as app:
        view = await run(app)
        rows = await report(app, view)

    assert view.tally.accepted == DEVICES
    assert {row["attempts"] for row in rows} == {"1"}
    assert set(graph.tenant.effects.values()) == {1}


async def test_a_retry_calls_only_what_failed_under_the_lines_of_the_first_list(database_url: str) -> None:
    graph = SimulatedGraph(None)
    graph.refuse(ODD, 404)
    async with serve(graph) as url, an_app(database_url, url) as app:
        first = await run(app)
        graph.behave()
        again = await retry_job(app, first.job.id, statuses=[TargetStatus.FAILED], by=SOMEBODY)
        await drive(app, StopSignal(), only=again, until_idle=True)
        view = await describe_job(app, again.id)
        rows = await report(app, view)

    assert (view.tally.total, view.tally.accepted) == (1, 1)
    assert (rows[0]["line"], rows[0]["managedDeviceId"]) == ("32", ODD)
    assert again.retry_of == first.job.id
    assert graph.tenant.effects == dict.fromkeys(device_ids(DEVICES), 1)


async def test_a_cancelled_job_keeps_what_is_known_and_calls_nobody_more(database_url: str) -> None:
    graph = SimulatedGraph(None)
    async with serve(graph) as url, an_app(database_url, url) as app:
        job = await submit(app)
        await pause_job(app, job.job.id, by=SOMEBODY)
        view = await cancel_job(app, job.job.id, by=SOMEBODY)
        rows = await report(app, view)

    assert view.status is JobStatus.CANCELLED
    assert {row["status"] for row in rows} == {"cancelled"}
    assert not graph.tenant.calls


async def submit(app: App, action: Action = Action.REFRESH_USER_POLICY) -> JobView:
    request = JobRequest(action, Via.MANAGED_DEVICES, "default", SOMEBODY)
    job = await submit_job(app, request, io.BytesIO(devices_csv(DEVICES)), file_name="x.csv", options=IntakeOptions())
    return await describe_job(app, job.id)


async def run(app: App, action: Action = Action.REFRESH_USER_POLICY) -> JobView:
    submitted = await submit(app, action)
    await drive(app, StopSignal(), only=submitted.job, until_idle=True)
    return await describe_job(app, submitted.job.id)


async def report(app: App, view: JobView) -> list[dict[str, str]]:
    text = "".join([piece async for piece in report_text(app, view.job.id)])
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
