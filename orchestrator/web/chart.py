"""The rate of a job over time against its limit, as the lines of a drawing; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from orchestrator.store.samples import Sample

WIDTH, HEIGHT = 720, 160
_MOST_POINTS = 120


@dataclass(frozen=True, slots=True)
class Chart:
    """`line` and `area` are points of a polyline; `limit_at` is how high the limit is drawn, if there is one."""

    line: str
    area: str
    top: float
    limit: float | None
    limit_at: float | None
    begins_at: datetime
    ends_at: datetime
    highest: float
    latest: float


def rates(samples: Sequence[Sample]) -> list[tuple[datetime, float]]:
    """Devices a second between each two samples, at the end of the span; long stories are told in fewer points."""
    step = max(1, -(-len(samples) // _MOST_POINTS))
    thinned = [*samples[::step]]
    if samples and thinned[-1] is not samples[-1]:
        thinned.append(samples[-1])
    found = []
    for earlier, later in pairwise(thinned):
        seconds = (later.at - earlier.at).total_seconds()
        if seconds > 0:
            found.append((later.at, max(0, later.settled - earlier.settled) / seconds))
    return found


def draw(samples: Sequence[Sample], *, limit: float | None) -> Chart | None:
    """The drawing, None where there is too little to draw."""
    points = rates(samples)
    if len(points) < 2:
        return None
    begins_at, ends_at = samples[0].at, points[-1][0]
    highest = max(rate for _, rate in points)
    top = _round_up(max(highest, (limit or 0) * 1.15, 1.0))
    width = max((ends_at - begins_at) / timedelta(seconds=1), 1.0)

    def place(at: datetime, rate: float) -> str:
        return f"{WIDTH * (at - begins_at).total_seconds() / width:.1f},{HEIGHT - HEIGHT * rate / top:.1f}"

    line = " ".join(place(at, rate) for at, rate in points)
    first = WIDTH * (points[0][0] - begins_at).total_seconds() / width
    return Chart(
        line=line,
        area=f"{first:.1f},{HEIGHT} {line} {WIDTH},{HEIGHT}",
        top=top,
        limit=limit,
        limit_at=None if limit is None else round(HEIGHT - HEIGHT * limit / top, 1),
        begins_at=begins_at,
        ends_at=ends_at,
        highest=highest,
        latest=points[-1][1],
    )


def _round_up(value: float) -> float:
    """The next number that looks well on an axis."""
    size = 1.0
    while size * 10 < value:
        size *= 10
    return next(size * step for step in (1, 1.5, 2, 3, 4, 5, 7.5, 10) if size * step >= value)
