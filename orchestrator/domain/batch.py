"""A slice of a job's targets that one worker takes at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from orchestrator.domain.ids import JobId
from orchestrator.domain.job import Priority

T = TypeVar("T")

BATCH_SIZE = 500
"""Targets in a batch: few enough to be taken, tallied and handed back in one write."""

POISONED_AFTER = 3
"""Deaths without any progress after which a batch goes on one target at a time, to its end."""


NamedBatch = tuple[JobId, int]
"""A batch as messages name it: the job's id, and the number of the batch in it."""


class WaitingBatch(NamedTuple):
    """A batch that is due and that no worker holds, with what decides in which queue it waits."""

    job: JobId
    batch: int
    tenant: str
    priority: Priority


def split(targets: Sequence[T], size: int = BATCH_SIZE) -> list[Sequence[T]]:
    """Targets into batches of at most `size`, in order."""
    return [targets[start : start + size] for start in range(0, len(targets), size)]
