"""Describe lanes: the rest of their limit, the learned share of it, and the jobs that wait."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from orchestrator.app import App
from orchestrator.domain.errors import UnknownLane
from orchestrator.domain.ids import JobId, LaneKey
from orchestrator.domain.job import Priority
from orchestrator.domain.lane import LaneCalls, WriteLimit
from orchestrator.store.work.fair_queue import Waiting
from orchestrator.throttle.adaptation import counted_at, share_at
from orchestrator.throttle.forecast import LanePace, pace_of
from orchestrator.usecases.jobs.explain_waiting import Surroundings
from orchestrator.usecases.jobs.forecast_job import LanesSeen, finish_time, lanes_seen


@dataclass(frozen=True, slots=True)
class WaitingJob:
    """A job that shares the lane: its calls that are still to be made, and its forecast end, if it has one."""

    id: JobId
    name: str | None
    priority: Priority
    waiting: int
    estimated_finish_at: datetime | None


@dataclass(frozen=True, slots=True)
class LaneView:
    """One lane as people see it.

    `in_use` counts the calls granted in the last window; `learned_share` is the share of the limit that is used at
    present, 1 where no call was refused lately.
    """

    key: LaneKey
    tenants: tuple[str, ...]
    limit: WriteLimit | None
    in_use: int | None
    learned_share: float
    pace: LanePace
    closed_until: datetime | None
    last_hour: LaneCalls
    waiting: tuple[WaitingJob, ...]

    @property
    def per_second(self) -> float | None:
        """Calls a second that the lane makes while it is open; None where nothing paces it."""
        return self.pace.per_second


async def list_lanes(app: App, seen: LanesSeen | None = None) -> list[LaneView]:
    """Every lane that a tenant in the settings leads to, by the names of its tenants.

    `seen` has the lanes where they were looked at already.
    """
    lanes = sorted({tenant.lane for tenant in app.tenants.values()})
    async with app.store.reading() as tx:
        found = seen or await lanes_seen(tx, lanes)
        last_hour = await tx.lanes.calls_since(found.around.now - timedelta(hours=1))
    here: dict[LaneKey, list[Waiting]] = defaultdict(list)
    for each in found.jobs:
        here[each.lane].append(each)
    names: dict[LaneKey, list[str]] = {lane: [] for lane in lanes}
    for name, tenant in sorted(app.tenants.items()):
        names[tenant.lane].append(name)
    return [
        _view(app, lane, names[lane], found, here[lane], last_hour=last_hour.get(lane, LaneCalls()))
        for lane in sorted(lanes, key=lambda lane: names[lane])
    ]


async def describe_lane(app: App, wanted: str) -> LaneView:
    """The lane of this key, or of the tenant of this name; UnknownLane says which there are."""
    views = await list_lanes(app)
    found = [view for view in views if view.key == wanted or wanted in view.tenants]
    if not found:
        raise UnknownLane(wanted, tuple(name for view in views for name in view.tenants))
    return found[0]


def _view(
    app: App,
    lane: LaneKey,
    tenants: Sequence[str],
    seen: LanesSeen,
    waiting: Sequence[Waiting],
    *,
    last_hour: LaneCalls,
) -> LaneView:
    standing, limit = seen.standings[lane], app.tenants[tenants[0]].write_limit
    window = limit.window.total_seconds() if limit else 0.0
    paced = pace_of(limit, standing.pace, standing.now, seen.rates[lane])
    is_closed = standing.pace.closed_until > standing.now
    return LaneView(
        key=lane,
        tenants=tuple(tenants),
        limit=limit,
        in_use=round(counted_at(standing.pace.learned, standing.now, window)) if limit else None,
        learned_share=share_at(standing.pace.learned, standing.now, window) if limit else 1.0,
        pace=paced,
        closed_until=datetime.fromtimestamp(standing.pace.closed_until, UTC) if is_closed else None,
        last_hour=last_hour,
        waiting=_waiting_in(app, waiting, seen.around, paced),
    )


def _waiting_in(app: App, waiting: Sequence[Waiting], around: Surroundings, pace: LanePace) -> tuple[WaitingJob, ...]:
    """All waiting jobs; one that no process works on delays no other, and has no forecast."""
    worked_on = [each for each in waiting if around.is_worked_on(app, each.number)]
    ends = {
        each.number: finish_time(each, worked_on, pace, around.now)
        for each in waiting
        if around.is_soon_worked_on(app, each)
    }
    return tuple(WaitingJob(each.id, each.name, each.priority, each.calls, ends.get(each.number)) for each in waiting)
