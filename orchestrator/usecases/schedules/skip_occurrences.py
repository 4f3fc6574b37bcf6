"""Record occurrences as skipped that were due while a person had paused, or before they changed, the schedule."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from orchestrator.domain.due import DueOccurrences, due_occurrences
from orchestrator.domain.errors import UnknownZone
from orchestrator.domain.schedule import OccurrenceStatus, Schedule
from orchestrator.store.engine.database import Transaction
from orchestrator.store.schedules.occurrences import OccurrenceFacts


async def skip_passed(tx: Transaction, schedule: Schedule, reason: str, *, now: datetime) -> datetime | None:
    """Write down for this reason what has come since the last decision; the next occurrence, if there is one."""
    if schedule.next_at is None:
        return None
    try:
        if schedule.next_at_is_lost:
            # Missed occurrences are unknown: one row, dated a second ago, so that an occurrence due now keeps its own.
            next_at = next((each.at for each in schedule.recurrence.occurrences(now)), None)
            lost = f"{reason}; the time of its next run could not be read and was worked out again"
            row = OccurrenceFacts(schedule.number, now - timedelta(seconds=1), OccurrenceStatus.SKIPPED, lost, now)
            await tx.occurrences.add([row])
            return next_at
        # Years of minutes take seconds to count, and calls must go on meanwhile.
        passed = await asyncio.to_thread(due_occurrences, schedule, schedule.next_at, now)
    except UnknownZone:
        # An update may have removed the zone, and then no other occurrence can be computed.
        passed = DueOccurrences([schedule.next_at], 0, None)
    rows = [OccurrenceFacts(schedule.number, at, OccurrenceStatus.SKIPPED, reason, now) for at in passed.occurrences]
    if passed.dropped:
        words = f"{reason}, for this and {passed.dropped - 1:,} occurrences after it"
        more = passed.dropped - 1
        rows.insert(
            0, OccurrenceFacts(schedule.number, schedule.next_at, OccurrenceStatus.SKIPPED, words, now, more=more)
        )
    await tx.occurrences.add(rows)
    return passed.next_at
