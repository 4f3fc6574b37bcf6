"""A job of real parts against the simulator: what Graph does becomes what the report says."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from orchestrator.app import App
from orchestrator.domain.action import Action
from orchestrator.domain.device import Via
from orchestrator.domain.job import JobStatus
from orchestrator.domain.outcome import NOT_FROM_GRAPH
from orchestrator.domain.target import TargetStatus
from orchestrator.engine.driver import drive_job
from orchestrator.engine.stop import StopSignal
from orchestrator.intake.device_list import IntakeOptions
from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.serving import serve
from orchestrator.usecases.jobs.cancel_job import cancel_job
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.jobs.describe_jobs import JobView
from orchestrator.usecases.jobs.pause_job import pause_job
from orchestrator.usecases.jobs.retry_job import retry_job
from orchestrator.usecases.jobs.submit_job import JobRequest, submit_job
from orchestrator.usecases.jobs.write_report import report_text
from tests.support.actors import SOMEBODY
from tests.support.apps import an_app, device_ids, devices_csv
from tests.support.truth import assert_the_report_is_true

DEVICES = 80
ODD = device_ids(DEVICES)[30]
"""A device that something happens to, far enough down that others were accepted before."""

Fault = Callable[[SimulatedGraph, str], None]
"""Makes the simulated Graph misbehave to one device."""


@dataclass(frozen=True)
class Case:
    fault: Fault
    status: str
    http_status: str = "204"
    attempts: int = 1
    maybe_repeated: bool = False
    action: Action = Action.REFRESH_USER_POLICY
    code: str = ""


def meets(fault: str, **facts: object) -> Fault:
    """A fault of the simulator by its name."""
    return lambda graph, device: getattr(graph, fault)(device, **facts)


def lose_and_refuse(graph: SimulatedGraph, device: str) -> None:
    graph.lose_reply(device)
    graph.refuse(device, 404)


def refuse(status: int, **facts: object) -> Fault:
    return meets("refuse", status=status, **facts)


SCAN = Action.FULL_SCAN
CASES = {
    "accepted": Case(lambda _graph, _device: None, "accepted"),
    "gone": Case(refuse(404), "failed", "404", code="ResourceNotFound"),
    "unsupported": Case(refuse(400), "failed", "400"),
    "hidden by a scope tag": Case(refuse(403, code="accessDenied"), "failed", "403", code="accessDenied"),
    "in conflict": Case(refuse(409), "failed", "409", code="Conflict"),
    "locked once": Case(refuse(423, times=1), "accepted", attempts=2),
    "busy once": Case(refuse(503, times=1), "accepted", attempts=2),
    "busy once, for a scan": Case(refuse(503, times=1), "accepted", attempts=2, action=SCAN),
    "throttled once, for a second": Case(refuse(429, times=1, retry_after="1"), "accepted", attempts=2),
    "throttled once, for a part of it": Case(refuse(429, times=1, retry_after="0.2"), "accepted", attempts=2),
    "broken once": Case(refuse(500, times=1), "accepted", attempts=2),
    "broken for good": Case(refuse(500, times=99), "failed", "500", attempts=3),
    "broken, and costly to repeat": Case(refuse(500, times=99), "uncertain", "500", action=SCAN),
    "too slow for its gateway": Case(refuse(504, times=1, effect=True), "accepted", attempts=2, maybe_repeated=True),
    "too slow for its gateway, and costly": Case(
        refuse(504, times=1), "uncertain", "504", action=SCAN, code="GatewayTimeout"
    ),
    "too slow for good": Case(refuse(408), "uncertain", "408", attempts=3, maybe_repeated=True, code="RequestTimeout"),
    "reply lost": Case(meets("lose_reply"), "accepted", attempts=2, maybe_repeated=True),
    "reply lost, and costly": Case(meets("lose_reply"), "uncertain", "", action=SCAN, code="ConnectionLost"),
    "reply lost, then refused": Case(
        lose_and_refuse, "uncertain", "404", attempts=2, maybe_repeated=True, code="ResourceNotFound"
    ),
    "connection closed": Case(meets("close_connection"), "accepted", attempts=2, maybe_repeated=True),
    "a page of HTML": Case(meets("answer_html", times=1), "accepted", attempts=2, maybe_repeated=True),
    "a page of HTML to a scan": Case(
        meets("answer_html", times=1), "uncertain", "200", action=SCAN, code=NOT_FROM_GRAPH
    ),
    "another success than 204": Case(meets("answer_success", status=202, times=1), "uncertain", "202"),
    "another success that did it": Case(meets("answer_success", effect=True), "uncertain", "200", code="HTTP200"),
    "rubbish": Case(meets("answer_rubbish", status=503, times=1), "accepted", attempts=2),
    "ten megabytes": Case(meets("answer_huge", status=404, times=1), "failed", "404"),
    "slow answers": Case(meets("slow_down", low=0.3, high=0.5), "accepted"),
}


# All in one job: each device meets something else, and others stand between them that nothing happens to.
@pytest.mark.parametrize("action", [Action.REFRESH_USER_POLICY, SCAN])
async def test_what_graph_does_is_what_the_report_says(database_url: str, action: Action) -> None:
    graph = SimulatedGraph(None)
    cases = {name: case for name, case in CASES.items() if case.action is action}
    odd = dict(zip(cases, device_ids(DEVICES)[25::2], strict=False))
    for name, case in cases.items():
        case.fault(graph, odd[name])
    async with serve(graph) as url, an_app(database_url, url, attempts=3) as app:
        view = await run(app, action)
        rows = {row["managedDeviceId"]: row for row in await report(app, view)}

    for name, case in cases.items():
        row = rows[odd[name]]
        assert (row["status"], row["httpStatus"]) == (case.status, case.http_status), name
        assert (row["attempts"], row["maybeRepeated"]) == (str(case.attempts), str(case.maybe_repeated).lower()), name
        assert sum(call.device == odd[name] for call in graph.tenant.calls) == case.attempts, name
        if case.status != "accepted":
            assert row["errorMessage"], name
            assert row["clientRequestId"], name
            assert row["finishedAt"], name
        if case.code:
            assert row["errorCode"] == case.code, name
    assert {row["status"] for device, row in rows.items() if device not in odd.values()} == {"accepted"}
    assert view.status is JobStatus.FINISHED
    assert view.tally.total == DEVICES
    wrong = [row for row in rows.values() if row["status"] != "accepted"]
    groups = Counter((row["status"], row["errorCode"], row["httpStatus"]) for row in wrong)
    assert {(error.status, error.code, str(error.http_status or "")): error.count for error in view.errors} == groups
    assert all(error.meaning and error.hint for error in view.errors)
    assert_the_report_is_true([*rows.values()], graph, to_the_call=True)


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        (lambda graph: graph.refuse(None, 403, code="accessDenied"), "permission"),
        (lambda graph: graph.withdraw_consent(), "PrivilegedOperations"),
        (lambda graph: graph.deny_by_intune(), "PrivilegedOperations"),
        (lambda graph: graph.want_approval(), "Multi Admin Approval"),
        (lambda graph: graph.revoke_token(forever=True), "refused the token"),
        (lambda graph: graph.refuse(None, 405, share=1.0), "MUSTER_GRAPH_URL"),
    ],
)
async def test_what_cannot_work_stops_the_job_with_twenty_devices_asked(
    sqlite_url: str, fault: Callable[[SimulatedGraph], None], word: str
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


async def test_a_retry_calls_only_what_failed_under_the_lines_of_the_first_list(database_url: str) -> None:
    graph = SimulatedGraph(None)
    graph.refuse(ODD, 404)
    async with serve(graph) as url, an_app(database_url, url) as app:
        first = await run(app)
        graph.behave()
        again = await retry_job(app, first.job.id, statuses=[TargetStatus.FAILED], by=SOMEBODY)
        await drive_job(app, StopSignal(), again)
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
    request = JobRequest(action=action, via=Via.MANAGED_DEVICES, tenant="default", by=SOMEBODY)
    job = await submit_job(app, request, io.BytesIO(devices_csv(DEVICES)), file_name="x.csv", options=IntakeOptions())
    return await describe_job(app, job.id)


async def run(app: App, action: Action = Action.REFRESH_USER_POLICY) -> JobView:
    submitted = await submit(app, action)
    await drive_job(app, StopSignal(), submitted.job)
    return await describe_job(app, submitted.job.id)


async def report(app: App, view: JobView) -> list[dict[str, str]]:
    text = "".join([piece async for piece in report_text(app, view.job.id)])
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
