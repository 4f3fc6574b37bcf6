"""The runs of the next hours on one time axis: places in percent of the width; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from orchestrator.domain.spans import span
from orchestrator.domain.zones import instant_at, wall_at
from orchestrator.usecases.operations.describe_overview import AHEAD, PlannedRun, PlannedSchedule

_STEP_HOURS = 2
_TOLD = 8
"""Runs of a schedule that are listed; the others are counted."""

_LAST_LABEL = 80.0
"""Percent of the width: a label that begins behind it is written to the left of its run."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the axis with its label; `is_midnight` begins another day."""

    x: float
    label: str
    is_midnight: bool


@dataclass(frozen=True, slots=True)
class DrawnRun:
    """One run: the calls of it from `x` on, its window behind them, and what is written beside it."""

    x: float
    width: float
    window: float
    label: str
    is_left: bool
    is_marked: bool
    words: str


@dataclass(frozen=True, slots=True)
class DrawnSchedule:
    """One row of the axis; `words` says the same to a screen reader.

    `strokes` are the runs of a schedule that has many, as paths in a drawing 100 wide and 1 high, with their class.
    """

    name: str
    devices: int
    runs: tuple[DrawnRun, ...]
    blackouts: tuple[tuple[float, float, str], ...]
    first_at: datetime
    words: str
    strokes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """The lines of the axis and its rows."""

    ticks: tuple[Tick, ...]
    rows: tuple[DrawnSchedule, ...]
    runs: int
    devices: int


def draw_axis(plan: Sequence[PlannedSchedule], now: datetime, zone: ZoneInfo) -> TimeAxis:
    """The axis from now on, by the clock of `zone`."""
    rows = tuple(_row(schedule, now, zone) for schedule in plan)
    return TimeAxis(
        ticks=tuple(_ticks(now, zone)),
        rows=rows,
        runs=sum(len(schedule.runs) for schedule in plan),
        devices=sum(schedule.devices * len(schedule.runs) for schedule in plan),
    )


def _ticks(now: datetime, zone: ZoneInfo) -> Iterator[Tick]:
    wall = wall_at(now, zone).replace(minute=0, second=0, microsecond=0)
    wall += timedelta(hours=_STEP_HOURS - wall.hour % _STEP_HOURS)
    while (at := instant_at(wall, zone)) < now + AHEAD:
        is_midnight = wall.hour == 0
        # The first label is "Now": another one too near would stand in it.
        if _x(at, now) > 5:
            label = f"{wall:%a} {wall.day} {wall:%b}" if is_midnight else f"{wall:%H:%M}"
            yield Tick(_x(at, now), label, is_midnight)
        wall += timedelta(hours=_STEP_HOURS)


def _row(schedule: PlannedSchedule, now: datetime, zone: ZoneInfo) -> DrawnSchedule:
    names_each = len(schedule.runs) <= 2
    runs = [
        _run(run, now, zone, is_named=names_each or not place, is_frequent=schedule.is_frequent)
        for place, run in enumerate(schedule.runs)
    ]
    dark = [(_x(begin, now), _x(end, now) - _x(begin, now), words) for begin, end, words in schedule.blackouts]
    told = [run.words for run in runs[:_TOLD]]
    more = [f"and {len(runs) - _TOLD} more"] if len(runs) > _TOLD else []
    words = "; ".join([*told, *more, *(f"blackout: {why}" for _, _, why in dark)])
    drawn = DrawnSchedule(schedule.name, schedule.devices, tuple(runs), tuple(dark), schedule.runs[0].at, words)
    return replace(drawn, runs=(), strokes=tuple(_strokes(runs))) if more else drawn


def _strokes(runs: Sequence[DrawnRun]) -> Iterator[tuple[str, str]]:
    for kind, is_marked in (("run", False), ("run marked", True)):
        if path := "".join(f"M{run.x:.1f} 0v1" for run in runs if run.is_marked is is_marked):
            yield kind, path


def _run(run: PlannedRun, now: datetime, zone: ZoneInfo, *, is_named: bool, is_frequent: bool) -> DrawnRun:
    x = _x(run.at, now)
    starts = f"{wall_at(run.at, zone):%H:%M}"
    takes = f", about {span((run.ends_at - run.at).total_seconds())}" if run.ends_at else ""
    window_ends_at = run.window_ends_at if run.window_ends_at and run.window_ends_at < run.at + AHEAD else None
    until = f", until {wall_at(window_ends_at, zone):%H:%M}" if window_ends_at else ""
    often = ", and often after it" if is_frequent else ""
    marks = "".join(f"; {mark}" for mark in run.marks)
    return DrawnRun(
        x=x,
        width=0.0 if run.ends_at is None else max(0.0, _x(run.ends_at, now) - x),
        window=0.0 if window_ends_at is None else max(0.0, _x(window_ends_at, now) - x),
        label=f"{starts}{takes}{until}{often}" if is_named else "",
        is_left=x > _LAST_LABEL,
        is_marked=bool(run.marks),
        words=f"{starts}{takes}{until}{marks}",
    )


def _x(at: datetime, now: datetime) -> float:
    return round(min(100.0, max(0.0, 100 * (at - now) / AHEAD)), 2)
