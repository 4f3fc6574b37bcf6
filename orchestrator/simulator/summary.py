"""The sums of the ledger, and the ledger itself as JSON and CSV; pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orchestrator.simulator.tenant import Call

if TYPE_CHECKING:
    from orchestrator.simulator.app import SimulatedGraph

_MOST_EXAMPLES = 20


def summary_of(graph: SimulatedGraph, *, seconds: float | None = None) -> dict[str, object]:
    """The sums: calls, answers, effects, the fullest window, what came early, what was done twice."""
    tenant, throttle = graph.tenant, graph.throttle
    window = seconds or (20.0 if throttle.quota is None else throttle.quota.seconds)
    repeated = tenant.repeated()
    return {
        "calls": tenant.total,
        "envelopes": tenant.envelope_total,
        "byStatus": {str(status): count for status, count in sorted(tenant.by_status.items())},
        "devicesAsked": len(tenant.asked),
        "devicesAffected": len(tenant.effects),
        "effects": sum(tenant.effects.values()),
        "undelivered": tenant.undelivered,
        "earlyCalls": throttle.early_calls,
        "peak": {"seconds": window, "calls": tenant.peak(window)},
        "repeated": {"devices": len(repeated), "examples": dict(list(repeated.items())[:_MOST_EXAMPLES])},
        "tokenRequests": dict(graph.entra.requests),
    }


def row_of(call: Call) -> dict[str, object]:
    """One call of the ledger; a status of 0 means that the connection was closed instead."""
    return {
        "arrived": call.arrived,
        "arrivedAt": datetime.fromtimestamp(call.arrived_at, UTC).isoformat().replace("+00:00", "Z"),
        "device": call.device,
        "via": call.via,
        "action": call.action,
        "app": call.app,
        "status": call.status,
        "effect": call.effect,
        "delivered": call.delivered,
        "requestId": call.request_id,
        "clientRequestId": call.client_request_id,
        "envelope": call.envelope,
    }


def csv_of(rows: Iterable[Mapping[str, object]]) -> bytes:
    """Rows of the ledger as CSV with a header."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(row_of(Call(0.0, 0.0, "", "", "", "", "", "", None))))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
