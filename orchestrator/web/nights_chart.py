"""The last nights as bars by outcome: places in percent of the width and in pixels of the height; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.domain.nights import Night

HEIGHT = 148
"""Pixels from the baseline to the top of the axis."""

_LEFT, _RIGHT = 10.0, 100.0
_LEAST = 3.0
_PARTS = ("failed", "uncertain", "cancelled", "waiting", "accepted")
"""From the baseline up: failures stand on it, so that nights compare."""

_NOTABLE = 5
"""Percent of failed and uncertain devices from which a bar names the share."""


@dataclass(frozen=True, slots=True)
class Part:
    """One outcome of one night: from `y` down, `height` high."""

    status: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One night: where it stands, what it is made of, and the share to name above it, if any."""

    night: Night
    x: float
    width: float
    parts: tuple[Part, ...]
    share: str
    is_failed: bool
    label: str
    words: str

    @property
    def top(self) -> float:
        """Where its highest part begins."""
        return self.parts[-1].y if self.parts else float(HEIGHT)


@dataclass(frozen=True, slots=True)
class NightsChart:
    """The bars and the lines of the axis, as (y, number of devices)."""

    bars: tuple[Bar, ...]
    lines: tuple[tuple[float, str], ...]
    missed: bool

    @property
    def outcomes(self) -> frozenset[str]:
        """The kinds of parts that any bar has, for the key of the chart."""
        return frozenset(part.status for bar in self.bars for part in bar.parts)


def draw_nights(nights: Sequence[Night]) -> NightsChart | None:
    """The chart; None where no device was called and no run missed in all these nights."""
    if not any(night.tally.total or night.missed for night in nights):
        return None
    top, step = _axis(max(night.tally.total for night in nights))
    width = (_RIGHT - _LEFT) / len(nights)
    bars = [_bar(night, _LEFT + place * width, width, top) for place, night in enumerate(nights)]
    lines = [(HEIGHT - HEIGHT * value / top, _short(value)) for value in range(0, top + 1, step)]
    return NightsChart(tuple(bars), tuple(lines), any(night.missed for night in nights))


def _bar(night: Night, x: float, width: float, top: int) -> Bar:
    tally = night.tally
    y, parts = float(HEIGHT), []
    for status in _PARTS:
        count = tally.waiting + tally.sending if status == "waiting" else getattr(tally, status)
        if count:
            height = max(_LEAST, HEIGHT * count / top)
            y -= height
            parts.append(Part(status, round(y, 1), round(height, 1)))
    bad = tally.failed + tally.uncertain
    share = 100 * bad // tally.called if tally.called else 0
    return Bar(
        night=night,
        x=round(x + width * 0.15, 2),
        width=round(width * 0.7, 2),
        parts=tuple(parts),
        share=f"{share} %" if share >= _NOTABLE else "",
        is_failed=tally.failed >= tally.uncertain,
        label=f"{night.morning.day}",
        words=_words(night),
    )


def _words(night: Night) -> str:
    tally = night.tally
    counts = [f"{getattr(tally, part):,} {part}" for part in ("accepted", "uncertain", "failed", "cancelled")]
    counts.append(f"{tally.waiting + tally.sending:,} not called yet")
    said = ", ".join(count for count in counts if not count.startswith("0 ")) or "no device called"
    lost = f"; missed: {', '.join(night.missed)}" if night.missed else ""
    return f"Night to {night.morning:%a} {night.morning.day} {night.morning:%b}: {said}{lost}"


def _axis(most: int) -> tuple[int, int]:
    """The top of the axis and the step between its lines, in round numbers."""
    size = 1
    while size * 10 < most:
        size *= 10
    step = next((size * part // 10 or 1 for part in (5, 10, 20, 50) if size * part / 10 * 4 >= most), size * 10)
    return max(step, -(-most // step) * step), step


def _short(value: int) -> str:
    return f"{value / 1000:g}k" if value >= 1000 else f"{value}"
