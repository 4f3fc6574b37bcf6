"""A schedule as it is written over HTTP, whether as JSON or as a form."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from orchestrator.domain.blackout import parse_blackout
from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.schedule import SCHEDULE_OPTIONS
from orchestrator.domain.schedule_change import ScheduleChange
from orchestrator.domain.selection import written_selection
from orchestrator.settings import Settings
from orchestrator.usecases.schedules.add_schedule import NewSchedule


def schedule_of(written: Mapping[str, Any], settings: Settings, *, now: datetime) -> NewSchedule:
    """The schedule that is asked for, every part of it checked; RequestRejected where one is wrong."""
    sources = _sources(written)
    if len(sources) != 1:
        raise RequestRejected(_ONE_WAY)
    values = {**written, "tenant": written.get("tenant") or settings.usual_tenant, "list_name": written.get("list")}
    source = None if sources == ["list"] else written_selection(written)
    return NewSchedule.of(values, source=source, blackouts=map(parse_blackout, written.get("blackouts", ())), now=now)


def change_of(written: Mapping[str, Any]) -> ScheduleChange:
    """Returns the change of a schedule; None removes an optional field."""
    sources = _sources(written)
    if len(sources) > 1:
        raise RequestRejected(_ONE_WAY)
    if not sources and any(written.get(name) is not None for name in _HOW):
        raise RequestRejected("match, prefer and staleOk are changed together with group, device or where.")
    source = {"source": written_selection(written)} if sources and sources != ["list"] else {}
    written = {name: value for name, value in written.items() if name not in {"group", "device", "where", *_HOW}}
    given = {**source, **{"list_name" if name == "list" else name: value for name, value in written.items()}}
    return {name: value for name, value in given.items() if value is not None or name in _REMOVABLE}


def _sources(written: Mapping[str, Any]) -> list[str]:
    return [name for name in ("list", "group", "device", "where") if written.get(name)]


_ONE_WAY = "Name the devices in one way: list, group, device or where."
_HOW = ("match", "prefer", "stale_ok")
_REMOVABLE = {each.name for each in SCHEDULE_OPTIONS if each.is_optional}
