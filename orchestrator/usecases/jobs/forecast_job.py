"""Forecast the end of a job."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from orchestrator.app import App
from orchestrator.domain.ids import LaneKey
from orchestrator.domain.job import WINDOW_MARGIN, Priority
from orchestrator.domain.tenant import Tenant
from orchestrator.store.engine.database import Transaction
from orchestrator.store.work.fair_queue import Waiting
from orchestrator.throttle.forecast import Ahead, Forecast, LanePace, forecast, pace_of
from orchestrator.throttle.gcra import Standing
from orchestrator.usecases.jobs.explain_waiting import Surroundings, surroundings_of

_MEASURED = timedelta(minutes=3)
_LONGEST = timedelta(days=3650).total_seconds()


async def forecast_new(app: App, tenant: Tenant, calls: int, priority: Priority = Priority.NORMAL) -> Forecast:
    """The forecast for a job that would be submitted now."""
    return (await outlook_of(app, [tenant])).forecast(tenant, calls, priority)


@dataclass(frozen=True, slots=True)
class Outlook:
    """The input of a forecast for a new job: the pace of each lane, and the jobs that share it."""

    paces: Mapping[LaneKey, LanePace]
    ahead: Mapping[LaneKey, Sequence[Ahead]]

    def forecast(self, tenant: Tenant, calls: int, priority: Priority) -> Forecast:
        """The forecast for a job of so many calls that is submitted now, for one of these tenants."""
        return forecast(Ahead(calls, priority.weight), self.ahead[tenant.lane], self.paces[tenant.lane])


@dataclass(frozen=True, slots=True)
class LanesSeen:
    """Some lanes at one moment: waiting jobs, recent rates, live processes, and the state of each lane."""

    jobs: Sequence[Waiting]
    rates: Mapping[LaneKey, float | None]
    around: Surroundings
    standings: Mapping[LaneKey, Standing]

    def worked_on(self, app: App) -> list[Waiting]:
        """The jobs that have calls to make and that any process takes: the others delay no job."""
        return [each for each in self.jobs if self.around.is_worked_on(app, each.number)]


async def lanes_seen(tx: Transaction, lanes: Collection[LaneKey]) -> LanesSeen:
    """These lanes as the database has them."""
    now = (await tx.now()).timestamp()
    paces = await tx.lanes.paces(lanes, now=now)
    return LanesSeen(
        await tx.fair_queue.waiting_in(lanes),
        await rates_of_late(tx, lanes),
        await surroundings_of(tx, lanes),
        {lane: Standing(pace, now) for lane, pace in paces.items()},
    )


async def outlook_of(app: App, tenants: Iterable[Tenant], seen: LanesSeen | None = None) -> Outlook:
    """The outlook for jobs of these tenants: a few questions, however many they are, and none where `seen` has all.

    To be asked outside a transaction: it needs a connection of its own.
    """
    lanes = sorted({tenant.lane for tenant in tenants})
    if not lanes:
        return Outlook({}, {})
    if seen is None:
        async with app.store.reading() as tx:
            seen = await lanes_seen(tx, lanes)
    ahead: dict[LaneKey, list[Ahead]] = {lane: [] for lane in seen.rates}
    for each in seen.worked_on(app):
        ahead[each.lane].append(_ahead(each))
    return Outlook(lane_paces(app, seen.standings, seen.rates), ahead)


def forecast_waiting(job: Waiting, all_waiting: Sequence[Waiting], lane: LanePace, now: datetime) -> Forecast:
    """The forecast for a job that is under way, among all that wait in its lane; without an end while Graph is out."""
    own = replace(
        _ahead(job),
        ends_in=math.inf if job.not_after is None else (job.not_after - WINDOW_MARGIN - now).total_seconds(),
    )
    others = [_ahead(each) for each in all_waiting if each.number != job.number and each.lane == job.lane]
    found = forecast(own, others, lane)
    # During an outage the end cannot be forecast.
    return found if job.probe_at is None else replace(found, seconds=None)


async def rates_of_late(tx: Transaction, lanes: Iterable[LaneKey]) -> dict[LaneKey, float | None]:
    """Calls a second that each of these lanes made in the last minutes."""
    now = await tx.now()
    return await tx.lanes.rates(sorted(lanes), since=now - _MEASURED, now=now)


def lane_paces(
    app: App, standings: Mapping[LaneKey, Standing], rates: Mapping[LaneKey, float | None]
) -> dict[LaneKey, LanePace]:
    """The pace of each of these lanes that a tenant in the settings leads to, with the recent rates."""
    limits = {tenant.lane: tenant.write_limit for tenant in app.tenants.values()}
    return {
        lane: pace_of(limits[lane], at.pace, at.now, rates[lane]) for lane, at in standings.items() if lane in limits
    }


def finish_time(job: Waiting, all_waiting: Sequence[Waiting], lane: LanePace, now: datetime) -> datetime | None:
    """When a job that is under way will be done; None where nothing paces it, or its window ends before."""
    seconds = forecast_waiting(job, all_waiting, lane, now).seconds
    if seconds is None or not 0 <= seconds <= _LONGEST:
        # An end in ten years helps no plan, and `datetime` cannot hold one in ten thousand.
        return None
    return now + timedelta(seconds=seconds)


def _ahead(job: Waiting) -> Ahead:
    return Ahead(job.calls, job.weight)
