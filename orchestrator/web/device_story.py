"""The history of one device on its page: a sentence, and a cell for each of the last days; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from orchestrator.domain.action import parse_action
from orchestrator.store.jobs.target_lookup import DeviceCall

DAYS = 90
_WORST = ("failed", "uncertain", "cancelled", "sending", "waiting", "accepted")
_UNWELL = ("failed", "uncertain")
_SAID = {
    "accepted": "was accepted",
    "failed": "failed",
    "uncertain": "is uncertain",
    "cancelled": "was cancelled",
    "sending": "is on its way",
    "waiting": "waits",
}


@dataclass(frozen=True, slots=True)
class DayCell:
    """One day: its worst outcome, empty where nothing was asked, and the words for it."""

    day: date
    outcome: str
    words: str


def sentence(calls: Sequence[DeviceCall]) -> tuple[str, str]:
    """How the last action went, and the one before it, or how many before it failed as well."""
    if not calls:
        return "Nothing was asked of this device yet.", ""
    last, *others = calls
    said = f"The last action, {call_words(last).lower()}, {_SAID.get(last.status, last.status)}."
    if not others:
        return said, ""
    alike = sum(1 for _ in takewhile(lambda call: call.status == last.status, others))
    if last.status in _UNWELL and alike > 1:
        return said, f"So did the {alike} before it." if last.status == "failed" else f"So are the {alike} before it."
    return said, f"The one before it {_SAID.get(others[0].status, others[0].status)}."


def call_words(call: DeviceCall) -> str:
    """The plain name of what was asked."""
    action = parse_action(call.action)
    return action.label if action else call.action


def last_days(calls: Sequence[DeviceCall], now: datetime, zone: ZoneInfo) -> list[DayCell]:
    """A cell for each of the last 90 days of the reader's clock, oldest first."""
    today = now.astimezone(zone).date()
    by_day: dict[date, list[DeviceCall]] = {}
    for call in calls:
        by_day.setdefault(call.at.astimezone(zone).date(), []).append(call)
    cells = []
    for back in reversed(range(DAYS)):
        day = today - timedelta(days=back)
        found = by_day.get(day, [])
        worst = min((call.status for call in found), key=_WORST.index, default="")
        counted = f"{len(found)} action{'' if len(found) == 1 else 's'}, worst: {worst}" if found else "nothing asked"
        cells.append(DayCell(day, worst, f"{day.day} {day:%b}: {counted}"))
    return cells
