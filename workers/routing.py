"""Which jobs a worker works on that reads only some of the queues."""

from __future__ import annotations

from collections.abc import Callable, Collection

from orchestrator.queueing.messages import RouteBy, queue_name, queue_names
from orchestrator.store.work.fair_queue import DueJob


def jobs_of_queues(
    names: Collection[str], *, route_by: RouteBy, tenants: Collection[str]
) -> Callable[[DueJob], bool] | None:
    """Whether a job waits in one of these queues; None for a worker that reads all of them, and works on all jobs."""
    if set(names) >= set(queue_names(route_by, list(tenants))):
        return None
    return lambda due: queue_name(route_by, due.tenant, due.priority) in names
