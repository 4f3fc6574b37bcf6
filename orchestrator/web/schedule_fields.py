"""The form of a schedule: what it is filled with, and what of it somebody changed; pure."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints, ValidationError

from orchestrator.domain.action import Action
from orchestrator.domain.brake import MOST_CANARIES, BrakeOptions
from orchestrator.domain.device import Via
from orchestrator.domain.due import clock_time
from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.job import Priority
from orchestrator.domain.rhythm import Cron, Every, Rhythm
from orchestrator.domain.schedule import Overlap, Schedule
from orchestrator.domain.schedule_change import ScheduleChange
from orchestrator.serving.schedule_form import ScheduleForm, change_of
from orchestrator.serving.wire import Plain

Written = Annotated[str, StringConstraints(max_length=2000, pattern=r"^[^\x00]*$", strip_whitespace=True), Plain]
Kind = Literal["cron", "every", "at"]

_MAY_BE_BARE = ("until", "job_name", "reason")


class ScheduleFields(BaseModel):
    """The fields as they stand in the form; these are those of a new schedule."""

    name: Written = ""
    list: Written = ""
    action: Action = Action.REFRESH_MACHINE_POLICY
    reason: Written = ""
    kind: Kind = "cron"
    when: Written = "0 2 * * *"
    timezone: Written = "UTC"
    overlap: Overlap = Overlap.SKIP
    start_within: Written = "1h"
    until: Written = ""
    carry_over: bool = False
    priority: Priority = Priority.NORMAL
    tenant: Written = ""
    notify: tuple[Written, ...] = ()
    via: Via = Via.MANAGED_DEVICES
    job_name: Written = ""
    jitter: Written = "0s"
    canary: int = Field(default=0, ge=0, le=MOST_CANARIES)
    brake_share: int = Field(default=BrakeOptions().share, ge=1, le=100)

    def new(self) -> ScheduleForm:
        """The schedule that they ask for."""
        return ScheduleForm(
            name=self.name,
            action=self.action,
            list_name=self.list,
            **{self.kind: self.when},
            timezone=self.timezone,
            via=self.via,
            tenant=self.tenant or None,
            priority=self.priority,
            job_name=self.job_name or None,
            reason=self.reason or None,
            start_within=self.start_within or "1h",
            overlap=self.overlap,
            until=self.until or None,
            carry_over=self.carry_over,
            jitter=self.jitter or "0s",
            notify=self.notify,
            canary=self.canary,
            brake=BrakeOptions(share=self.brake_share),
        )


class ChangedFields(ScheduleFields):
    """The same beside what they were when the form was shown."""

    was: str = Field(default="", max_length=20_000)

    @property
    def change(self) -> ScheduleChange:
        """What somebody changed, and nothing that another changed meanwhile."""
        return change_between(fields_from(self.was), self)


def fields_of(schedule: Schedule) -> ScheduleFields:
    """The form filled with a schedule as it stands."""
    order, rules = schedule.order, schedule.rules
    kind, when = _written(schedule.rhythm)
    return ScheduleFields(
        name=schedule.name,
        list=order.list_name,
        action=order.action,
        reason=order.reason or "",
        kind=kind,
        when=when,
        timezone=schedule.rhythm.timezone,
        overlap=rules.overlap,
        start_within=_span(rules.start_within),
        until="" if rules.until is None else clock_time(rules.until),
        carry_over=rules.carry_over,
        priority=order.priority,
        tenant=order.tenant,
        notify=schedule.channels,
        via=order.via,
        job_name=order.name or "",
        jitter=_span(rules.jitter),
        canary=order.canary,
        brake_share=order.brake.share,
    )


def fields_from(text: str) -> ScheduleFields:
    """What the form remembers that it was filled with."""
    try:
        return ScheduleFields.model_validate_json(text)
    except ValidationError as problem:
        raise RequestRejected("This form is not as it was sent. Load the page again.") from problem


def change_between(was: ScheduleFields, now: ScheduleFields) -> ScheduleChange:
    """What differs; a rhythm that is the same keeps counting from where it began."""
    before, after = ({name: getattr(fields, name) for name in ScheduleFields.model_fields} for fields in (was, now))
    change = {name: after[name] for name in after.keys() - {"name", "kind", "when"} if after[name] != before[name]}
    change |= {name: change[name] or None for name in _MAY_BE_BARE if name in change}
    if (was.kind, was.when) != (now.kind, now.when):
        change[now.kind] = now.when
    return change_of(change)


def _written(rhythm: Rhythm) -> tuple[Kind, str]:
    match rhythm:
        case Cron(expression):
            return "cron", expression
        case Every(interval):
            return "every", _span(interval)
        case _:
            return "at", rhythm.wall.isoformat(timespec="minutes")


def _span(value: timedelta) -> str:
    """As it is read again: 1h30m."""
    left, parts = int(value.total_seconds()), []
    for unit, seconds in (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, seconds)
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts) or "0s"
