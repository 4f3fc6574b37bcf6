"""The form of a schedule: the values that it is filled with, and those that a person changed; pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints, ValidationError, model_validator

from orchestrator.domain.action import Action
from orchestrator.domain.confirmation import Facts, version_facts
from orchestrator.domain.errors import RequestRejected, WrongStatus
from orchestrator.domain.options import declared, values_of
from orchestrator.domain.recurrence import Cron, Every, Recurrence
from orchestrator.domain.recurrence_words import ChosenTimes, Frequency
from orchestrator.domain.schedule import SCHEDULE_OPTIONS, Rules, Schedule
from orchestrator.domain.schedule_change import ScheduleChange
from orchestrator.domain.selection import Selection
from orchestrator.domain.spans import written_span
from orchestrator.http.json_model import Plain
from orchestrator.http.option_fields import with_options
from orchestrator.http.schedule_form import change_of, schedule_of
from orchestrator.settings import Settings
from orchestrator.store.jobs.saved_lists import ListVersion
from orchestrator.usecases.schedules.add_schedule import NewSchedule

Written = Annotated[str, StringConstraints(max_length=2000, pattern=r"^[^\x00]*$", strip_whitespace=True), Plain]
Kind = Literal["days", "cron", "every", "at"]
Source = Literal["list", "group", "where", "device"]

_SOURCE = frozenset({"source", "list", "group", "where", "device", "match", "prefer_newest", "stale_ok"})
_MADE_BY_HAND = frozenset({"action", "tenant", "reason"})
"""Options whose fields the template has: they stand elsewhere, or offer what only this installation knows."""

_LABELS = {
    "kind": "the kind of recurrence",
    "when": "the recurrence",
    "timezone": "the time zone",
    "notify": "the channels",
    "where": "the conditions",
    "device": "the devices",
    "prefer_newest": "the choice between devices of one name",
    "stale_ok": "the use of an old inventory",
    **{each.name: f"“{each.label}”" for each in SCHEDULE_OPTIONS if each.label.casefold() != each.name},
}


@with_options(SCHEDULE_OPTIONS, Written, is_form=True)
class ScheduleFields(BaseModel):
    """The fields as they stand in the form; these are those of a new schedule."""

    name: Written = ""
    source: Source = "list"
    list: Written = ""
    group: Written = ""
    where: Written = ""
    device: Written = ""
    match: Written = "auto"
    prefer_newest: bool = False
    stale_ok: bool = False
    action: Annotated[Action | None, BeforeValidator(lambda given: given or None)] = None
    kind: Kind = "cron"
    when: Written = "0 2 * * *"
    timezone: Written = "UTC"
    notify: tuple[Written, ...] = ()

    @property
    def options(self) -> dict[str, Any]:
        """The values of the options by their names; an empty field stands for the default, or for none."""
        values = {each: getattr(self, each.name) for each in SCHEDULE_OPTIONS}
        usual = {each: None if each.is_optional or each.facts.has_usual else each.default for each in values}
        return {each.name: usual[each] if value == "" else value for each, value in values.items()}

    @property
    def source_written(self) -> dict[str, Any]:
        """Whose devices are called, in the names of the options; conditions and devices stand one a line."""
        if self.source == "list":
            return {"list": self.list}
        lines = [line.strip() for line in getattr(self, self.source).splitlines() if line.strip()]
        if not lines:
            raise RequestRejected(_MISSING[self.source])
        how = {"match": self.match, "prefer": "newest" if self.prefer_newest else None, "stale_ok": self.stale_ok}
        return {self.source: lines[0] if self.source == "group" else lines, **how}

    def new(self, settings: Settings, *, now: datetime) -> NewSchedule:
        """The schedule that they ask for; RequestRejected where no action was chosen, or a field is wrong."""
        if self.action is None:
            raise RequestRejected("Choose the action that the devices are asked for.")
        others = {"name": self.name, self.kind: self.when, "timezone": self.timezone, "notify": self.notify}
        return schedule_of({**self.options, **self.source_written, **others}, settings, now=now)


def form_options() -> dict[str, Any]:
    """The options whose fields the form draws from their declarations, by the place in the form."""
    drawn = [each for each in SCHEDULE_OPTIONS if each.name not in _MADE_BY_HAND]
    return {
        "rules": [each for each in declared(Rules) if not each.facts.is_rare],
        "job_options": [each for each in drawn if not each.facts.is_rare and each not in declared(Rules)],
        "rare_options": [each for each in drawn if each.facts.is_rare],
    }


class Choices(BaseModel):
    """The choices that make a cron expression, where the recurrence is of the kind `days`."""

    kind: Kind = "cron"
    when: Written = "0 2 * * *"
    timezone: Written = "UTC"
    frequency: Frequency = "day"
    days: tuple[int, ...] = ()
    month_day: Annotated[int, BeforeValidator(lambda given: given or 0)] = 1
    clock: Written = "02:00"

    @property
    def recurrence(self) -> dict[str, str]:
        """Returns `kind` and `when` without the kind `days`; ScheduleInvalid says which choice is missing or wrong."""
        if self.kind == "days":
            times = ChosenTimes(self.frequency, self.days, self.month_day, self.clock)
            return {"kind": "cron", "when": times.expression}
        return {"kind": self.kind, "when": self.when}


class ChangedChoices(Choices):
    """The choices in the form of a changed schedule, and the values of the form when it was shown."""

    was: str = Field(default="", max_length=20_000)


class NewFields(Choices, ScheduleFields):
    """The fields of the form of a new schedule, and the lists as the form showed them."""

    lists: str = Field(default="", max_length=200_000)

    @model_validator(mode="after")
    def _as_expression(self) -> Self:
        for name, value in self.recurrence.items():
            setattr(self, name, value)
        return self

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
    different = [f"{_LABELS.get(name, name)} was {_shown(then[name])} and is {_shown(now[name])}" for name in now]
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
    order = schedule.order
    kind, when = _written(schedule.recurrence)
    selection = order.source or Selection()
    is_list, has_devices = order.source is None, bool(selection.devices)
    fields = ScheduleFields(
        name=schedule.name,
        source="list" if is_list else "group" if selection.group else "device" if has_devices else "where",
        list=order.list_name if is_list else "",
        group=selection.group or "",
        where="\n".join(condition.text for condition in selection.conditions),
        device="\n".join(selection.devices),
        match=selection.match or "auto",
        prefer_newest=selection.prefer_newest,
        stale_ok=selection.is_stale_ok,
        kind=kind,
        when=when,
        timezone=schedule.recurrence.timezone,
        notify=schedule.channels,
    )
    values = {**values_of(order), **values_of(schedule.rules)}
    return fields.model_copy(update={each.name: each.written(values[each.name]) for each in SCHEDULE_OPTIONS})


def fields_from(text: str) -> ScheduleFields:
    """Parses the hidden field with the values that the form was filled with."""
    try:
        return ScheduleFields.model_validate_json(text)
    except ValidationError as problem:
        raise RequestRejected("This form is not as it was sent. Load the page again.") from problem


def change_between(was: ScheduleFields, now: ScheduleFields) -> ScheduleChange:
    """Returns the changed fields; an equal recurrence keeps its first time."""
    before, after = ({name: getattr(fields, name) for name in ScheduleFields.model_fields} for fields in (was, now))
    compared = after.keys() - {"name", "kind", "when"} - _SOURCE
    change = {name: after[name] for name in compared if after[name] != before[name]}
    if (devices := now.source_written) != was.source_written:
        change |= devices
    change |= {name: value for name, value in now.options.items() if name in change}
    if (was.kind, was.when) != (now.kind, now.when):
        change[now.kind] = now.when
    return change_of(change)


def _written(recurrence: Recurrence) -> tuple[Kind, str]:
    match recurrence:
        case Cron(expression):
            return "cron", expression
        case Every(interval):
            return "every", written_span(interval)
        case _:
            return "at", recurrence.wall.isoformat(timespec="minutes")


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "none" if value in (None, "") else str(value)


_MISSING = {
    "group": "Name the group, by its name or its object id.",
    "where": "Write at least one condition, such as name=BER-*.",
    "device": "Name at least one device.",
}
