"""Describe the installation for the overview and `muster status`: attention items, running jobs and next runs."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.app import App
from orchestrator.domain.attention import AttentionItem
from orchestrator.domain.schedule import Schedule
from orchestrator.usecases.jobs.describe_jobs import JobView, list_running
from orchestrator.usecases.jobs.forecast_job import LanesSeen
from orchestrator.usecases.operations.list_attention import MOST_RUNNING, attention_of
from orchestrator.usecases.schedules.describe_schedules import ScheduleView, next_runs

NEXT_RUNS = 10


@dataclass(frozen=True, slots=True)
class StatusView:
    """The items that need attention, the jobs under way (the newest first), and the schedules that are due next.

    `more_upcoming` counts the active schedules beyond those.
    """

    attention: tuple[AttentionItem, ...]
    running: tuple[JobView, ...]
    upcoming: tuple[ScheduleView, ...]
    more_upcoming: int = 0

    @property
    def is_well(self) -> bool:
        """Whether nothing needs attention."""
        return not self.attention


async def describe_status(app: App) -> StatusView:
    """Returns the status of the installation; the number of statements does not grow with its jobs."""
    return (await describe_status_and_lanes(app))[0]


async def describe_status_and_lanes(app: App) -> tuple[StatusView, LanesSeen]:
    """Returns the status, and the lanes that were read for it."""
    running, lanes = await list_running(app, limit=MOST_RUNNING)
    async with app.store.reading() as tx:
        stored = await tx.schedules.all_as_stored()
        attention = await attention_of(app, tx, running, stored)
        upcoming = await next_runs(app, tx, stored, lanes, limit=NEXT_RUNS)
    active = sum(isinstance(each, Schedule) and each.is_due for each in stored)
    more = max(0, active - NEXT_RUNS)
    return StatusView(tuple(attention), tuple(running), tuple(upcoming), more), lanes
