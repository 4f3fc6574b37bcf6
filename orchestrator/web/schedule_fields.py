"""The form of a schedule: what it is filled with, and what of it somebody changed; pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints, ValidationError

from orchestrator.domain.action import Action
from orchestrator.domain.circuit_breaker import MOST_CANARIES, BrakeOptions
from orchestrator.domain.confirmation import Facts, version_facts
from orchestrator.domain.device import Via
from orchestrator.domain.due import clock_time
from orchestrator.domain.errors import RequestRejected, WrongStatus
from orchestrator.domain.job import Priority
from orchestrator.domain.recurrence import Cron, Every, Recurrence
from orchestrator.domain.schedule import Overlap, Schedule
from orchestrator.domain.schedule_change import ScheduleChange
from orchestrator.http.json_model import Plain
from orchestrator.http.schedule_form import ScheduleForm, change_of
from orchestrator.store.jobs.saved_lists import ListVersion

Written = Annotated[str, StringConstraints(max_length=2000, pattern=r"^[^\x00]*$", strip_whitespace=True), Plain]
Kind = Literal["cron", "every", "at"]

_MAY_BE_BARE = ("until", "job_name", "reason")
_LABELS = {
    "kind": "the kind of recurrence",
    "when": "the recurrence",
    "timezone": "the time zone",
    "start_within": "the time within which it starts",
    "carry_over": "the carrying over",
    "notify": "the channels",
    "via": "the way of addressing",
    "job_name": "the name of its jobs",
    "brake_share": "the share that stops it",
    "canary": "the number of canaries",
}


class ScheduleFields(BaseModel):
    """The fields as they stand in the form; these are those of a new schedule."""

    name: Written = ""
    list: Written = ""
    action: Annotated[Action | None, BeforeValidator(lambda given: given or None)] = None
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
        """The schedule that they ask for; RequestRejected where no action was chosen."""
        if self.action is None:
            raise RequestRejected("Choose the action that the devices are asked for.")
        return ScheduleForm(
            name=self.name,
            action=self.action,
            list_name=self.list,
            cron=self.when if self.kind == "cron" else None,
            every=self.when if self.kind == "every" else None,
            at=self.when if self.kind == "at" else None,
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


class NewFields(ScheduleFields):
    """The fields of a new schedule, and the versions of the lists that the form showed."""

    lists: str = Field(default="", max_length=200_000)

    @property
    def shown_list(self) -> Facts | None:
        """Returns the version of the chosen list that the form showed; None where it is absent."""
        return list_in(self.lists, self.list)


class ChangedFields(NewFields):
    """The fields of a changed schedule, and their values when the form was shown."""

    was: str = Field(default="", max_length=20_000)

    @property
    def change(self) -> ScheduleChange:
        """Returns the fields that this person changed, without those that another changed meanwhile."""
        return change_between(fields_from(self.was), self)


def refuse_if_changed(schedule: Schedule, was: ScheduleFields) -> None:
    """WrongStatus where the schedule is not as the form was filled with it; names each field that differs."""
    then, now = was.model_dump(mode="json"), fields_of(schedule).model_dump(mode="json")
    different = [f"{_LABELS.get(name, name)} was {_said(then[name])} and is {_said(now[name])}" for name in now]
    told = [words for name, words in zip(now, different, strict=True) if then[name] != now[name]]
    if told:
        raise WrongStatus(
            f"Schedule {schedule.name!r} was changed while this page was open: {'; '.join(told)}. Nothing was done. "
            "Load the page again and make your change to the schedule as it is now."
        )


def lists_text(lists: Iterable[ListVersion]) -> str:
    """Returns the versions of the lists as the value of a hidden field."""
    return json.dumps({each.name: [each.version, each.devices] for each in lists})


def list_in(text: str, name: str) -> Facts | None:
    """Returns the version of one list from the hidden field; None where it is absent."""
    try:
        version, devices = json.loads(text)[name]
    except (ValueError, KeyError, TypeError):
        return None
    return version_facts(version, devices)


def fields_of(schedule: Schedule) -> ScheduleFields:
    """The form filled with a schedule as it stands."""
    order, rules = schedule.order, schedule.rules
    kind, when = _written(schedule.recurrence)
    return ScheduleFields(
        name=schedule.name,
        list=order.list_name,
        action=order.action,
        reason=order.reason or "",
        kind=kind,
        when=when,
        timezone=schedule.recurrence.timezone,
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
    """Parses the hidden field with the values that the form was filled with."""
    try:
        return ScheduleFields.model_validate_json(text)
    except ValidationError as problem:
        raise RequestRejected("This form is not as it was sent. Load the page again.") from problem


def change_between(was: ScheduleFields, now: ScheduleFields) -> ScheduleChange:
    """Returns the changed fields; an equal recurrence keeps its first time."""
    before, after = ({name: getattr(fields, name) for name in ScheduleFields.model_fields} for fields in (was, now))
    change = {name: after[name] for name in after.keys() - {"name", "kind", "when"} if after[name] != before[name]}
    change |= {name: change[name] or None for name in _MAY_BE_BARE if name in change}
    if (was.kind, was.when) != (now.kind, now.when):
        change[now.kind] = now.when
    return change_of(change)


def _written(recurrence: Recurrence) -> tuple[Kind, str]:
    match recurrence:
        case Cron(expression):
            return "cron", expression
        case Every(interval):
            return "every", _span(interval)
        case _:
            return "at", recurrence.wall.isoformat(timespec="minutes")


def _said(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "none" if value in (None, "") else str(value)


def _span(value: timedelta) -> str:
    """As it is read again: 1h30m."""
    left, parts = int(value.total_seconds()), []
    for unit, seconds in (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, seconds)
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts) or "0s"
