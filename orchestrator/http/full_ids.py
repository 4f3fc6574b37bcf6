"""The id of a job in the address of a change: over HTTP it is the whole one."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from orchestrator.domain.errors import IdNotFull
from orchestrator.domain.ids import is_full_id


def _full_id(job_id: str) -> str:
    if not is_full_id(job_id):
        raise IdNotFull(job_id)
    return job_id


FullJobId = Annotated[str, Depends(_full_id)]
"""The job of a path with `{job_id}`; 404 where it is `latest` or the beginning of an id.

A request that changes something must not depend on which job is the newest when it arrives.
"""
