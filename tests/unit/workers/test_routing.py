"""Workers that are set aside for some queues."""

from __future__ import annotations

import pytest

from orchestrator.domain.fair_queue import QueuePlace
from orchestrator.domain.ids import JobId, JobNumber, LaneKey
from orchestrator.domain.job import Priority
from orchestrator.queueing.messages import QUEUE, RouteBy, queue_names
from orchestrator.store.work.fair_queue import DueJob
from workers.routing import jobs_of_queues

TENANTS = ["contoso", "fabrikam"]


def due(tenant: str, priority: Priority = Priority.NORMAL) -> DueJob:
    return DueJob(JobId("aaaaaaaaaaa2"), LaneKey("lane"), tenant, priority, QueuePlace(JobNumber(1), 0.0, 4))


@pytest.mark.parametrize("route_by", ["nothing", "tenant", "priority"])
def test_a_worker_that_reads_all_queues_works_on_every_job(route_by: RouteBy) -> None:
    assert jobs_of_queues(queue_names(route_by, TENANTS), route_by=route_by, tenants=TENANTS) is None


def test_a_worker_of_one_tenants_queue_works_on_its_jobs_alone() -> None:
    serves = jobs_of_queues({"muster.tenant.contoso"}, route_by="tenant", tenants=TENANTS)

    assert serves is not None
    assert serves(due("contoso"))
    assert not serves(due("fabrikam"))


def test_a_worker_of_one_prioritys_queue_works_on_its_jobs_alone() -> None:
    serves = jobs_of_queues({"muster.priority.high"}, route_by="priority", tenants=TENANTS)

    assert serves is not None
    assert serves(due("fabrikam", Priority.HIGH))
    assert not serves(due("fabrikam"))


def test_every_queue_of_an_installation_has_one_name() -> None:
    assert queue_names("nothing", TENANTS) == [QUEUE]
    assert queue_names("tenant", TENANTS) == [QUEUE, "muster.tenant.contoso", "muster.tenant.fabrikam"]
    assert len(queue_names("priority", TENANTS)) == 4
