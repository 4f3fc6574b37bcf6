"""A schedule as somebody writes it over HTTP, whether as JSON or as a form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, cast

from orchestrator.domain.action import Action
from orchestrator.domain.blackout import parse_blackout
from orchestrator.domain.circuit_breaker import BrakeOptions
from orchestrator.domain.conditions import parse_condition
from orchestrator.domain.device import Via
from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.inventory import Identifier
from orchestrator.domain.job import Priority
from orchestrator.domain.recurrence import parse_span, recurrence_of
from orchestrator.domain.schedule import TOLERATED_PERCENT, Order, Overlap, Rules, parse_until
from orchestrator.domain.schedule_change import ScheduleChange
from orchestrator.domain.selection import Selection
from orchestrator.settings import Settings
from orchestrator.usecases.schedules.add_schedule import NewSchedule


@dataclass(frozen=True, slots=True)
class ScheduleForm:
    """The fields of a schedule as they were sent; reading one raises RequestRejected where it is wrong."""

    name: str
    action: Action
    list_name: str | None = None
    group: str | None = None
    device: Sequence[str] = ()
    where: Sequence[str] = ()
    match: str = "auto"
    prefer: str | None = None
    stale_ok: bool = False
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
    tolerate: int = TOLERATED_PERCENT
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
                list_name=self.list_name or "",
                source=self._source(),
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
                tolerate=self.tolerate,
            ),
            channels=tuple(self.notify),
            blackouts=tuple(parse_blackout(text) for text in self.blackouts),
        )

    def _source(self) -> Selection | None:
        given = (self.list_name is not None, self.group is not None, bool(self.device), bool(self.where))
        if sum(given) != 1:
            raise RequestRejected("Name the devices in one way: list, group, device or where.")
        return None if self.list_name is not None else source_of(asdict(self))


def source_of(written: Mapping[str, Any]) -> Selection:
    """The selection that is written in the fields group, device, where, match, prefer and stale_ok."""
    match = written.get("match")
    return Selection(
        tuple(written.get("device") or ()),
        tuple(map(parse_condition, written.get("where") or ())),
        group=written.get("group"),
        match=None if match in {None, "auto"} else Identifier(match),
        prefer_newest=written.get("prefer") is not None,
        is_stale_ok=bool(written.get("stale_ok")),
    )


def change_of(written: Mapping[str, Any]) -> ScheduleChange:
    """Returns the change of a schedule; None removes an optional field."""
    sources = [name for name in ("list", "group", "device", "where") if written.get(name)]
    if len(sources) > 1:
        raise RequestRejected("Name the devices in one way: list, group, device or where.")
    if not sources and any(written.get(name) is not None for name in _HOW):
        raise RequestRejected("match, prefer and staleOk are changed together with group, device or where.")
    source = {"source": source_of(written)} if sources and sources != ["list"] else {}
    written = {name: value for name, value in written.items() if name not in {"group", "device", "where", *_HOW}}
    given = {**source, **{"list_name" if name == "list" else name: value for name, value in written.items()}}
    return cast("ScheduleChange", {name: value for name, value in given.items() if value is not None or name in _BARE})


_HOW = ("match", "prefer", "stale_ok")
_BARE = {"until", "job_name", "reason"}
