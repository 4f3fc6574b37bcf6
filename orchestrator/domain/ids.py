"""Distinct types for what would otherwise all be strings and numbers."""

from __future__ import annotations

import hashlib
import re
import uuid
from typing import NamedTuple, NewType

JobId = NewType("JobId", str)
"""The id of a job for people and URLs; random, so that a short prefix distinguishes two."""

JobNumber = NewType("JobNumber", int)
"""The key of a job in the tables; it grows with the order of submission."""

WorkerId = NewType("WorkerId", str)
"""One running process, never reused: a restarted worker is another holder of leases."""

LaneKey = NewType("LaneKey", str)
"""cloud, tenant id and app id: what Graph counts one write quota for."""

ScheduleNumber = NewType("ScheduleNumber", int)
"""The key of a schedule in the tables; the name of a removed schedule may be used again."""

ListNumber = NewType("ListNumber", int)
"""The key of a saved list in the tables."""


InventoryNumber = NewType("InventoryNumber", int)
"""The key of one inventory in the tables."""


class BatchKey(NamedTuple):
    """One batch: its job and its place in it."""

    job: JobNumber
    batch: int


ID_ALPHABET = "23456789bcdfghjkmnpqrstvwxz"
"""No vowels that spell, no characters that look alike: people read ids out."""

ID_LENGTH = 12


def is_full_id(text: str) -> bool:
    """Whether this may be a whole id, and is neither a beginning of one nor a word such as `latest`."""
    return _COMPLETE.fullmatch(text) is not None


def client_request_id(job: JobId, line: int, attempt: int) -> str:
    """The GUID sent with one attempt.

    Derived, so that it is fresh for each attempt, needs no column, and can still be named after a crash
    in which the answer was lost.
    """
    name = hashlib.sha1(_NAMESPACE + f"{job}/{line}/{attempt}".encode(), usedforsecurity=False).hexdigest()
    # uuid.uuid5 would say the same in three times as long, and this is done for every call.
    variant = _VARIANTS[name[16]]
    return f"{name[:8]}-{name[8:12]}-5{name[13:16]}-{variant}{name[17:20]}-{name[20:32]}"


_COMPLETE = re.compile(f"[{ID_ALPHABET}]{{{ID_LENGTH}}}")
_NAMESPACE = uuid.UUID("5f0c9a52-6f0e-4a0e-9c35-4a7b6c1d2e90").bytes
_VARIANTS = {f"{digit:x}": f"{digit & 3 | 8:x}" for digit in range(16)}
