"""Describe a job with its course and its events from one read, for the live part of its page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestrator.app import App
from orchestrator.domain.audit import AuditEntry
from orchestrator.domain.error_groups import ErrorGroup
from orchestrator.domain.job import Job
from orchestrator.usecases.jobs.describe_job import describe_job
from orchestrator.usecases.jobs.describe_jobs import JobView
from orchestrator.usecases.jobs.list_targets import SORTED_UP_TO
from orchestrator.usecases.jobs.sample_progress import Course, read_course

MOST_FAILURES = 5_000
"""Failures whose times are read; of a job with more these are the first ones of its list."""

_ENTRIES = 20


@dataclass(frozen=True, slots=True)
class JobStanding:
    """A job, its course, its newest audit entries, its retries, and when its devices failed.

    `failures` is empty for a job that is too large to be read at every look.
    """

    view: JobView
    course: Course
    entries: Sequence[AuditEntry]
    retries: Sequence[Job]
    failures: Sequence[tuple[ErrorGroup, datetime]]


async def describe_standing(app: App, wanted: str) -> JobStanding:
    """The job of this id or unambiguous prefix, with everything that its page shows."""
    return await standing_of(app, await describe_job(app, wanted))


async def standing_of(app: App, view: JobView) -> JobStanding:
    """Returns what `describe_standing` does, for a job that was read before."""
    job = view.job
    has_drawing = bool(view.errors) and job.started_at is not None and view.tally.total <= SORTED_UP_TO
    async with app.store.reading() as tx:
        return JobStanding(
            view=view,
            course=await read_course(app, tx, job, view.tally),
            entries=await tx.audit.newest(_ENTRIES, subject=job.id),
            retries=await tx.jobs.by_ids(view.retried_by) if view.retried_by else [],
            failures=await tx.targets.failure_times(job.number, most=MOST_FAILURES) if has_drawing else [],
        )
