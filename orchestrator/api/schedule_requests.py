"""The bodies of requests about schedules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from orchestrator.domain.action import Action
from orchestrator.domain.circuit_breaker import MOST_CANARIES, BrakeOptions
from orchestrator.domain.device import Via
from orchestrator.domain.job import Priority
from orchestrator.domain.schedule import TOLERATED_PERCENT, Overlap
from orchestrator.http.json_model import JsonModel, Text
from orchestrator.http.uploads import Matching


class RecurrenceRequest(JsonModel):
    """When: exactly one of `cron`, `every` and `at`."""

    cron: Text | None = Field(default=None, description="Five fields, such as `0 2 * * *`.")
    every: Text | None = Field(default=None, description="Every so often, such as `6h`.")
    at: Text | None = Field(default=None, description="Once, such as `2026-12-01T02:00`.")
    timezone: Text = Field(default="UTC", description="Whose wall clock it follows, such as `Europe/Berlin`.")


class ScheduleRequest(RecurrenceRequest):
    """A schedule to be added."""

    name: Text
    action: Action
    list: Text | None = Field(default=None, description="The saved list; else one of group, device and where.")
    group: Text | None = Field(default=None, description="An Entra group by name or object id, expanded for each run.")
    device: Sequence[Text] = Field(default=(), description="Devices by name, serial number or id.")
    where: Sequence[Text] = Field(default=(), description="Conditions on the inventory, such as `name=BER-*`.")
    match: Matching = "auto"
    prefer: Literal["newest"] | None = None
    stale_ok: bool = False
    via: Via = Via.MANAGED_DEVICES
    tenant: Text | None = None
    priority: Priority = Priority.NORMAL
    job_name: Text | None = None
    reason: Text | None = None
    start_within: Text = "1h"
    overlap: Overlap = Overlap.SKIP
    until: Text | None = Field(default=None, description="Local time after which no call starts: `06:00`.")
    carry_over: bool = False
    jitter: Text = "0s"
    tolerate: int = Field(
        default=TOLERATED_PERCENT, ge=0, le=100, description="A job of which more percent fail needs attention."
    )
    blackouts: Sequence[Text] = ()
    notify: Sequence[Text] = ()
    canary: int = Field(default=0, ge=0, le=MOST_CANARIES)
    brake_share: int = Field(default=BrakeOptions().share, ge=1, le=100)
    brake_sample: int = Field(default=BrakeOptions().sample, ge=1, le=10**9)


class ScheduleChangeRequest(JsonModel):
    """The fields to change; a field that is absent or null keeps its value.

    Except `until`, `jobName` and `reason`: null takes them away.
    """

    cron: Text | None = Field(default=None, description="Five fields, such as `0 2 * * *`.")
    every: Text | None = Field(default=None, description="Every so often, such as `6h`, counted from now.")
    at: Text | None = Field(default=None, description="Once, such as `2026-12-01T02:00`.")
    timezone: Text | None = Field(default=None, description="Whose wall clock it follows, such as `Europe/Berlin`.")
    action: Action | None = None
    list: Text | None = Field(default=None, description="The saved list.")
    group: Text | None = Field(default=None, description="An Entra group in place of what it was.")
    device: Sequence[Text] | None = Field(default=None, description="Devices in place of what it was.")
    where: Sequence[Text] | None = Field(default=None, description="Conditions in place of what it was.")
    match: Matching | None = None
    prefer: Literal["newest"] | None = None
    stale_ok: bool | None = None
    via: Via | None = None
    tenant: Text | None = None
    priority: Priority | None = None
    job_name: Text | None = None
    reason: Text | None = None
    start_within: Text | None = None
    overlap: Overlap | None = None
    until: Text | None = Field(default=None, description="Local time after which no call starts: `06:00`.")
    carry_over: bool | None = None
    jitter: Text | None = None
    tolerate: int | None = Field(default=None, ge=0, le=100)
    notify: Sequence[Text] | None = Field(default=None, description="All channels that hear of it, not only new ones.")
    canary: int | None = Field(default=None, ge=0, le=MOST_CANARIES)
    brake_share: int | None = Field(default=None, ge=1, le=100)
    brake_sample: int | None = Field(default=None, ge=1, le=10**9)
