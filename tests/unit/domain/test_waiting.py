from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orchestrator.domain.ids import LaneKey
from orchestrator.domain.job import JobStatus
from orchestrator.domain.lane import GRAPH_WRITE_LIMIT, Cloud
from orchestrator.domain.tenant import Tenant, may_rebind, tenant_problem
from orchestrator.domain.waiting import JobSituation, LaneStanding, LaneWait, OutageSeen, WaitKind, waiting_for

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(seconds=30)
GOES = JobSituation(status=JobStatus.RUNNING, waiting=100, settled=5)
CLOSED = LaneStanding(GRAPH_WRITE_LIMIT, closed_until=LATER)
ADAPTED = LaneStanding(GRAPH_WRITE_LIMIT, share=0.4987, recovered_at=LATER)
OUT = OutageSeen(NOW, LATER, "Graph answers nothing but errors.")
UNREACHABLE = LaneWait(WaitKind.GRAPH_UNREACHABLE, "Graph cannot be reached since 09:00:00 UTC.", LATER)

CAUSES: list[tuple[WaitKind, dict[str, Any]]] = [
    (WaitKind.HALTED, {"halted": "The emergency stop is on."}),
    (WaitKind.TENANT_CHANGED, {"tenant_problem": "The settings changed."}),
    (WaitKind.NO_WORKER, {"is_worked_on": False}),
    (WaitKind.GRAPH_UNREACHABLE, {"reported": UNREACHABLE}),
    (WaitKind.WINDOW, {"is_window_over": True, "window_until": NOW}),
    (WaitKind.OUTAGE, {"outage": OUT}),
    (WaitKind.RATE_LIMITED, {"lane": CLOSED}),
    (WaitKind.CANARY, {"canaries": 20}),
    (WaitKind.OUTAGE, {"retry_at": LATER}),
    (WaitKind.ADAPTED, {"lane": ADAPTED}),
]


@pytest.mark.parametrize(("kind", "facts"), CAUSES)
def test_each_cause_is_named(kind: WaitKind, facts: dict[str, Any]) -> None:
    cause = waiting_for(replace(GOES, **facts))

    assert cause is not None
    assert cause.kind is kind
    assert cause.message


@pytest.mark.parametrize("kind", [WaitKind.SIGN_IN, WaitKind.DATABASE_SLOW, WaitKind.TENANT_CHANGED])
def test_what_a_worker_reports_is_passed_on(kind: WaitKind) -> None:
    cause = waiting_for(replace(GOES, reported=LaneWait(kind, "as reported", LATER)))

    assert cause is not None
    assert (cause.kind, cause.message, cause.until) == (kind, "as reported", LATER)


def test_of_several_causes_the_one_that_has_to_end_first_is_named() -> None:
    every = {}
    for _, facts in reversed(CAUSES):
        every.update(facts)
        cause = waiting_for(replace(GOES, **every))
        assert cause is not None
        expected = next(kind for kind, own in CAUSES if own == facts)
        assert cause.kind is expected


@pytest.mark.parametrize(
    "job",
    [
        GOES,
        replace(GOES, waiting=0, is_worked_on=False),
        replace(GOES, status=JobStatus.PAUSED, is_worked_on=False),
        replace(GOES, status=JobStatus.STOPPED, halted="The emergency stop is on."),
        replace(GOES, status=JobStatus.FINISHED, lane=CLOSED),
    ],
)
def test_a_job_that_goes_at_full_pace_or_rests_waits_for_nothing(job: JobSituation) -> None:
    assert waiting_for(job) is None


@pytest.mark.parametrize("lane", [CLOSED, ADAPTED])
def test_a_cause_that_is_a_429_names_the_number(lane: LaneStanding) -> None:
    cause = waiting_for(replace(GOES, lane=lane))

    assert cause is not None
    assert "429" in cause.message
    assert cause.until == LATER


def test_the_share_is_never_rounded_up() -> None:
    cause = waiting_for(replace(GOES, lane=ADAPTED))

    assert cause is not None
    assert "49 % of the limit of 200/20s" in cause.message


def test_no_429_is_named_where_a_pace_that_could_not_be_right_closes_the_lane() -> None:
    cause = waiting_for(replace(GOES, lane=replace(CLOSED, is_refused=False)))

    assert cause is not None
    assert cause.kind is WaitKind.DATABASE_SLOW
    assert "429" not in cause.message


@pytest.mark.parametrize(
    ("kind", "has_none"),
    [(WaitKind.OUTAGE, True), (WaitKind.NO_WORKER, True), (WaitKind.RATE_LIMITED, False), (WaitKind.ADAPTED, False)],
)
def test_no_end_is_promised_where_nobody_knows_it(kind: WaitKind, *, has_none: bool) -> None:
    assert kind.has_no_forecast is has_none


def a_tenant(lane: str) -> Tenant:
    return Tenant("contoso", Cloud.GLOBAL, "https://graph.microsoft.com", LaneKey(lane), None)


@pytest.mark.parametrize(
    ("tenant", "said", "rebinds"),
    [
        (None, "no tenant 'contoso' any more", False),
        (a_tenant("global@127.0.0.1:2/t1/a1"), "was global, and is global@127.0.0.1:2.", True),
        (a_tenant("global/t1/a2"), "the app (client id) was a1, and is a2.", True),
        (a_tenant("global/t2/a1"), "the tenant id was t1, and is t2.", False),
    ],
)
def test_a_tenant_that_leads_elsewhere_is_told_with_what_changed(
    tenant: Tenant | None, said: str, *, rebinds: bool
) -> None:
    lane = LaneKey("global/t1/a1")

    assert said in (tenant_problem("contoso", lane, tenant) or "")
    assert may_rebind(lane, tenant) is rebinds


def test_a_tenant_that_leads_to_the_lane_is_no_problem() -> None:
    assert tenant_problem("contoso", LaneKey("global/t1/a1"), a_tenant("global/t1/a1")) is None
