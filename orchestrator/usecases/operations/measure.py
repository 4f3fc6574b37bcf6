"""Measures the state of the installation."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import fields

from orchestrator.app import App
from orchestrator.domain.attention import AttentionKind
from orchestrator.domain.emergency_stop import stop_of
from orchestrator.domain.errors import MusterError
from orchestrator.domain.job import JobStatus, Tally
from orchestrator.usecases.operations.check_health import check_health
from orchestrator.usecases.operations.check_inventory import inventory_ages
from orchestrator.usecases.operations.describe_lanes import list_lanes
from orchestrator.usecases.operations.list_attention import list_attention
from orchestrator.usecases.operations.live_processes import live_processes

_KINDS = ("serve", "worker", "clock", "run")


async def measure(app: App) -> bytes:
    """All metrics as text for Prometheus; a part that cannot be reached is reported and not waited for."""
    metrics = app.metrics
    checks = await check_health(app)
    metrics.replace(metrics.up, {check.name: float(check.ok) for check in checks})
    # Where it cannot be reached the gauges keep what was last seen; `muster_ready` says that they are old.
    with suppress(MusterError):
        await _read_gauges(app)
    return metrics.text()


async def _read_gauges(app: App) -> None:
    metrics = app.metrics
    async with app.store.reading() as tx:
        now = await tx.now()
        figures = await tx.totals.figures(now=now)
        stops = await tx.emergency_stops.in_force()
    metrics.replace(
        metrics.emergency_stops,
        {name: float(stop_of(stops, name, tenant.lane) is not None) for name, tenant in app.tenants.items()},
    )
    working = Counter(worker.kind for worker in await live_processes(app))
    shown = (status for status in JobStatus if status in _STORED)
    metrics.replace(metrics.jobs, {status.value: figures.jobs.get(status, 0) for status in shown})
    tally = figures.open_targets
    metrics.replace(metrics.targets, {field.name: getattr(tally, field.name) for field in fields(Tally)})
    metrics.replace(metrics.workers, {kind: working[kind] for kind in _KINDS})
    metrics.queue_age.set(0 if figures.due_since is None else (now - figures.due_since).total_seconds())
    kinds = Counter(item.kind for item in await list_attention(app))
    metrics.replace(metrics.attention_items, {kind.value: kinds[kind] for kind in AttentionKind})
    metrics.replace(metrics.inventory_age, await inventory_ages(app))
    metrics.inventory_max_age.set(app.inventory_max_age.total_seconds())
    views = await list_lanes(app)
    metrics.replace(metrics.lane_rate, {name: view.per_second or 0.0 for view in views for name in view.tenants})
    metrics.replace(metrics.lane_share, {name: view.learned_share for view in views for name in view.tenants})
    metrics.replace(
        metrics.lane_closed,
        {
            name: 0.0 if view.closed_until is None else max(0.0, (view.closed_until - now).total_seconds())
            for view in views
            for name in view.tenants
        },
    )
    limits = {name: tenant.write_limit for name, tenant in app.tenants.items()}
    metrics.replace(
        metrics.lane_limit,
        {name: limit.calls / limit.window.total_seconds() for name, limit in limits.items() if limit is not None},
    )


_STORED = frozenset(JobStatus) - {JobStatus.RECEIVING, JobStatus.PAUSING, JobStatus.CANCELLING}
