"""Graph resets, hangs, lies and is out, all in one job of real processes."""

from __future__ import annotations

import sys
import time

import pytest

from orchestrator.simulator.app import SimulatedGraph
from tests.faults.conftest import LIMIT
from tests.support.apps import device_ids
from tests.support.invariants import assert_all_holds
from tests.support.team import Team

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a team's installation runs on Linux")

DEVICES = 700


def test_whatever_graph_does_every_device_is_told_truly(team: Team, graph: SimulatedGraph) -> None:
    devices = device_ids(DEVICES)
    graph.lose_reply(devices[100:115])
    graph.close_connection(devices[120:135])
    graph.hang(devices[140:143], seconds=33.0)
    graph.answer_html(devices[150:155], times=1)
    graph.answer_truncated(devices[160:165], times=1)
    graph.answer_rubbish(devices[170:175], times=1)
    graph.answer_huge(devices[180:182], megabytes=10, times=1)
    graph.answer_success(devices[190:195], effect=True)
    graph.refuse(devices[200:230], 404)
    graph.refuse(devices[300:302], 429, retry_after="2", times=1)
    graph.refuse(devices[400:403], 429, times=1)
    team.worker()
    team.worker()
    job = team.submit(DEVICES)
    # Thirty replies lost in a row look like an outage, and whether it is over may be asked of a device that hangs.
    team.called(500)
    graph.outage(seconds=8.0, status=503)
    out_from, calls_before = time.monotonic(), graph.tenant.total

    shown = team.finish(job)
    rows = {row["managedDeviceId"]: row for row in team.rows(job)}
    while_out = [call for call in graph.tenant.calls[calls_before:] if call.arrived < out_from + 8.0]

    assert {rows[device]["status"] for device in devices[100:115]} == {"accepted"}
    assert {rows[device]["maybeRepeated"] for device in devices[100:115]} == {"true"}
    assert {rows[device]["status"] for device in devices[150:155]} == {"accepted"}
    assert {rows[device]["maybeRepeated"] for device in devices[150:155]} == {"true"}
    assert {rows[device]["status"] for device in devices[190:195]} == {"uncertain"}
    assert {rows[device]["status"] for device in devices[200:230]} == {"failed"}
    assert shown["counts"]["accepted"] == DEVICES - 35
    # Both workers notice the outage within ten devices each, and ask one at a time from then on.
    assert len(while_out) < 60
    assert_all_holds(team.evidence(limit=LIMIT))
