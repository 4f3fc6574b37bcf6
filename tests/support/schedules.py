"""Saved lists and schedules, everything defaulted."""

from __future__ import annotations

import io
from datetime import datetime, timedelta

from orchestrator.app import App
from orchestrator.domain.access import Actor
from orchestrator.domain.action import Action
from orchestrator.domain.blackout import Blackout
from orchestrator.domain.device import Via
from orchestrator.domain.recurrence import Cron, Recurrence
from orchestrator.domain.schedule import OccurrenceStatus, Order, Rules
from orchestrator.intake.device_list import IntakeOptions
from orchestrator.store.schedules.occurrences import OccurrenceFacts
from orchestrator.usecases.lists.import_list import Imported, import_list
from orchestrator.usecases.schedules.add_schedule import NewSchedule, add_schedule
from orchestrator.usecases.schedules.describe_schedules import ScheduleView, schedule_history
from tests.support.actors import SOMEBODY
from tests.support.apps import devices_csv

NIGHTLY = Cron("0 2 * * *", "Europe/Berlin")


async def a_list(
    app: App,
    devices: int | bytes = 20,
    *,
    name: str = "fleet",
    via: Via = Via.MANAGED_DEVICES,
    by: Actor = SOMEBODY,
) -> Imported:
    """A saved list of so many devices."""
    content = devices_csv(devices) if isinstance(devices, int) else devices
    return await import_list(
        app,
        name,
        io.BytesIO(content),
        via=via,
        file_name="devices.csv",
        options=IntakeOptions(),
        by=by,
    )


async def a_schedule(
    app: App,
    name: str = "nightly",
    *,
    recurrence: Recurrence = NIGHTLY,
    rules: Rules | None = None,
    list_name: str = "fleet",
    action: Action = Action.REFRESH_USER_POLICY,
    channels: tuple[str, ...] = (),
    blackouts: tuple[Blackout, ...] = (),
    by: Actor = SOMEBODY,
) -> ScheduleView:
    """A schedule of the list."""
    order = Order(action=action, via=Via.MANAGED_DEVICES, tenant="default", list_name=list_name)
    return await add_schedule(app, NewSchedule(name, recurrence, order, rules or Rules(), channels, blackouts), by=by)


async def history_of(app: App, name: str = "nightly") -> list[OccurrenceFacts]:
    """What became of the moments of a schedule, oldest first."""
    _, occurrences = await schedule_history(app, name, limit=100_000)
    return occurrences[::-1]


async def statuses_of(app: App, name: str = "nightly") -> list[OccurrenceStatus]:
    """What became of each, oldest first."""
    return [instant.status for instant in await history_of(app, name)]


def seconds_until(instant: datetime, now: datetime) -> float:
    """How far away it is."""
    return (instant - now) / timedelta(seconds=1)
