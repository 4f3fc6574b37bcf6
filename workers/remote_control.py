"""Which commands of Celery's remote control a worker obeys."""

from __future__ import annotations

from typing import Any

from celery.worker.control import Panel

OBEYED = frozenset(
    {
        *("ping", "active", "reserved", "scheduled", "revoked", "query_task", "registered", "stats", "active_queues"),
        *("clock", "enable_events", "disable_events", "heartbeat", "shutdown"),
    }
)
"""The commands that show the work of a worker, and those that end it well.

Off are the commands
- that would do what Muster does in its own way: `revoke` and `terminate` (a job is cancelled with `muster job cancel`),
  `rate_limit` (each lane has its limit), `time_limit` (leases end what is stuck);
- that change a pool which has no size: `pool_grow`, `pool_shrink`, `pool_restart`, `autoscale`;
- that change what a worker listens to until it is started again: `add_consumer`, `cancel_consumer`;
- that show settings to every client of Redis: `conf`, `report`;
- that search a process or write files on its machine: `objgraph`, `memdump`, `memsample`;
- that workers only say to each other: `hello`, `election`.
"""

_REFUSAL = {"error": "Muster's workers do not obey this command; docs/operations.md says which, and why."}


def obey_only_safe_commands() -> None:
    """Put a refusal in the place of all other commands."""
    for name in set(Panel.data) - OBEYED:
        Panel.data[name] = _refuse


def _refuse(_state: object, **_arguments: Any) -> dict[str, str]:
    return _REFUSAL
