"""How the installation stands, as it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from typing_extensions import TypedDict

from orchestrator.domain.action import Action
from orchestrator.domain.attention import AttentionItem, AttentionKind, RemedyKind, Severity, SubjectKind
from orchestrator.domain.figures import rfc3339
from orchestrator.views.description import Description
from orchestrator.views.jobs import JobFacts, job_object
from orchestrator.views.schedules import NextOccurrence, occurrence_object

if TYPE_CHECKING:
    from orchestrator.usecases.jobs.describe_jobs import JobView
    from orchestrator.usecases.operations.describe_status import StatusView
    from orchestrator.usecases.schedules.describe_schedules import ScheduleView


class Subject(TypedDict):
    """The thing that an item is about."""

    kind: SubjectKind
    id: str


class RemedyFacts(TypedDict):
    """The one action that helps: what a button says, and what to type."""

    kind: RemedyKind
    label: str
    command: str


class AttentionFacts(TypedDict):
    """One thing that needs a person; `tenant` is null where it concerns all tenants."""

    id: str
    kind: AttentionKind
    severity: Severity
    subject: Subject
    tenant: str | None
    message: str
    since: str
    action: RemedyFacts


class RunningJob(JobFacts):
    """A job under way; `secondsLeft` is null where it is not known."""

    secondsLeft: int | None


class NextRun(NextOccurrence):
    """The next run of a schedule."""

    schedule: str
    action: Action
    tenant: str
    list: str
    devices: int | None


class StatusFacts(TypedDict):
    """The items that need attention, the jobs under way with what they wait for, and the next runs.

    `muster status -o json` gives the same.
    """

    ok: Annotated[bool, Description("Whether nothing needs attention.")]
    attention: list[AttentionFacts]
    running: list[RunningJob]
    next: list[NextRun]


def status_object(view: StatusView) -> StatusFacts:
    """Returns how the installation stands, as it is shown."""
    return {
        "ok": view.is_well,
        "attention": [attention_object(item) for item in view.attention],
        "running": [_running_object(job) for job in view.running],
        "next": [_next_object(schedule) for schedule in view.upcoming],
    }


def attention_object(item: AttentionItem) -> AttentionFacts:
    """Returns an item that needs attention as it is shown."""
    remedy = item.remedy
    return {
        "id": item.id,
        "kind": item.kind,
        "severity": item.severity,
        "subject": {"kind": item.subject_kind, "id": item.subject},
        "tenant": item.tenant,
        "message": item.sentence,
        "since": rfc3339(item.since),
        "action": {"kind": remedy.kind, "label": remedy.label, "command": remedy.command},
    }


def _running_object(view: JobView) -> RunningJob:
    left = None if view.seconds_left is None else round(view.seconds_left)
    return {**job_object(view), "secondsLeft": left}


def _next_object(view: ScheduleView) -> NextRun:
    order = view.schedule.order
    return {
        "schedule": view.schedule.name,
        "action": order.action,
        "tenant": order.tenant,
        "list": order.list_name,
        "devices": None if view.version is None else view.version.devices,
        **occurrence_object(view.upcoming[0]),
    }
