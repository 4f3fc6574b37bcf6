"""An occurrence becomes its job: the job is published in the commit that says so, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestrator.app import App
from orchestrator.domain.access import Actor
from orchestrator.domain.due import StartWindow
from orchestrator.domain.errors import IllegalMove, MusterError, ScheduleInvalid, TryLater, WrongStatus
from orchestrator.domain.ids import JobId, WorkerId
from orchestrator.domain.job import Job, JobStatus
from orchestrator.domain.schedule import Order, Schedule
from orchestrator.store.engine.database import Transaction
from orchestrator.store.jobs.saved_lists import ListVersion
from orchestrator.store.schedules.occurrences import Held
from orchestrator.telemetry.logger import get_logger
from orchestrator.throttle.forecast_words import too_long
from orchestrator.usecases.jobs.cancel_job import cancel_job
from orchestrator.usecases.jobs.forecast_job import forecast_new
from orchestrator.usecases.jobs.idempotency import Idempotency
from orchestrator.usecases.jobs.submit_list import ListRequest, submit_list
from orchestrator.usecases.schedules.expand_selection import ExpandedSelection, expanded, refuse_if_collapsed
from orchestrator.usecases.schedules.past_runs import last_job

log = get_logger(__name__)

MAKING = timedelta(seconds=10)
"""How long an occurrence is held without a sign of life; a killed clock's is taken up soon after."""

_SIGN_OF_LIFE = 2.5


class OccurrenceLost(MusterError):
    """Another process has the occurrence by now; the received part of its job is removed."""


@dataclass(frozen=True, slots=True)
class ByHand:
    """A request of a person for a job of a schedule outside its recurrence; `version` is the list that they agreed to.

    `expansion` is what its selection came to, where it has one: it was agreed to as well.
    """

    by: Actor
    reason: str | None = None
    idempotency: Idempotency | None = None
    version: int | None = None
    expansion: ExpandedSelection | None = None


@dataclass(frozen=True, slots=True)
class Making:
    """An occurrence that this process holds, and the job to be made; `by_hand` is a request of a person just now."""

    schedule: Schedule
    at: datetime
    window: StartWindow | None
    cancels: JobId | None
    holder: WorkerId
    by_hand: ByHand | None = None


async def start_occurrence(app: App, making: Making) -> Job:
    """The job of this occurrence; OccurrenceLost where another process makes it.

    A schedule with a selection is expanded first: EmptySelection, SelectionCollapsed where a person has to decide.
    """
    schedule, by_hand = making.schedule, making.by_hand
    order = schedule.order
    if order.source is not None and (by_hand is None or by_hand.expansion is None):
        held = Held(schedule.number, making.at, making.holder)
        async with (
            signs_of_life(app, held),
            expanded(app, schedule.name, order, order.source, by=the_schedule(schedule)) as expansion,
        ):
            refuse_if_collapsed(expansion, schedule.name)
            refuse_above_ceiling(order, expansion)
            return await _start(app, making, expansion.version, expansion)
    if by_hand is not None and by_hand.expansion is not None:
        return await _start(app, making, by_hand.expansion.version, by_hand.expansion)
    async with app.store.reading() as tx:
        version = await tx.lists.newest(order.list_name)
    if by_hand is not None and by_hand.version not in {None, version.version}:
        raise WrongStatus(f"List {version.name!r} was imported anew just now. Look at it, and run the schedule again.")
    return await _start(app, making, version, None)


def refuse_above_ceiling(order: Order, expansion: ExpandedSelection) -> None:
    """ScheduleInvalid where a selection has grown beyond what the creator of the schedule may call in one job."""
    if order.ceiling is not None and expansion.version.devices > order.ceiling:
        raise ScheduleInvalid(
            f"The selection ({expansion.label}) has {expansion.version.devices:,} devices by now, and the author "
            f"of this schedule may ask {order.ceiling:,} in one job. A person with a higher limit may change it."
        )


async def _start(app: App, making: Making, version: ListVersion, expansion: ExpandedSelection | None) -> Job:
    schedule, window, by_hand = making.schedule, making.window, making.by_hand
    held = Held(schedule.number, making.at, making.holder)
    async with app.store.reading() as tx:
        left = await _left(tx, schedule) if schedule.rules.carry_over else None
    if making.cancels is not None:
        await _cancel(app, making.cancels, schedule)
    order = schedule.order
    forecast = await forecast_new(app, app.tenant(order.tenant), version.devices, order.priority)
    note = too_long(forecast, None if window is None else window.ends - app.clock.now())
    if expansion is not None:
        note = ". ".join(each for each in (expansion.words, note) if each)

    async def become(tx: Transaction, job: Job) -> None:
        now = await tx.now()
        if expansion is not None:
            await expansion.publish(tx)
        if not await tx.occurrences.start(held, job.id, list_version=version.version, reason=note, now=now):
            raise OccurrenceLost(f"occurrence {making.at} of schedule {schedule.name} is another clock's by now")
        if left is not None:
            words = f"{(left.reason or 'Stopped.').removesuffix(_GOES_FIRST)} What it left is first in job {job.id}."
            if not await tx.job_ends.carry_over(left.id, to=job.id, reason=words, now=now):
                raise OccurrenceLost(f"job {left.id} of schedule {schedule.name} goes on again")

    request = ListRequest(
        order=order,
        schedule=schedule.name,
        by=the_schedule(schedule) if by_hand is None else by_hand.by,
        not_after=None if window is None else window.ends,
        not_after_reason=None if window is None else _reason(schedule, window),
        rest_of=None if left is None else left.id,
        reason=None if by_hand is None else by_hand.reason,
        idempotency=None if by_hand is None else by_hand.idempotency,
    )
    async with signs_of_life(app, held):
        job = await submit_list(app, request, version, together_with=become)
    log.info("occurrence.started", schedule=schedule.name, instant=making.at, job=job.id, note=note)
    return job


async def _left(tx: Transaction, schedule: Schedule) -> Job | None:
    """The schedule's last job where it was stopped: what waits in it goes first."""
    job = await last_job(tx, schedule.number)
    return job if job is not None and job.status is JobStatus.STOPPED else None


def _reason(schedule: Schedule, window: StartWindow) -> str:
    left = _GOES_FIRST if schedule.rules.carry_over else " `muster job resume` calls what is left now."
    return f"Stopped because {window.reason}.{left}"


_GOES_FIRST = " The next run takes what is left first."


def the_schedule(schedule: Schedule) -> Actor:
    """The actor of a job that a schedule starts by itself."""
    return Actor(f"schedule {schedule.name}", "clock")


async def _cancel(app: App, job: JobId, schedule: Schedule) -> None:
    try:
        await cancel_job(app, job, by=the_schedule(schedule), reason="the schedule's next run took its place")
    except IllegalMove:
        return  # it came to its end meanwhile


@asynccontextmanager
async def signs_of_life(app: App, held: Held) -> AsyncIterator[None]:
    """Hold the occurrence for as long as the list is read or its selection expanded.

    A large one takes longer than a killed clock is waited for.
    """
    beating = asyncio.create_task(_beat(app, held))
    try:
        yield
    finally:
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)


async def _beat(app: App, held: Held) -> None:
    while True:
        await app.clock.sleep(_SIGN_OF_LIFE)
        try:
            async with app.store.transaction() as tx:
                await tx.occurrences.extend(held, until=await tx.now() + MAKING)
        except TryLater as problem:
            log.warning("occurrence.unextended", reason=str(problem))
