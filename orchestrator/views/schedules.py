"""Schedules and their occurrences as they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal, cast

from typing_extensions import TypedDict

from orchestrator.domain.action import Action
from orchestrator.domain.device import Via
from orchestrator.domain.figures import rfc3339, utc_second
from orchestrator.domain.inventory import Matching
from orchestrator.domain.job import Priority
from orchestrator.domain.recurrence import Cron, Every, Once
from orchestrator.domain.schedule import OccurrenceStatus, Overlap, ScheduleStatus
from orchestrator.domain.zones import zone_of
from orchestrator.views.blackouts import BlackoutFacts, blackout_object
from orchestrator.views.description import Description

if TYPE_CHECKING:
    from orchestrator.domain.schedule import Rules, Schedule
    from orchestrator.domain.selection import Selection
    from orchestrator.store.jobs.saved_lists import ListVersion
    from orchestrator.store.schedules.occurrences import OccurrenceFacts
    from orchestrator.usecases.schedules.describe_schedules import OccurrenceView, ScheduleView


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


class RulesFacts(TypedDict):
    """The rules of a schedule for its occurrences."""

    startWithinSeconds: float
    overlap: Overlap
    until: str | None
    carryOver: bool
    jitterSeconds: float
    toleratePercent: int


class SourceFacts(TypedDict):
    """The selection that each run of a schedule expands anew."""

    group: str | None
    where: list[str]
    device: list[str]
    match: Matching
    prefer: Literal["newest"] | None
    staleOk: bool


class SelectionChange(TypedDict):
    """How an expansion differed from the one before: counts of devices."""

    at: str
    added: int
    removed: int


class ScheduleFacts(TypedDict):
    """A schedule, as `muster schedule show -o json` gives it too."""

    name: str
    status: ScheduleStatus
    reason: str | None
    cron: str | None
    everySeconds: float | None
    at: str | None
    timezone: str
    action: Action
    via: Via
    tenant: str
    priority: Priority
    jobName: str | None
    jobReason: str | None
    list: Annotated[str | None, Description("The saved list; null where a `source` is expanded anew for each run.")]
    source: SourceFacts | None
    change: Annotated[SelectionChange | None, Description("How the last expansion of the source differed.")]
    listVersion: int | None
    devices: int | None
    rules: RulesFacts
    canary: int
    brakeShare: int
    brakeSample: int
    notify: Sequence[str]
    blackouts: Sequence[BlackoutFacts]
    createdBy: str
    createdAt: str
    nextAt: str | None
    next: Sequence[NextOccurrence]
    last: PastOccurrence | None


def schedule_object(view: ScheduleView) -> ScheduleFacts:
    """Returns a schedule as it is shown."""
    schedule, version = view.schedule, view.version
    order, recurrence = schedule.order, schedule.recurrence
    return {
        "name": schedule.name,
        "status": schedule.status,
        "reason": schedule.reason or view.problem,
        "cron": recurrence.expression if isinstance(recurrence, Cron) else None,
        "everySeconds": recurrence.interval.total_seconds() if isinstance(recurrence, Every) else None,
        "at": recurrence.wall.isoformat() if isinstance(recurrence, Once) else None,
        "timezone": recurrence.timezone,
        "action": order.action,
        "via": order.via,
        "tenant": order.tenant,
        "priority": order.priority,
        "jobName": order.name,
        "jobReason": order.reason,
        "list": order.list_name if order.source is None else None,
        "source": None if order.source is None else _source_object(order.source),
        "change": None if order.source is None or version is None else _change_object(version),
        "listVersion": None if version is None else version.version,
        "devices": None if version is None else version.devices,
        "rules": _rules_object(schedule.rules),
        "canary": order.canary,
        "brakeShare": order.brake.share,
        "brakeSample": order.brake.sample,
        "notify": list(schedule.channels),
        "blackouts": [*map(blackout_object, view.blackouts)],
        "createdBy": schedule.created_by,
        "createdAt": rfc3339(schedule.created_at),
        "nextAt": utc_second(view.upcoming[0].at) if view.upcoming else None,
        "next": [occurrence_object(each) for each in view.upcoming],
        "last": None if view.last is None else history_object(view.last, schedule),
    }


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


def _source_object(source: Selection) -> SourceFacts:
    """Returns a selection that each run expands anew, in the words of the options."""
    return {
        "group": source.group,
        "where": [condition.text for condition in source.conditions],
        "device": list(source.devices),
        "match": cast("Matching", source.match or "auto"),
        "prefer": "newest" if source.prefer_newest else None,
        "staleOk": source.is_stale_ok,
    }


def _change_object(version: ListVersion) -> SelectionChange:
    """Returns how the last expansion of a selection differed from the one before it."""
    return {"at": rfc3339(version.imported_at), "added": version.added, "removed": version.removed}


def _rules_object(rules: Rules) -> RulesFacts:
    return {
        "startWithinSeconds": rules.start_within.total_seconds(),
        "overlap": rules.overlap,
        "until": None if rules.until is None else rules.until.isoformat(),
        "carryOver": rules.carry_over,
        "jitterSeconds": rules.jitter.total_seconds(),
        "toleratePercent": rules.tolerate,
    }
