"""The list of jobs in groups: what needs attention, what is under way, then days with scheduled runs folded; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from orchestrator.domain.ids import JobId
from orchestrator.domain.job import JobStatus
from orchestrator.usecases.jobs.describe_jobs import JobView

_UNDER_WAY = frozenset({JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.PAUSING, JobStatus.CANCELLING})


@dataclass(frozen=True, slots=True)
class ScheduledRuns:
    """The runs of one schedule on one day, newest first; shown as one row that opens."""

    schedule: str
    views: tuple[JobView, ...]

    @property
    def failed(self) -> int:
        """Failed devices of all these runs."""
        return sum(view.tally.failed for view in self.views)


@dataclass(frozen=True, slots=True)
class JobGroup:
    """Some rows under one heading."""

    title: str
    key: str
    rows: tuple[JobView | ScheduledRuns, ...]
    jobs: int


def grouped(views: Sequence[JobView], urgent: Collection[JobId], now: datetime, zone: ZoneInfo) -> list[JobGroup]:
    """The jobs in groups, each job in one of them; `urgent` are the ids of those that need attention."""
    first = [view for view in views if view.job.id in urgent]
    moving = [view for view in views if view.job.id not in urgent and view.status in _UNDER_WAY]
    rest = [view for view in views if view.job.id not in urgent and view.status not in _UNDER_WAY]
    groups = [_plain("Needs attention", "attention", first), _plain("Running and waiting", "moving", moving)]
    today = now.astimezone(zone).date()
    for day, found in groupby(rest, key=lambda view: view.job.submitted_at.astimezone(zone).date()):
        jobs = list(found)
        groups.append(JobGroup(_day_words(day, today), f"day-{day}", tuple(_folded(jobs)), len(jobs)))
    return [group for group in groups if group.rows]


def duration(view: JobView, now: datetime) -> float | None:
    """Seconds from a job's start to its end, or to now while it runs; None where it never started, or rests."""
    begin = view.job.started_at
    if begin is None:
        return None
    if view.job.finished_at is not None:
        return max(0.0, (view.job.finished_at - begin).total_seconds())
    return (now - begin).total_seconds() if view.status in _UNDER_WAY else None


def rate(view: JobView, now: datetime) -> float | None:
    """Devices a second over the whole run; None where that says nothing."""
    seconds = duration(view, now)
    return view.tally.called / seconds if seconds and seconds >= 1 and view.tally.called else None


def _plain(title: str, key: str, views: Sequence[JobView]) -> JobGroup:
    return JobGroup(title, key, tuple(views), len(views))


def _folded(views: Sequence[JobView]) -> Iterator[JobView | ScheduledRuns]:
    runs: dict[str, list[JobView]] = {}
    for view in views:
        if view.job.schedule is not None:
            runs.setdefault(view.job.schedule, []).append(view)
    for view in views:
        name = view.job.schedule
        if name is None or len(runs[name]) == 1:
            yield view
        elif runs[name][0] is view:
            yield ScheduledRuns(name, tuple(runs[name]))


def _day_words(day: date, today: date) -> str:
    if day == today:
        return "Today"
    if day == today - timedelta(days=1):
        return "Yesterday"
    return f"{day:%A}, {day.day} {day:%B}" + ("" if day.year == today.year else f" {day.year}")
