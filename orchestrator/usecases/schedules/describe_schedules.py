"""Reads of schedules: their status, their next occurrences, and the results of past ones."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice, takewhile
from typing import NamedTuple

from orchestrator.app import App
from orchestrator.domain.blackout import Blackout, blackout_at
from orchestrator.domain.confirmation import Facts, schedule_facts
from orchestrator.domain.due import window_of
from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.inventory import InventoryTooOld, NoInventory
from orchestrator.domain.recurrence import Occurrence, Recurrence, daylight_mark, first_occurrences
from orchestrator.domain.schedule import Order, Schedule, ScheduleStatus, lacks_list_words
from orchestrator.domain.tenant import Tenant
from orchestrator.domain.zones import zone_of
from orchestrator.store.engine.database import Transaction
from orchestrator.store.jobs.saved_lists import ListVersion
from orchestrator.store.schedules.occurrences import OccurrenceFacts
from orchestrator.throttle.forecast import Forecast
from orchestrator.throttle.forecast_words import too_long
from orchestrator.usecases.jobs.forecast_job import LanesSeen, Outlook, outlook_of

NEXT_SHOWN = 10


async def schedule_names(app: App) -> list[str]:
    """The names of all schedules, sorted."""
    async with app.store.reading() as tx:
        return sorted(await tx.schedules.statuses())


@dataclass(frozen=True, slots=True)
class OccurrenceView:
    """One occurrence to come: in local time, in UTC, and with marks for what is not as on other days."""

    at: datetime
    local: datetime
    marks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScheduleView:
    """A schedule as people see it; `problem` says why its next occurrences are unknown."""

    schedule: Schedule
    version: ListVersion | None
    blackouts: tuple[Blackout, ...]
    upcoming: tuple[OccurrenceView, ...]
    last: OccurrenceFacts | None
    forecast: Forecast | None
    problem: str | None = None


class _Seen(NamedTuple):
    """The facts of a schedule from one look at the database."""

    schedule: Schedule
    version: ListVersion | None
    blackouts: tuple[Blackout, ...]
    last: OccurrenceFacts | None
    read_times: Mapping[str, datetime]


async def describe_schedule(app: App, name: str, *, count: int = NEXT_SHOWN) -> ScheduleView:
    """One schedule with its next occurrences."""
    async with app.store.reading() as tx:
        seen = await _seen(tx, await tx.schedules.by_name(name))
    return _view(app, seen, count, await outlook_of(app, _tenants_of(app, [seen.schedule])))


async def facts_shown(tx: Transaction, schedule: Schedule) -> Facts:
    """Returns the facts of a schedule that a page shows before a person changes it."""
    return _facts(schedule, await tx.lists.find_newest(schedule.order.list_name))


def facts_of_view(view: ScheduleView) -> Facts:
    """Returns these facts of a schedule that was read before."""
    return _facts(view.schedule, view.version)


async def list_schedules(app: App) -> list[ScheduleView]:
    """Every schedule that can be read, each with its next occurrence."""
    async with app.store.reading() as tx:
        seen = await _all_seen(tx, await tx.schedules.all())
    return await _views_of(app, seen)


async def next_runs(
    app: App, tx: Transaction, stored: Sequence[object], lanes: LanesSeen, *, limit: int
) -> list[ScheduleView]:
    """The active ones of the stored schedules that are due next, the soonest first, each with its next occurrence."""
    schedules = [each for each in stored if isinstance(each, Schedule)]
    active = [each for each in schedules if each.is_due]
    soonest = sorted(active, key=lambda each: each.next_at or each.created_at)[:limit]
    seen = await _all_seen(tx, soonest)
    return [view for view in await _views_of(app, seen, lanes) if view.upcoming]


async def _all_seen(tx: Transaction, schedules: Sequence[Schedule]) -> list[_Seen]:
    if not schedules:
        return []
    newest = {version.name: version for version in await tx.lists.all()}
    blackouts = await tx.schedules.blackouts_of(schedules)
    last = await tx.occurrences.latest_of([schedule.number for schedule in schedules])
    read_times = await tx.inventories.read_times()
    return [
        _Seen(each, newest.get(each.order.list_name), blackouts[each.number], last.get(each.number), read_times)
        for each in schedules
    ]


async def _views_of(app: App, seen: Sequence[_Seen], lanes: LanesSeen | None = None) -> list[ScheduleView]:
    outlook = await outlook_of(app, _tenants_of(app, [each.schedule for each in seen]), lanes)
    return [_view(app, each, 1, outlook) for each in seen]


async def unreadable_schedules(app: App) -> list[str]:
    """Returns one sentence for each schedule whose row cannot be read."""
    async with app.store.reading() as tx:
        return [str(problem) for problem in await tx.schedules.unreadable()]


async def schedule_history(
    app: App, name: str, *, limit: int, before: datetime | None = None
) -> tuple[Schedule, list[OccurrenceFacts]]:
    """Returns the occurrences of a schedule, newest first."""
    async with app.store.reading() as tx:
        schedule = await tx.schedules.by_name(name)
        return schedule, await tx.occurrences.history(schedule.number, limit=limit, before=before)


async def preview_schedule(app: App, name: str, *, after: datetime | None, count: int) -> list[OccurrenceView]:
    """The next occurrences of a schedule, paused or not; from `after` on, or from now."""
    async with app.store.reading() as tx:
        schedule = await tx.schedules.by_name(name)
        blackouts = await tx.schedules.blackouts(schedule)
        version = await tx.lists.find_newest(schedule.order.list_name)
        now = await tx.now()
    forecast = _forecast(app, await outlook_of(app, _tenants_of(app, [schedule])), schedule, version)
    begin = after or now

    def preview() -> list[OccurrenceView]:
        return [*islice(_views(schedule, begin, blackouts, forecast, lacks_list=version is None), count)]

    # Thousands of occurrences take a moment, in which others should be answered.
    return await asyncio.to_thread(preview)


async def preview_all(
    app: App, views: Sequence[ScheduleView], *, until: datetime, most: int
) -> dict[str, list[OccurrenceView] | None]:
    """The occurrences of each from now on, by its name, up to `until`; None where they are more than `most`."""
    now = app.clock.now()

    def coming(view: ScheduleView) -> list[OccurrenceView] | None:
        # An occurrence that was missed long ago does not belong to the coming weeks.
        begin = _just_before(max(now, view.upcoming[0].at))
        told = takewhile(lambda each: each.at < until, _coming(view, begin))
        found = list(islice(told, most + 1))
        return found if len(found) <= most else None

    def preview() -> dict[str, list[OccurrenceView] | None]:
        return {view.schedule.name: coming(view) for view in views if view.upcoming}

    return await asyncio.to_thread(preview)


def preview_recurrence(recurrence: Recurrence, *, after: datetime, count: int) -> list[OccurrenceView]:
    """The next occurrences of a recurrence that is no schedule yet; pure."""
    return [_marked(recurrence, occurrence, []) for occurrence in first_occurrences(recurrence, after, count)]


async def _seen(tx: Transaction, schedule: Schedule) -> _Seen:
    history = await tx.occurrences.history(schedule.number, limit=1)
    return _Seen(
        schedule,
        await tx.lists.find_newest(schedule.order.list_name),
        tuple(await tx.schedules.blackouts(schedule)),
        history[0] if history else None,
        {} if schedule.order.source is None else await tx.inventories.read_times(),
    )


def _view(app: App, seen: _Seen, count: int, outlook: Outlook) -> ScheduleView:
    schedule, version, blackouts, last, read_times = seen
    upcoming: list[OccurrenceView] = []
    forecast, problem = None, None
    try:
        forecast = _forecast(app, outlook, schedule, version)
        if schedule.status is ScheduleStatus.ACTIVE and schedule.next_at is not None:
            # From the first occurrence without a decision, even if it has passed: no clock may be running.
            views = _views(schedule, _just_before(schedule.next_at), blackouts, forecast, lacks_list=version is None)
            upcoming = list(islice(views, count))
    except RequestRejected as rejected:
        problem = str(rejected)
    if schedule.order.source is not None:
        problem = problem or _inventory_problem(app, schedule.order, read_times)
    if version is None and schedule.status is not ScheduleStatus.ENDED:
        problem = problem or lacks_list_words(schedule.order.list_name)
    return ScheduleView(schedule, version, blackouts, tuple(upcoming), last, forecast, problem)


def _inventory_problem(app: App, order: Order, read_times: Mapping[str, datetime]) -> str | None:
    """Why the next run cannot expand its selection, unless the inventory is refreshed before."""
    tenant = app.tenants.get(order.tenant)
    if tenant is None or order.source is None or order.source.is_stale_ok:
        return None
    read_at = read_times.get(tenant.directory)
    if read_at is None:
        return str(NoInventory(tenant.name))
    age = app.clock.now() - read_at
    return str(InventoryTooOld(tenant.name, age, app.inventory_max_age)) if age > app.inventory_max_age else None


def _facts(schedule: Schedule, version: ListVersion | None) -> Facts:
    if version is None:
        return schedule_facts(schedule, None, None)
    return schedule_facts(schedule, version.version, version.devices)


def _tenants_of(app: App, schedules: Sequence[Schedule]) -> list[Tenant]:
    names = {schedule.order.tenant for schedule in schedules}
    return [app.tenants[name] for name in names if name in app.tenants]


def _forecast(app: App, outlook: Outlook, schedule: Schedule, version: ListVersion | None) -> Forecast | None:
    tenant = app.tenants.get(schedule.order.tenant)
    if version is None or tenant is None:
        return None
    return outlook.forecast(tenant, version.devices, schedule.order.priority)


def _coming(view: ScheduleView, begin: datetime) -> Iterator[OccurrenceView]:
    return _views(view.schedule, begin, view.blackouts, view.forecast, lacks_list=view.version is None)


def _views(
    schedule: Schedule,
    after: datetime,
    blackouts: Sequence[Blackout],
    forecast: Forecast | None,
    *,
    lacks_list: bool,
) -> Iterator[OccurrenceView]:
    lack = [f"no list: there is no list {schedule.order.list_name!r}"] if lacks_list else []
    for occurrence in schedule.recurrence.occurrences(after):
        yield _marked(schedule.recurrence, occurrence, [*_marks(schedule, occurrence, blackouts, forecast), *lack])


def _marks(
    schedule: Schedule, occurrence: Occurrence, blackouts: Sequence[Blackout], forecast: Forecast | None
) -> list[str]:
    dark = blackout_at(occurrence.at, blackouts, zone_of(schedule.recurrence.timezone))
    if dark is not None:
        return [f"blackout: {dark.words}"]
    window = window_of(schedule, occurrence.at, tuple(blackouts))
    late = None
    if window is not None and forecast is not None:
        late = too_long(forecast, window.ends - occurrence.at - schedule.jitter_at(occurrence.at))
    return [late] if late is not None else []


def _marked(recurrence: Recurrence, occurrence: Occurrence, marks: list[str]) -> OccurrenceView:
    daylight = daylight_mark(recurrence, occurrence)
    local = occurrence.at.astimezone(zone_of(recurrence.timezone))
    return OccurrenceView(occurrence.at, local, tuple([daylight, *marks] if daylight is not None else marks))


def _just_before(occurrence: datetime) -> datetime:
    return occurrence.replace(microsecond=0) - _STEP


_STEP = datetime.resolution
