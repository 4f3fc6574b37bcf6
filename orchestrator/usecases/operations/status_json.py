"""How the installation stands, as JSON; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.domain.figures import rfc3339
from orchestrator.usecases.jobs.job_json import job_object
from orchestrator.usecases.schedules.schedule_json import occurrence_object

if TYPE_CHECKING:
    from orchestrator.domain.attention import AttentionItem
    from orchestrator.usecases.jobs.describe_jobs import JobView
    from orchestrator.usecases.operations.describe_status import StatusView
    from orchestrator.usecases.schedules.describe_schedules import ScheduleView


def status_object(view: StatusView) -> dict[str, Any]:
    """The object that `muster status -o json` and the API give alike."""
    return {
        "ok": view.is_well,
        "attention": [attention_object(item) for item in view.attention],
        "running": [running_object(job) for job in view.running],
        "next": [next_object(schedule) for schedule in view.upcoming],
    }


def attention_object(item: AttentionItem) -> dict[str, Any]:
    """One item that needs attention."""
    return {
        "id": item.id,
        "kind": item.kind.value,
        "severity": item.severity.value,
        "subject": {"kind": item.subject_kind.value, "id": item.subject},
        "tenant": item.tenant,
        "message": item.sentence,
        "since": rfc3339(item.since),
        "action": {"kind": item.remedy.kind.value, "label": item.remedy.label, "command": item.remedy.command},
    }


def running_object(view: JobView) -> dict[str, Any]:
    """One job under way, with the seconds that are left where somebody can tell."""
    left = None if view.seconds_left is None else round(view.seconds_left)
    return {**job_object(view), "secondsLeft": left}


def next_object(view: ScheduleView) -> dict[str, Any]:
    """The next run of a schedule."""
    order = view.schedule.order
    return {
        "schedule": view.schedule.name,
        "action": order.action.value,
        "tenant": order.tenant,
        "list": order.list_name,
        "devices": None if view.version is None else view.version.devices,
        **occurrence_object(view.upcoming[0]),
    }
