"""Distinct types for what would otherwise all be strings and numbers."""

from __future__ import annotations

import uuid
from typing import NamedTuple, NewType

JobId = NewType("JobId", str)
"""What people and URLs call a job; random, so that a short prefix tells two apart."""

JobNumber = NewType("JobNumber", int)
"""What the tables call a job; grows with the order of submission."""

WorkerId = NewType("WorkerId", str)
"""One running process, never reused: a restarted worker is another holder of leases."""

LaneKey = NewType("LaneKey", str)
"""cloud, tenant id and app id: what Graph counts one write quota for."""


class BatchKey(NamedTuple):
    """One batch: its job and its place in it."""

    job: JobNumber
    batch: int


def client_request_id(job: JobId, line: int, attempt: int) -> str:
    """The GUID sent with one attempt.

    Derived, so that it is fresh for each attempt, needs no column, and can still be named after a crash
    in which the answer was lost.
    """
    return str(uuid.uuid5(_NAMESPACE, f"{job}/{line}/{attempt}"))


_NAMESPACE = uuid.UUID("5f0c9a52-6f0e-4a0e-9c35-4a7b6c1d2e90")
