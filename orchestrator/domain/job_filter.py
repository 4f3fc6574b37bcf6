"""The filter of a list of jobs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from orchestrator.domain.action import Action
from orchestrator.domain.job import JobStatus

WITH_FAILURES: Literal["finished-with-failures"] = "finished-with-failures"
"""Finished jobs of which a device failed or is uncertain; `finished` has them too."""

Standing = JobStatus | Literal["finished-with-failures"]


@dataclass(frozen=True, slots=True)
class JobFilter:
    """All that is given must fit; `statuses` are the shown ones, `text` is looked for in ids, names and reasons.

    The job was submitted at or after `since`, and before `until`.
    """

    statuses: tuple[Standing, ...] = ()
    action: Action | None = None
    tenants: tuple[str, ...] = ()
    submitted_by: str | None = None
    schedule: str | None = None
    text: str | None = None
    since: datetime | None = None
    until: datetime | None = None


EVERY_JOB = JobFilter()
