"""The runs that calendars show, past and to come; and the strip of the last runs of a schedule; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from zoneinfo import ZoneInfo

from orchestrator.domain.schedule import OccurrenceStatus
from orchestrator.usecases.schedules.describe_schedules import OccurrenceView
from orchestrator.usecases.schedules.past_runs import PastRun
from orchestrator.web.calendar import PLANNED, CalendarRun
from orchestrator.web.formatting import standing

STRIP = 14
"""Runs that the strip of a schedule shows."""


def ended(run: PastRun) -> tuple[str, str]:
    """How a run ended, as the kind of a badge and in words."""
    occurrence = run.occurrence
    if run.job is not None:
        return standing(run.job.status, run.job.tally)
    kind = "waiting" if occurrence.status.is_open else occurrence.status.value
    reason = occurrence.reason or ""
    if occurrence.status is OccurrenceStatus.STARTED:
        return "finished", "Started; its job was removed"
    return kind, f"{kind.capitalize()}: {reason}" if reason else kind.capitalize()


def past(runs: Iterable[PastRun], names: dict[int, str]) -> list[CalendarRun]:
    """Past runs, each with its result; `names` has the schedules by their numbers."""
    return [
        CalendarRun(run.occurrence.at, names.get(run.occurrence.schedule, ""), *ended(run), run.occurrence.job)
        for run in runs
    ]


def planned(runs: Iterable[OccurrenceView], name: str = "") -> list[CalendarRun]:
    """Runs to come, with what is not as on other days."""
    return [CalendarRun(run.at, name, _planned_kind(run), "; ".join(run.marks) or "Planned") for run in runs]


def _planned_kind(run: OccurrenceView) -> str:
    if any(mark.startswith("blackout") for mark in run.marks):
        return "blackout"
    return "marked" if run.marks else PLANNED


def strip(runs: Sequence[PastRun], zone: ZoneInfo) -> list[tuple[str, str]]:
    """The last runs of one schedule, the oldest first, as (kind, words); times are the reader's."""
    return [
        (kind, f"{run.occurrence.at.astimezone(zone):%Y-%m-%d %H:%M}: {words}")
        for run in reversed(runs[:STRIP])
        for kind, words in [ended(run)]
    ]
