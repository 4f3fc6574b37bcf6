"""Which jobs somebody wants to see."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.domain.action import Action
from orchestrator.domain.job import JobStatus


@dataclass(frozen=True, slots=True)
class JobFilter:
    """All that is given must fit; `statuses` are the shown ones, `text` is looked for in ids, names and reasons."""

    statuses: tuple[JobStatus, ...] = ()
    action: Action | None = None
    tenant: str | None = None
    submitted_by: str | None = None
    schedule: str | None = None
    text: str | None = None


EVERY_JOB = JobFilter()
