"""Moments that have come become nothing, because a person paused or changed the schedule meanwhile."""

from __future__ import annotations

import asyncio
from datetime import datetime

from orchestrator.domain.due import Come, come
from orchestrator.domain.errors import UnknownZone
from orchestrator.domain.schedule import MomentStatus, Schedule
from orchestrator.store.database import Transaction
from orchestrator.store.moments import MomentFacts


async def pass_over(tx: Transaction, schedule: Schedule, reason: str, *, now: datetime) -> datetime | None:
    """Write down for this reason what has come since the last decision; the next moment, if there is one."""
    if schedule.next_at is None:
        return None
    try:
        # Years of minutes take seconds to count, and calls must go on meanwhile.
        passed = await asyncio.to_thread(come, schedule, schedule.next_at, now)
    except UnknownZone:
        # An update may have taken the zone, and nobody knows any more what else has come.
        passed = Come([schedule.next_at], 0, None)
    rows = [MomentFacts(schedule.number, at, MomentStatus.SKIPPED, reason, now) for at in passed.moments]
    if passed.dropped:
        words = f"{reason}, for this and {passed.dropped - 1:,} moments after it"
        more = passed.dropped - 1
        rows.insert(0, MomentFacts(schedule.number, schedule.next_at, MomentStatus.SKIPPED, words, now, more=more))
    await tx.moments.note(rows)
    return passed.next_at
