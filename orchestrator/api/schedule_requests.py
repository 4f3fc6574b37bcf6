"""The bodies of requests about schedules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from orchestrator.domain.inventory import Matching
from orchestrator.domain.schedule import RECURRENCE_OPTIONS, SCHEDULE_OPTIONS
from orchestrator.http.json_model import JsonModel, Text
from orchestrator.http.option_fields import with_options


@with_options(RECURRENCE_OPTIONS, Text)
class RecurrenceRequest(JsonModel):
    """When: exactly one of `cron`, `every` and `at`."""


@with_options(SCHEDULE_OPTIONS, Text)
class ScheduleRequest(RecurrenceRequest):
    """A schedule to be added."""

    name: Text
    list: Text | None = Field(default=None, description="The saved list; else one of group, device and where.")
    group: Text | None = Field(default=None, description="An Entra group by name or object id, expanded for each run.")
    device: Sequence[Text] = Field(default=(), description="Devices by name, serial number or id.")
    where: Sequence[Text] = Field(default=(), description="Conditions on the inventory, such as `name=BER-*`.")
    match: Matching = "auto"
    prefer: Literal["newest"] | None = None
    stale_ok: bool = False
    blackouts: Sequence[Text] = ()
    notify: Sequence[Text] = ()


@with_options((*RECURRENCE_OPTIONS, *SCHEDULE_OPTIONS), Text, changes=True)
class ScheduleChangeRequest(JsonModel):
    """The fields to change; a field that is absent or null keeps its value.

    Except `until`, `jobName` and `reason`: null takes them away.
    """

    list: Text | None = Field(default=None, description="The saved list.")
    group: Text | None = Field(default=None, description="An Entra group in place of what it was.")
    device: Sequence[Text] | None = Field(default=None, description="Devices in place of what it was.")
    where: Sequence[Text] | None = Field(default=None, description="Conditions in place of what it was.")
    match: Matching | None = None
    prefer: Literal["newest"] | None = None
    stale_ok: bool | None = None
    notify: Sequence[Text] | None = Field(default=None, description="All channels that hear of it, not only new ones.")
