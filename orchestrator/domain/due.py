"""Decide whether a due occurrence starts, waits or is skipped; pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from orchestrator.domain.blackout import Blackout, blackout_at, next_blackout
from orchestrator.domain.ids import JobId
from orchestrator.domain.recurrence import Every
from orchestrator.domain.schedule import OccurrenceStatus, Overlap, Schedule
from orchestrator.domain.spans import span
from orchestrator.domain.zones import instant_at, wall_at, zone_of


@dataclass(frozen=True, slots=True)
class StartWindow:
    """How long calls may start, and the words for why no longer."""

    ends: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Start:
    """The occurrence becomes a job, within its window; `cancels` is the job that makes room for it."""

    window: StartWindow | None
    cancels: JobId | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """The occurrence waits for the last job to end."""

    reason: str


@dataclass(frozen=True, slots=True)
class Skip:
    """The occurrence becomes no job, for this reason."""

    status: OccurrenceStatus
    reason: str


Decision = Start | Wait | Skip


def decide(
    schedule: Schedule,
    occurrence: datetime,
    *,
    now: datetime,
    blackouts: tuple[Blackout, ...],
    running: JobId | None,
    another_waits: bool = False,
    has_waited: bool = False,
    clock_since: datetime | None = None,
    halted: str | None = None,
) -> Decision:
    """Decides about a due occurrence; `running` is the schedule's last job where it has not ended.

    `clock_since` is when the clock began that has been running longest, None where no clock is known. `halted` is the
    sentence of the emergency stop that covers the schedule's tenant.
    """
    if halted is not None:
        return Skip(OccurrenceStatus.SKIPPED, halted)
    zone = zone_of(schedule.recurrence.timezone)
    rules = schedule.rules
    dark = blackout_at(occurrence, blackouts, zone) or blackout_at(now, blackouts, zone)
    if dark is not None:
        return Skip(OccurrenceStatus.BLACKOUT, f"a blackout: {dark.words}")
    late = now - occurrence - schedule.jitter_at(occurrence)
    if late > rules.start_within and not has_waited:
        limit = span(rules.start_within.total_seconds())
        why = missed_words(occurrence + schedule.jitter_at(occurrence), clock_since)
        words = f"{why}: noticed {span(late.total_seconds())} late, and it starts within {limit} or not at all"
        return Skip(OccurrenceStatus.MISSED, words)
    window = window_of(schedule, occurrence, blackouts)
    if window is not None and window.ends <= now:
        return Skip(OccurrenceStatus.MISSED, f"too late: {window.reason}")
    if running is None:
        return Start(window)
    match rules.overlap:
        case Overlap.CANCEL:
            return Start(window, cancels=running)
        case Overlap.QUEUE if not another_waits:
            return Wait(f"waits for job {running} to end")
        case Overlap.QUEUE:
            return Skip(OccurrenceStatus.SKIPPED, f"job {running} has not ended, and an earlier one waits already")
        case _:
            return Skip(OccurrenceStatus.SKIPPED, f"job {running} has not ended")


def missed_words(due_at: datetime, clock_since: datetime | None) -> str:
    """Returns why no clock noticed a due occurrence in time, in words."""
    if clock_since is not None and clock_since <= due_at:
        return "a clock was running and was late (busy, asleep with its machine, or without the database)"
    return "no clock was running when it was due"


@dataclass(frozen=True, slots=True)
class DueOccurrences:
    """The occurrences of a schedule since the last look, oldest first; `dropped` older ones are counted."""

    occurrences: list[datetime]
    dropped: int
    next_at: datetime | None


def due_occurrences(schedule: Schedule, first: datetime, now: datetime) -> DueOccurrences:
    """Returns the occurrences due since `first`, the first one that nothing was decided for yet."""
    if first + schedule.jitter_at(first) > now:
        return DueOccurrences([], 0, first)
    occurrences: deque[datetime] = deque([first], maxlen=MOST_ROWS)
    count, next_at, after = 1, None, first
    if isinstance(schedule.recurrence, Every):
        interval = schedule.recurrence.interval
        skipped = max(0, (now - first - schedule.rules.jitter) // interval - MOST_ROWS - 1)
        count, after = count + skipped, first + skipped * interval
    for occurrence in schedule.recurrence.occurrences(after):
        if occurrence.at + schedule.jitter_at(occurrence.at) > now:
            next_at = occurrence.at
            break
        occurrences.append(occurrence.at)
        count += 1
    return DueOccurrences(list(occurrences), count - len(occurrences), next_at)


def window_of(schedule: Schedule, occurrence: datetime, blackouts: tuple[Blackout, ...]) -> StartWindow | None:
    """Until when calls of a job of this occurrence may start; a blackout ends it as `--until` does. None for no end."""
    zone = zone_of(schedule.recurrence.timezone)
    window = None
    if schedule.rules.until is not None:
        until = schedule.rules.until
        wall = datetime.combine(wall_at(occurrence, zone), until)
        ends = instant_at(wall, zone)
        while ends <= occurrence:
            wall += timedelta(days=1)
            ends = instant_at(wall, zone)
        window = StartWindow(ends, f"its window ended at {clock_time(until)} ({schedule.recurrence.timezone})")
    horizon = window.ends if window is not None else occurrence + _LONGEST_JOB
    dark = next_blackout(occurrence, horizon, blackouts, zone)
    if dark is not None:
        return StartWindow(dark[0], f"a blackout began: {dark[1].words}")
    return window


def clock_time(until: time) -> str:
    """A time of day as people write it."""
    return f"{until:%H:%M:%S}" if until.second else f"{until:%H:%M}"


MOST_ROWS = 1000
"""Occurrences that are written down one by one when clocks stood still; of older ones, one row says how many."""

_LONGEST_JOB = timedelta(days=30)
