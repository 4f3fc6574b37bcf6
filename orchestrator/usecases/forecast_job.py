"""Say beforehand when a job will be done."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from orchestrator.domain.errors import TryLater
from orchestrator.domain.forecast import Ahead, Forecast, LanePace, forecast, pace_of
from orchestrator.domain.ids import LaneKey
from orchestrator.domain.job import WINDOW_MARGIN, Priority
from orchestrator.domain.pacing import Keeper, Standing
from orchestrator.domain.tenant import Tenant
from orchestrator.store.database import Transaction
from orchestrator.store.jobs import Waiting
from orchestrator.usecases.app import App

_PATIENCE = 1.0
"""Seconds that a look at the lane may take: who asks how a job stands does not wait for a server that is away."""

_MEASURED = timedelta(minutes=3)


async def forecast_new(app: App, tenant: Tenant, calls: int, priority: Priority = Priority.NORMAL) -> Forecast:
    """The forecast for a job that would be submitted now."""
    async with app.store.reading() as tx:
        waiting = await tx.jobs.waiting_in([tenant.lane])
        rates = await rates_of_late(tx, [tenant.lane])
    paces = await lane_paces(app, rates)
    return forecast(Ahead(calls, priority.weight), [_ahead(each) for each in waiting], paces[tenant.lane])


def forecast_waiting(job: Waiting, all_waiting: Sequence[Waiting], lane: LanePace, now: datetime) -> Forecast:
    """The forecast for a job that is under way, among all that wait in its lane."""
    own = replace(
        _ahead(job),
        # Where Graph is out: if it is back when it is asked next.
        starts_in=0.0 if job.probe_at is None else (job.probe_at - now).total_seconds(),
        ends_in=math.inf if job.not_after is None else (job.not_after - WINDOW_MARGIN - now).total_seconds(),
    )
    others = [_ahead(each) for each in all_waiting if each.number != job.number and each.lane == job.lane]
    return forecast(own, others, lane)


async def rates_of_late(tx: Transaction, lanes: Iterable[LaneKey]) -> dict[LaneKey, float | None]:
    """Calls a second that each of these lanes made of late."""
    now = await tx.now()
    return {lane: await tx.lanes.per_second(lane, since=now - _MEASURED, now=now) for lane in sorted(lanes)}


async def lane_paces(app: App, rates: Mapping[LaneKey, float | None]) -> dict[LaneKey, LanePace]:
    """The pace of each of these lanes that a tenant in the settings leads to, with the rates of late.

    Where its keeper does not answer, it is the one that the limit allows.
    """
    limits = {tenant.lane: tenant.write_limit for tenant in app.tenants.values()}
    standings = {lane: await look_at(app, lane) for lane in rates if lane in limits}
    return {lane: pace_of(limits[lane], at.pace, at.now, rates[lane]) for lane, at in standings.items()}


async def look_at(app: App, lane: LaneKey) -> Standing:
    """Where a lane stands; as its row has it where its keeper does not answer."""
    try:
        async with asyncio.timeout(_PATIENCE):
            return await app.throttle.look(lane)
    except (TryLater, TimeoutError):
        async with app.store.reading() as tx:
            at = (await tx.now()).timestamp()
            return Standing(await tx.lanes.pace(lane, now=at), at, Keeper.ROW)


def _ahead(job: Waiting) -> Ahead:
    return Ahead(job.calls, job.weight)
