"""The rarer ways in which Graph misbehaves, and its envelopes: what the report says, call by call."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from orchestrator.app import App
from orchestrator.domain.action import Action
from orchestrator.domain.batching import Batching
from orchestrator.domain.job import JobStatus, Tally
from orchestrator.domain.retry_policy import RetryPolicy
from orchestrator.domain.target import TargetStatus
from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.serving import serve
from orchestrator.simulator.throttling import Quota, RetryAfter
from orchestrator.simulator.world import World
from orchestrator.usecases.jobs.resume_job import resume_job
from tests.support.actors import SOMEBODY
from tests.support.apps import an_app, device_ids, driven, report_of, submitted
from tests.support.stalls import Stalls
from tests.support.truth import assert_the_report_is_true

pytestmark = pytest.mark.enable_socket

REFRESH, SCAN = Action.REFRESH_USER_POLICY, Action.FULL_SCAN
ODD_ONES = device_ids(40)[25:28]
"""Devices that stand behind the first twenty calls of a job of forty."""


@asynccontextmanager
async def at_work(
    database_url: str, graph: SimulatedGraph, *, batching: Batching = Batching.OFF, policy: RetryPolicy | None = None
) -> AsyncIterator[App]:
    quick = policy or RetryPolicy(attempts=4, base=0.02)
    async with serve(graph) as url, an_app(database_url, url, batching=batching, policy=quick) as app:
        yield app


WINDOW = 1.5

UNCERTAIN = TargetStatus.UNCERTAIN

STOPPING: list[tuple[str, Callable[[SimulatedGraph], None], str]] = [
    ("403 that names the permission", lambda graph: graph.withdraw_consent(), "PrivilegedOperations"),
    (
        "403 without a reason, nothing accepted",
        lambda graph: graph.refuse(None, 403, code="accessDenied"),
        "permission",
    ),
    ("approval as 412", lambda graph: graph.want_approval(status=412), "approval"),
]


@pytest.mark.parametrize(("name", "misbehave", "mend"), STOPPING, ids=[each[0] for each in STOPPING])
async def test_what_cannot_work_for_any_device_stops_the_job_within_twenty_calls_in_envelopes_too(
    name: str, misbehave: Callable[[SimulatedGraph], None], mend: str, sqlite_url: str
) -> None:
    graph = SimulatedGraph(None)
    misbehave(graph)

    async with at_work(sqlite_url, graph, batching=Batching.ON) as app:
        job = await submitted(app, 200)
        view = await driven(app, job)
        report = await report_of(app, job)

    assert view.status is JobStatus.STOPPED, name
    assert mend in (view.job.reason or "")
    assert "muster job resume" in (view.job.reason or "")
    assert view.tally == Tally(waiting=200)
    assert 1 <= graph.tenant.total <= 40
    assert len(graph.tenant.asked) <= 20
    assert_the_report_is_true(report, graph, to_the_call=True)


async def test_a_stopped_job_goes_on_where_it_stood_once_it_was_mended(sqlite_url: str) -> None:
    graph = SimulatedGraph(None)
    graph.withdraw_consent(after_calls=60)

    async with at_work(sqlite_url, graph) as app:
        job = await submitted(app, 200)
        stopped = await driven(app, job)
        graph.behave()
        await resume_job(app, job.id, by=SOMEBODY)
        finished = await driven(app, job)
        report = await report_of(app, job)

    assert stopped.status is JobStatus.STOPPED
    assert stopped.tally.accepted >= 60
    assert stopped.tally.failed == stopped.tally.uncertain == 0
    assert finished.tally == Tally(accepted=200)
    assert finished.job.reason is None
    assert graph.tenant.repeated() == {}
    assert_the_report_is_true(report, graph, to_the_call=True)


class HeldClock:
    """Stands still until so many calls have arrived: a quota is used up however slowly they come."""

    def __init__(self, graph: Callable[[], SimulatedGraph], calls: int) -> None:
        self._graph, self._calls = graph, calls
        self._began: float | None = None

    def __call__(self) -> float:
        """Seconds since the next call after these."""
        if self._began is None and self._graph().tenant.total >= self._calls:
            self._began = time.monotonic()
        return 0.0 if self._began is None else time.monotonic() - self._began


@pytest.mark.parametrize("style", ["integer", "none"])
async def test_a_429_closes_the_lane_for_as_long_as_it_says(style: RetryAfter, sqlite_url: str, stalls: Stalls) -> None:
    world = World(clock=HeldClock(lambda: graph, 30))
    graph = SimulatedGraph(Quota(30, WINDOW, retry_after=style), world=world)

    async with at_work(sqlite_url, graph, policy=RetryPolicy(attempts=20, base=0.02)) as app:
        job = await submitted(app, 60)
        view = await driven(app, job)
        report = await report_of(app, job)

    refused = [call for call in graph.tenant.calls if call.status == 429]
    assert view.tally == Tally(accepted=60)
    assert refused
    assert_the_report_is_true(report, graph, to_the_call=True)
    if style != "none":
        # The wait that was named lasts until the window ends; only what had left already may still arrive in it.
        in_the_window = [call for call in refused if call.arrived < WINDOW]
        assert len({call.device for call in in_the_window}) == len(in_the_window)
        assert max(call.arrived for call in in_the_window) < 0.5 + stalls.allowance(0.5)


async def test_a_call_that_hangs_holds_up_nobody_else_and_is_recorded_in_the_end(sqlite_url: str) -> None:
    graph = SimulatedGraph(None)
    graph.hang(ODD_ONES, seconds=3.0, effect=True)

    async with at_work(sqlite_url, graph) as app:
        job = await submitted(app, 40)
        view = await driven(app, job)
        report = await report_of(app, job)

    others = [call.arrived for call in graph.tenant.calls if call.device not in ODD_ONES]
    assert max(others) - min(others) < 2.5
    assert view.tally == Tally(accepted=40)
    assert_the_report_is_true(report, graph, to_the_call=True)


async def test_envelopes_lose_no_device_and_call_none_twice(database_url: str) -> None:
    graph = SimulatedGraph(None)
    graph.refuse(status=503, share=0.2)
    graph.refuse(ODD_ONES, 404)

    async with at_work(database_url, graph, batching=Batching.ON, policy=RetryPolicy(attempts=12, base=0.02)) as app:
        job = await submitted(app, 130)
        view = await driven(app, job)
        report = await report_of(app, job)

    assert view.tally == Tally(accepted=127, failed=3)
    assert graph.tenant.repeated() == {}
    assert max(envelope.parts for envelope in graph.tenant.envelopes) == 20
    assert_the_report_is_true(report, graph, to_the_call=True)


async def test_a_graph_without_envelopes_is_called_singly(sqlite_url: str) -> None:
    graph = SimulatedGraph(None)
    graph.refuse_envelopes(501)

    async with at_work(sqlite_url, graph, batching=Batching.ON) as app:
        job = await submitted(app, 130)
        view = await driven(app, job)
        report = await report_of(app, job)

    assert view.tally == Tally(accepted=130)
    assert graph.tenant.total == 130
    assert {row["attempts"] for row in report} == {"1"}
    assert_the_report_is_true(report, graph, to_the_call=True)


@pytest.mark.parametrize("action", [REFRESH, SCAN])
async def test_the_devices_of_a_lost_envelope_go_singly_or_are_uncertain(action: Action, sqlite_url: str) -> None:
    graph = SimulatedGraph(None)
    graph.lose_envelope(times=1)

    async with at_work(sqlite_url, graph, batching=Batching.ON) as app:
        job = await submitted(app, 60, action=action)
        view = await driven(app, job)
        report = await report_of(app, job)

    lost = {row["managedDeviceId"] for row in report if row["maybeRepeated"] == "true" or row["status"] == UNCERTAIN}
    assert len(lost) == 20
    assert view.tally == (Tally(accepted=60) if action is REFRESH else Tally(accepted=40, uncertain=20))
    assert_the_report_is_true(report, graph, to_the_call=True)
    again = [call for call in graph.tenant.calls if call.device in lost][20:]
    assert all(call.envelope is None for call in again)
