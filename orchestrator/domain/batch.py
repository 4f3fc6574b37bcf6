"""A slice of a job's targets that one worker takes at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

BATCH_SIZE = 500
"""Targets in a batch: few enough to be taken, tallied and handed back in one write."""


def split(targets: Sequence[T], size: int = BATCH_SIZE) -> list[Sequence[T]]:
    """Targets into batches of at most `size`, in order."""
    return [targets[start : start + size] for start in range(0, len(targets), size)]
