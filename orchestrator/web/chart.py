"""The rate of a job over time against its limit, as the lines of a drawing; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from orchestrator.domain.course import EventKind, Span
from orchestrator.store.jobs.samples import Sample

WIDTH, HEIGHT = 720, 160
_MOST_POINTS = 120
_LONGEST_STEP = 4
"""Times the usual distance between two samples: a longer one was not observed, and is a gap."""

_SHORTEST_STEP = 2.0
"""Seconds: a rate over a shorter span says little."""

_MOST_TICKS = 6
_TICKS = (10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 43_200, 86_400, 172_800, 604_800)
"""Seconds between two times below the axis."""

_AT_REST = frozenset({EventKind.PAUSED, EventKind.BRAKED, EventKind.STOPPED, EventKind.UNREACHABLE})


class Piece(NamedTuple):
    """A span with one rate: devices a second between two samples."""

    begins_at: datetime
    ends_at: datetime
    rate: float
    limit: float | None
    bad: float = 0.0


@dataclass(frozen=True, slots=True)
class Step:
    """One span of the chart for the pointer: where it stands, and the bar of failures in it."""

    piece: Piece
    x: float
    width: float
    bad_y: float
    bad_height: float


@dataclass(frozen=True, slots=True)
class Line:
    """One unbroken part of the curve: the points of its line, and of the area below it."""

    line: str
    area: str


@dataclass(frozen=True, slots=True)
class Band:
    """A span of the chart in which the job rested or Graph was out, from `x` on and `width` wide."""

    kind: EventKind
    x: float
    width: float
    begins_at: datetime
    ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class Chart:
    """The drawing; `latest` is the present rate, None for a job at rest, `limit` the latest limit."""

    lines: tuple[Line, ...]
    steps: tuple[Step, ...]
    ticks: tuple[tuple[float, datetime], ...]
    limits: tuple[str, ...]
    bands: tuple[Band, ...]
    top: float
    limit: float | None
    begins_at: datetime
    middle_at: datetime
    ends_at: datetime
    highest: float
    average: float
    latest: float | None

    def percent(self, at: datetime) -> float:
        """Where a time stands, in percent of the width."""
        width = (self.ends_at - self.begins_at).total_seconds() or 1.0
        return round(min(100.0, max(0.0, 100 * (at - self.begins_at).total_seconds() / width)), 2)


def pieces(samples: Sequence[Sample], spans: Sequence[Span] = ()) -> list[list[Piece]]:
    """The rates between the samples, in unbroken runs; a job at rest has none, and those of a long job are merged."""
    runs: list[list[Piece]] = [[]]
    usual = _usual_step(samples)
    thinned = _thinned(samples)
    step = max(1, -(-len(samples) // _MOST_POINTS))
    for earlier, later in pairwise(thinned):
        seconds = (later.at - earlier.at).total_seconds()
        if seconds <= 0:
            continue
        is_observed = usual is None or seconds <= _LONGEST_STEP * step * usual
        if not is_observed or _rests_between(earlier.at, later.at, spans):
            runs.append([])
            continue
        rate = max(0, later.settled - earlier.settled) / seconds
        bad = max(0, (later.settled - later.accepted) - (earlier.settled - earlier.accepted)) / seconds
        runs[-1].append(Piece(earlier.at, later.at, rate, later.per_second or earlier.per_second, bad))
    return [run for run in runs if run]


def draw(samples: Sequence[Sample], *, spans: Sequence[Span] = (), is_at_rest: bool = False) -> Chart | None:
    """The drawing, None where there is too little to draw."""
    runs = pieces(samples, spans)
    told = [piece for run in runs for piece in run]
    if len(told) < 2:
        return None
    begins_at, ends_at = samples[0].at, samples[-1].at
    highest = max(piece.rate for piece in told)
    limits = [piece.limit for piece in told if piece.limit is not None]
    top = _round_up(max(highest, max(limits, default=0.0) * 1.15, 1.0))
    canvas = _Canvas(begins_at, max((ends_at - begins_at) / timedelta(seconds=1), 1.0), top)
    seconds = sum((piece.ends_at - piece.begins_at).total_seconds() for piece in told)
    done = sum(piece.rate * (piece.ends_at - piece.begins_at).total_seconds() for piece in told)
    return Chart(
        lines=tuple(map(canvas.line, runs)),
        steps=tuple(map(canvas.step, told)),
        ticks=tuple(canvas.ticks(ends_at)),
        limits=tuple(canvas.limits(runs)),
        bands=tuple(canvas.band(span, ends_at) for span in spans if span.begins_at < ends_at),
        top=top,
        limit=limits[-1] if limits else None,
        begins_at=begins_at,
        middle_at=begins_at + (ends_at - begins_at) / 2,
        ends_at=ends_at,
        highest=highest,
        average=done / seconds,
        latest=None if is_at_rest else told[-1].rate,
    )


@dataclass(frozen=True, slots=True)
class _Canvas:
    """Where a time and a rate are drawn."""

    begins_at: datetime
    seconds: float
    top: float

    def x(self, at: datetime) -> float:
        return min(WIDTH, max(0.0, WIDTH * (at - self.begins_at).total_seconds() / self.seconds))

    def place(self, at: datetime, rate: float) -> str:
        return f"{self.x(at):.1f},{HEIGHT - HEIGHT * rate / self.top:.1f}"

    def step(self, piece: Piece) -> Step:
        x, height = self.x(piece.begins_at), HEIGHT * piece.bad / self.top
        height = max(2.0, height) if piece.bad else 0.0
        width = max(1.0, self.x(piece.ends_at) - x)
        return Step(piece, round(x, 1), round(width, 1), round(HEIGHT - height, 1), round(height, 1))

    def ticks(self, ends_at: datetime) -> Iterator[tuple[float, datetime]]:
        """The times that are written below the axis, in percent of the width: round ones, six at most."""
        step = next((step for step in _TICKS if self.seconds / step <= _MOST_TICKS), _TICKS[-1])
        at = datetime.fromtimestamp(-(-self.begins_at.timestamp() // step) * step, UTC)
        while at <= ends_at:
            yield round(100 * self.x(at) / WIDTH, 2), at
            at += timedelta(seconds=step)

    def line(self, run: Sequence[Piece]) -> Line:
        points = [self.place(run[0].begins_at, run[0].rate), *(self.place(each.ends_at, each.rate) for each in run)]
        begin, end = self.x(run[0].begins_at), self.x(run[-1].ends_at)
        line = " ".join(points)
        return Line(line, f"{begin:.1f},{HEIGHT} {line} {end:.1f},{HEIGHT}")

    def limits(self, runs: Sequence[Sequence[Piece]]) -> list[str]:
        found: list[str] = []
        for run in runs:
            points: list[str] = []
            for piece in run:
                if piece.limit is not None:
                    points += [self.place(piece.begins_at, piece.limit), self.place(piece.ends_at, piece.limit)]
            if points:
                found.append(" ".join(points))
        return found

    def band(self, span: Span, ends_at: datetime) -> Band:
        begin = self.x(span.begins_at)
        width = max(2.0, self.x(span.ends_at or ends_at) - begin)
        return Band(span.kind, round(min(begin, WIDTH - width), 1), round(width, 1), span.begins_at, span.ends_at)


def _thinned(samples: Sequence[Sample]) -> list[Sample]:
    step = max(1, -(-len(samples) // _MOST_POINTS))
    thinned: list[Sample] = []
    for sample in samples[::step]:
        if not thinned or (sample.at - thinned[-1].at).total_seconds() >= _SHORTEST_STEP:
            thinned.append(sample)
    if samples and thinned[-1] is not samples[-1]:
        if len(thinned) > 1 and (samples[-1].at - thinned[-1].at).total_seconds() < _SHORTEST_STEP:
            thinned.pop()
        thinned.append(samples[-1])
    return thinned


def _usual_step(samples: Sequence[Sample]) -> float | None:
    """The usual distance between two samples in seconds; None where there are too few to tell."""
    steps = [(later.at - earlier.at).total_seconds() for earlier, later in pairwise(samples)]
    return median(steps) if len(steps) >= 3 else None


def _rests_between(earlier: datetime, later: datetime, spans: Sequence[Span]) -> bool:
    """Whether the job was at rest at any time between these times."""
    return any(
        span.kind in _AT_REST and span.begins_at < later and (span.ends_at is None or span.ends_at > earlier)
        for span in spans
    )


def _round_up(value: float) -> float:
    """The next number that looks well on an axis."""
    size = 1.0
    while size * 10 < value:
        size *= 10
    return next(size * step for step in (1, 1.5, 2, 3, 4, 5, 7.5, 10) if size * step >= value)
