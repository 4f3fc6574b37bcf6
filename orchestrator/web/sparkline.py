"""The failures of one error group over the time of a job, as the bars of a small drawing; pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from orchestrator.domain.error_groups import ErrorGroup

BUCKETS = 40
HEIGHT = 20
_LEAST = 2.0


class Bar(NamedTuple):
    """One bar, in a drawing of BUCKETS by HEIGHT."""

    x: int
    y: float
    height: float
    failures: int


def sparklines(
    failures: Iterable[tuple[ErrorGroup, datetime]], begins_at: datetime, ends_at: datetime
) -> Mapping[ErrorGroup, list[Bar]]:
    """The bars of each group, each to the scale of its own group; a bucket without a failure has no bar."""
    seconds = max((ends_at - begins_at).total_seconds(), 1.0)
    counts: defaultdict[ErrorGroup, Counter[int]] = defaultdict(Counter)
    for group, at in failures:
        place = int(BUCKETS * (at - begins_at).total_seconds() / seconds)
        counts[group][min(BUCKETS - 1, max(0, place))] += 1
    return {group: _bars(found) for group, found in counts.items()}


def _bars(counts: Counter[int]) -> list[Bar]:
    highest = max(counts.values())
    heights = {place: max(_LEAST, HEIGHT * count / highest) for place, count in counts.items()}
    return [
        Bar(place, round(HEIGHT - height, 1), round(height, 1), counts[place])
        for place, height in sorted(heights.items())
    ]
