"""A schedule as somebody writes it over HTTP, whether as JSON or as a form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from orchestrator.domain.action import Action
from orchestrator.domain.blackout import parse_blackout
from orchestrator.domain.circuit_breaker import BrakeOptions
from orchestrator.domain.device import Via
from orchestrator.domain.job import Priority
from orchestrator.domain.recurrence import parse_span, recurrence_of
from orchestrator.domain.schedule import Order, Overlap, Rules, parse_until
from orchestrator.domain.schedule_change import ScheduleChange
from orchestrator.settings import Settings
from orchestrator.usecases.schedules.add_schedule import NewSchedule


@dataclass(frozen=True, slots=True)
class ScheduleForm:
    """What was written; RequestRejected, when it is read, says what is wrong with it."""

    name: str
    action: Action
    list_name: str
    cron: str | None = None
    every: str | None = None
    at: str | None = None
    timezone: str = "UTC"
    via: Via = Via.MANAGED_DEVICES
    tenant: str | None = None
    priority: Priority = Priority.NORMAL
    job_name: str | None = None
    reason: str | None = None
    start_within: str = "1h"
    overlap: Overlap = Overlap.SKIP
    until: str | None = None
    carry_over: bool = False
    jitter: str = "0s"
    blackouts: Sequence[str] = ()
    notify: Sequence[str] = ()
    canary: int = 0
    brake: BrakeOptions = field(default_factory=BrakeOptions)

    def read(self, settings: Settings, *, now: datetime) -> NewSchedule:
        """The schedule that is asked for, every part of it checked."""
        return NewSchedule(
            name=self.name,
            recurrence=recurrence_of(self.cron, self.every, self.at, self.timezone, now=now),
            order=Order(
                action=self.action,
                via=self.via,
                tenant=self.tenant or settings.usual_tenant,
                list_name=self.list_name,
                priority=self.priority,
                name=self.job_name,
                reason=self.reason,
                brake=self.brake,
                canary=self.canary,
            ),
            rules=Rules(
                start_within=parse_span(self.start_within),
                overlap=self.overlap,
                until=None if self.until is None else parse_until(self.until),
                carry_over=self.carry_over,
                jitter=parse_span(self.jitter),
            ),
            channels=tuple(self.notify),
            blackouts=tuple(parse_blackout(text) for text in self.blackouts),
        )


def change_of(written: Mapping[str, Any]) -> ScheduleChange:
    """What of a schedule is to be otherwise, where None takes away what a schedule can be without."""
    given = {"list_name" if name == "list" else name: value for name, value in written.items()}
    return cast("ScheduleChange", {name: value for name, value in given.items() if value is not None or name in _BARE})


_BARE = {"until", "job_name", "reason"}
