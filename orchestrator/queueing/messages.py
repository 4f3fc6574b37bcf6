"""The name, the arguments and the queues of every message; both ends import them. The database is the truth."""

from __future__ import annotations

from typing import Literal

from orchestrator.domain.ids import is_full_id
from orchestrator.domain.job import Priority

RUN_BATCH = "muster.run_batch"
"""This batch of this job waits for a worker. A hint: lost, doubled or late, it costs a second and no device."""

WORK = "muster.work"
"""Look into the database. Sent by the release before; accepted until the next one."""

QUEUE = "muster"
"""The queue that every worker listens to unless it is told others."""

AHEAD = 200
"""Messages that wait in one queue at most: of two thousand batches that become due at once the rest stays in the
database, and follows as workers take these. A message takes some 800 bytes of Redis."""

ARGUMENTS: dict[str, tuple[type, ...]] = {RUN_BATCH: (str, int), WORK: ()}
"""The arguments of each message by their types; a message with others is dropped (message_form.py)."""

RouteBy = Literal["nothing", "tenant", "priority"]
"""Which jobs share a queue: all (one queue), those of a tenant, or those of a priority."""


def queue_name(route_by: RouteBy, tenant: str, priority: Priority) -> str:
    """The queue in which a batch of this tenant and priority waits."""
    match route_by:
        case "tenant":
            return f"{QUEUE}.tenant.{tenant}"
        case "priority":
            return f"{QUEUE}.priority.{priority}"
        case _:
            return QUEUE


def queue_names(route_by: RouteBy, tenants: list[str]) -> list[str]:
    """All queues of an installation with these tenants; the plain one carries messages of the release before."""
    routed = [queue_name(route_by, tenant, priority) for tenant in tenants for priority in Priority]
    return list(dict.fromkeys([QUEUE, *routed]))


def own_queue_name(node: str) -> str:
    """The queue of one worker, for the batches that it chose by itself; `node` is its Celery name."""
    return f"{QUEUE}.worker.{node}"


def is_ours(queue: str) -> bool:
    """Whether messages in this queue must have the form of ours."""
    return queue == QUEUE or queue.startswith(f"{QUEUE}.")


def names_a_batch(arguments: list[object]) -> bool:
    """Whether these arguments of `RUN_BATCH` can name a batch."""
    job, batch = arguments
    return isinstance(job, str) and is_full_id(job) and isinstance(batch, int) and 0 <= batch < _BATCHES


_BATCHES = 2**31
