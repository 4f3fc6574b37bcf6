"""The bodies of requests about schedules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from orchestrator.domain.inventory import Matching
from orchestrator.domain.schedule import SCHEDULE_OPTIONS
from orchestrator.http.json_model import JsonModel, Text
from orchestrator.http.option_fields import with_options


class RecurrenceRequest(JsonModel):
    """When: exactly one of `cron`, `every` and `at`."""

    cron: Text | None = Field(default=None, description="Five fields, such as `0 2 * * *`.")
    every: Text | None = Field(default=None, description="Every so often, such as `6h`.")
    at: Text | None = Field(default=None, description="Once, such as `2026-12-01T02:00`.")
    timezone: Text = Field(default="UTC", description="Whose wall clock it follows, such as `Europe/Berlin`.")


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


@with_options(SCHEDULE_OPTIONS, Text, changes=True)
class ScheduleChangeRequest(JsonModel):
    """The fields to change; a field that is absent or null keeps its value.

    Except `until`, `jobName` and `reason`: null takes them away.
    """

    cron: Text | None = Field(default=None, description="Five fields, such as `0 2 * * *`.")
    every: Text | None = Field(default=None, description="Every so often, such as `6h`, counted from now.")
    at: Text | None = Field(default=None, description="Once, such as `2026-12-01T02:00`.")
    timezone: Text | None = Field(default=None, description="Whose wall clock it follows, such as `Europe/Berlin`.")
    list: Text | None = Field(default=None, description="The saved list.")
    group: Text | None = Field(default=None, description="An Entra group in place of what it was.")
    device: Sequence[Text] | None = Field(default=None, description="Devices in place of what it was.")
    where: Sequence[Text] | None = Field(default=None, description="Conditions in place of what it was.")
    match: Matching | None = None
    prefer: Literal["newest"] | None = None
    stale_ok: bool | None = None
    notify: Sequence[Text] | None = Field(default=None, description="All channels that hear of it, not only new ones.")
