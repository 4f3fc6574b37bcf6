"""The effects of emergency stops: jobs whose devices wait, and schedules that start nothing."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.app import App
from orchestrator.domain.emergency_stop import EmergencyStop, StopEffect
from orchestrator.domain.ids import LaneKey
from orchestrator.domain.schedule import ScheduleStatus
from orchestrator.usecases.jobs.describe_jobs import list_running

_MOST_RUNNING = 1_000
_MOST_NAMED = 20


async def effects_of(app: App, stops: Sequence[EmergencyStop]) -> list[StopEffect]:
    """Returns the present effect of each of these stops."""
    if not stops:
        return []
    running, _ = await list_running(app, limit=_MOST_RUNNING)
    async with app.store.reading() as tx:
        schedules = await tx.schedules.all()
    found = []
    for stop in stops:
        jobs = [view for view in running if stop.covers(view.job.tenant, view.job.lane)]
        names = [
            each.name
            for each in schedules
            if each.status is ScheduleStatus.ACTIVE and stop.covers(each.order.tenant, _lane_of(app, each.order.tenant))
        ]
        devices = sum(view.tally.waiting for view in jobs)
        ids = tuple(view.job.id for view in jobs[:_MOST_NAMED])
        found.append(StopEffect(len(jobs), devices, ids, len(names), tuple(names[:_MOST_NAMED])))
    return found


def _lane_of(app: App, tenant: str) -> LaneKey | None:
    known = app.tenants.get(tenant)
    return None if known is None else known.lane
