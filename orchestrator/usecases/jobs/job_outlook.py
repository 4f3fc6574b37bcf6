"""When jobs under way will be done, and what they wait for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestrator.app import App
from orchestrator.domain.ids import JobNumber
from orchestrator.domain.job import Job, Tally
from orchestrator.domain.waiting import WaitingFor
from orchestrator.usecases.jobs.explain_waiting import explain
from orchestrator.usecases.jobs.forecast_job import LanesSeen, finish_time, lane_paces


@dataclass(frozen=True, slots=True)
class JobOutlook:
    """When a job will be done, and what holds it back now."""

    seconds_left: float | None
    finish_at: datetime | None
    waiting_for: WaitingFor | None


def outlooks_of(
    app: App, jobs: Sequence[Job], tallies: Mapping[JobNumber, Tally], beside: LanesSeen
) -> dict[JobNumber, JobOutlook]:
    """When each of the jobs that are under way will be done, where something paces it, and what it waits for."""
    paces = lane_paces(app, beside.standings, beside.rates)
    left = {each.number: each for each in beside.jobs}
    now = beside.around.now
    worked_on = beside.worked_on(app)
    found: dict[JobNumber, JobOutlook] = {}
    for job in jobs:
        if (own := left.get(job.number)) is None:
            continue
        standing = beside.standings.get(job.lane)
        cause = explain(app, job, tallies[job.number], own, standing=standing, around=beside.around)
        is_open_ended = cause is not None and cause.kind.has_no_forecast
        at = None
        if job.lane in paces and not is_open_ended:
            at = finish_time(own, worked_on, paces[job.lane], now)
        found[job.number] = JobOutlook(None if at is None else (at - now).total_seconds(), at, cause)
    return found
