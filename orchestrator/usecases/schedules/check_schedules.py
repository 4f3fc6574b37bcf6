"""Checks of schedules: none is set aside, a clock runs, their lists exist, and channels take the notices."""

from __future__ import annotations

from datetime import timedelta

from orchestrator.app import App
from orchestrator.domain.figures import plural
from orchestrator.domain.notice import NoticeStatus
from orchestrator.domain.schedule import ScheduleStatus
from orchestrator.usecases.operations.check_health import Check
from orchestrator.usecases.operations.live_processes import has_clock

_RECENTLY = timedelta(days=1)


async def check_schedules(app: App) -> list[Check]:
    """One check for each that concerns this installation; none of them keeps jobs from running."""
    async with app.store.reading() as tx:
        statuses = await tx.schedules.statuses()
        without_list = await tx.schedules.names_without_list()
        since = await tx.now() - _RECENTLY
        failed = await tx.notices.newest(limit=100, statuses=(NoticeStatus.FAILED,))
    checks = []
    if ScheduleStatus.ACTIVE in statuses.values():
        mend = "Start `muster serve`, or with a broker `muster clock`: without one no schedule fires."
        up = await has_clock(app)
        detail = "a process starts the runs" if up else "no process starts the runs"
        checks.append(Check("clock", ok=up, detail=detail, mend=mend, is_needed=False))
    if statuses:
        bad = sorted(name for name, status in statuses.items() if status is ScheduleStatus.SET_ASIDE)
        detail = f"set aside: {', '.join(bad)}" if bad else f"{plural(len(statuses), 'schedule')}, none set aside"
        mend = "`muster schedule show NAME` says why; then `muster schedule resume NAME`."
        checks.append(Check("schedules", ok=not bad, detail=detail, mend=mend, is_needed=False))
    if without_list:
        detail = f"the list is not there that is named by {', '.join(without_list)}"
        mend = "Import the list again (`muster list import`), or `muster schedule change NAME --list …`."
        checks.append(Check("lists of schedules", ok=False, detail=detail, mend=mend, is_needed=False))
    if app.messenger.channels:
        lost = sorted({each.channel for each in failed if each.created_at >= since})
        detail = f"not taken by {', '.join(lost)}" if lost else f"{len(app.messenger.channels)} channels"
        mend = "`muster notify log` says why, `muster notify test` tries again."
        checks.append(Check("notifications", ok=not lost, detail=detail, mend=mend, is_needed=False))
    return checks
