"""Saved lists and schedules, everything defaulted."""

from __future__ import annotations

import io
from datetime import datetime, timedelta

from orchestrator.domain.access import Asker
from orchestrator.domain.action import Action
from orchestrator.domain.blackout import Blackout
from orchestrator.domain.device import Via
from orchestrator.domain.rhythm import Cron, Rhythm
from orchestrator.domain.schedule import MomentStatus, Order, Rules
from orchestrator.intake.device_list import IntakeOptions
from orchestrator.store.moments import MomentFacts
from orchestrator.usecases.add_schedule import NewSchedule, add_schedule
from orchestrator.usecases.app import App
from orchestrator.usecases.describe_schedules import ScheduleView, schedule_history
from orchestrator.usecases.import_list import Imported, import_list
from tests.support.apps import devices_csv
from tests.support.askers import SOMEBODY

NIGHTLY = Cron("0 2 * * *", "Europe/Berlin")


async def a_list(
    app: App,
    devices: int | bytes = 20,
    *,
    name: str = "fleet",
    via: Via = Via.MANAGED_DEVICES,
    by: Asker = SOMEBODY,
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
    rhythm: Rhythm = NIGHTLY,
    rules: Rules | None = None,
    list_name: str = "fleet",
    action: Action = Action.REFRESH_USER_POLICY,
    channels: tuple[str, ...] = (),
    blackouts: tuple[Blackout, ...] = (),
    by: Asker = SOMEBODY,
) -> ScheduleView:
    """A schedule of the list."""
    order = Order(action, Via.MANAGED_DEVICES, "default", list_name)
    return await add_schedule(app, NewSchedule(name, rhythm, order, rules or Rules(), channels, blackouts), by=by)


async def history_of(app: App, name: str = "nightly") -> list[MomentFacts]:
    """What became of the moments of a schedule, oldest first."""
    _, moments = await schedule_history(app, name, limit=100_000)
    return moments[::-1]


async def statuses_of(app: App, name: str = "nightly") -> list[MomentStatus]:
    """What became of each, oldest first."""
    return [moment.status for moment in await history_of(app, name)]


def seconds_until(moment: datetime, now: datetime) -> float:
    """How far away it is."""
    return (moment - now) / timedelta(seconds=1)
