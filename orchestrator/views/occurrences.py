"""Occurrences of schedules as they are shown: those to come, and those that are past."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import TypedDict

from orchestrator.domain.figures import rfc3339, utc_second
from orchestrator.domain.schedule import OccurrenceStatus
from orchestrator.domain.zones import zone_of

if TYPE_CHECKING:
    from orchestrator.domain.schedule import Schedule
    from orchestrator.store.schedules.occurrences import OccurrenceFacts
    from orchestrator.usecases.schedules.describe_schedules import OccurrenceView


class NextOccurrence(TypedDict):
    """One future occurrence of a schedule, in local time and UTC."""

    local: str
    utc: str
    marks: list[str]


class PastOccurrence(TypedDict):
    """The result of one occurrence; the row may stand for `more` like it."""

    local: str
    utc: str
    status: OccurrenceStatus
    job: str | None
    listVersion: int | None
    reason: str | None
    by: str | None
    more: int
    decidedAt: str


def occurrence_object(view: OccurrenceView) -> NextOccurrence:
    """Returns an occurrence to come as it is shown."""
    return {"local": view.local.isoformat(timespec="seconds"), "utc": utc_second(view.at), "marks": list(view.marks)}


def history_object(occurrence: OccurrenceFacts, schedule: Schedule) -> PastOccurrence:
    """Returns a past occurrence as it is shown."""
    try:
        local = occurrence.at.astimezone(zone_of(schedule.recurrence.timezone)).isoformat(timespec="seconds")
    except Exception:  # noqa: BLE001 - the zone may be gone, and the history must be readable all the same
        local = utc_second(occurrence.at)
    return {
        "local": local,
        "utc": utc_second(occurrence.at),
        "status": occurrence.status,
        "job": occurrence.job,
        "listVersion": occurrence.list_version,
        "reason": occurrence.reason or (f"by {occurrence.by}" if occurrence.by else None),
        "by": occurrence.by,
        "more": occurrence.more,
        "decidedAt": rfc3339(occurrence.decided_at),
    }
