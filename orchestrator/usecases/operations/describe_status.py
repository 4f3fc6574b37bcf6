"""Is everything fine, what runs and why it waits, and what is next: what the overview and `muster status` show."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.app import App
from orchestrator.domain.attention import AttentionItem
from orchestrator.usecases.jobs.describe_jobs import JobView, list_jobs
from orchestrator.usecases.operations.list_attention import MOST_RUNNING, RUNNING, list_attention
from orchestrator.usecases.schedules.describe_schedules import ScheduleView, next_runs

NEXT_RUNS = 10


@dataclass(frozen=True, slots=True)
class StatusView:
    """The items that need attention, the jobs under way (the newest first), and the schedules that are due next."""

    attention: tuple[AttentionItem, ...]
    running: tuple[JobView, ...]
    upcoming: tuple[ScheduleView, ...]

    @property
    def is_well(self) -> bool:
        """Whether nothing needs attention."""
        return not self.attention


async def describe_status(app: App) -> StatusView:
    """How the installation stands; a number of statements that does not grow with its jobs."""
    running = await list_jobs(app, wanted=RUNNING, limit=MOST_RUNNING)
    attention = await list_attention(app, running)
    return StatusView(tuple(attention), tuple(running), tuple(await next_runs(app, limit=NEXT_RUNS)))
