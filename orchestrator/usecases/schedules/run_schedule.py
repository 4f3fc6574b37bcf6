"""Starts a job of a schedule now, at a person's request."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.app import App
from orchestrator.domain.access import Actor
from orchestrator.domain.confirmation import Confirm, Facts, refuse_outdated
from orchestrator.domain.errors import EmergencyStopped, IdempotencyConflict, MusterError, StillRunning
from orchestrator.domain.ids import JobId
from orchestrator.domain.job import Job
from orchestrator.domain.schedule import OccurrenceStatus, Overlap, Schedule, ScheduleStatus
from orchestrator.domain.selection import EmptySelection, SelectionCollapsed
from orchestrator.store.engine.database import Transaction
from orchestrator.store.schedules.occurrences import OccurrenceFacts
from orchestrator.usecases.access.scopes import schedule_to_change
from orchestrator.usecases.jobs.idempotency import Idempotency, KeyTaken, job_of_key
from orchestrator.usecases.operations.stops_in_force import halted_by
from orchestrator.usecases.schedules.describe_schedules import facts_shown
from orchestrator.usecases.schedules.expand_selection import ExpandedSelection, expanded, refuse_if_collapsed
from orchestrator.usecases.schedules.fire_schedules import running_job
from orchestrator.usecases.schedules.resume_schedule import resume_schedule
from orchestrator.usecases.schedules.start_occurrence import MAKING, ByHand, Making, start_occurrence


async def run_schedule(
    app: App,
    name: str,
    *,
    by: Actor,
    reason: str | None = None,
    idempotency_key: str | None = None,
    confirm: Confirm | None = None,
    shown: Facts | None = None,
    accept: bool = False,
) -> Job:
    """Returns the new job, which has no window, in any status of the schedule; StillRunning while the last job runs.

    With a key that was used for the same request before, the answer is that job. ConfirmationOutdated where the
    schedule or its list is not as it was `shown`. `accept` runs a selection that shrank by more than half, and lets a
    schedule go on that waited for this; without it that is SelectionCollapsed. EmptySelection. Both are recorded as a
    run that failed.
    """
    idempotency = None if idempotency_key is None else Idempotency(by, idempotency_key, ["run", name, reason])
    async with app.store.reading() as tx:
        schedule = await schedule_to_change(tx, name, by)
        # Before a group is read for nothing; it is looked at again below.
        done = await job_of_key(tx, idempotency)
    if done is not None:
        return done
    wish = _Wish(by, reason, idempotency, confirm, shown)
    source = schedule.order.source
    if source is None:
        return await _run(app, name, wish, None)
    try:
        async with expanded(app, name, schedule.order, source, by=by) as expansion:
            if not accept:
                refuse_if_collapsed(expansion, name)
            by.grant.refuse_devices(expansion.version.devices)
            job = await _run(app, name, wish, expansion)
    except (EmptySelection, SelectionCollapsed) as problem:
        await _record_refusal(app, schedule, problem, by=by)
        raise
    if accept and schedule.status is ScheduleStatus.SET_ASIDE:
        await resume_schedule(app, name, by=by, reason=reason)
    return job


async def _record_refusal(app: App, schedule: Schedule, problem: MusterError, *, by: Actor) -> None:
    """Record the run that a person has to decide about; the schedule needs attention until its next run."""
    async with app.store.transaction() as tx:
        now = await tx.now()
        failed = OccurrenceFacts(schedule.number, now, OccurrenceStatus.FAILED, str(problem), now, by=by.name)
        await tx.occurrences.add([failed])


@dataclass(frozen=True, slots=True)
class _Wish:
    """Who asks for the run, and what of it they agreed to."""

    by: Actor
    reason: str | None
    idempotency: Idempotency | None
    confirm: Confirm | None
    shown: Facts | None


async def _run(app: App, name: str, wish: _Wish, expansion: ExpandedSelection | None) -> Job:
    by, idempotency = wish.by, wish.idempotency
    async with app.store.transaction() as tx:
        schedule = await schedule_to_change(tx, name, by)
        if (halted := await halted_by(app, tx, schedule.order.tenant)) is not None:
            raise EmergencyStopped(f"{halted} Schedules start nothing until it is lifted.")
        version = await tx.lists.newest(schedule.order.list_name) if expansion is None else expansion.version
        await tx.schedules.locked(schedule.number)
        # Not before the lock: a request that came twice at once may have made it meanwhile.
        done = await job_of_key(tx, idempotency)
        if done is not None:
            return done
        if wish.shown is not None:
            refuse_outdated(wish.shown, await facts_shown(tx, schedule))
        now = await tx.now()
        cancels = await _in_its_way(tx, schedule)
        if wish.confirm is not None:
            wish.confirm(schedule.order.action, version.devices)
        starting = OccurrenceFacts(schedule.number, now, OccurrenceStatus.STARTING, None, now, by=by.name)
        await tx.occurrences.add([starting], holder=app.worker, lease_until=now + MAKING)
    by_hand = ByHand(by, wish.reason, idempotency, version.version, expansion)
    making = Making(schedule, now, None, cancels, app.worker, by_hand)
    try:
        return await _started(app, making, idempotency)
    except BaseException as problem:
        async with app.store.transaction() as tx:
            words = str(problem) or "interrupted"
            await tx.occurrences.settle(schedule.number, now, OccurrenceStatus.FAILED, words, now=await tx.now())
        raise


async def _in_its_way(tx: Transaction, schedule: Schedule) -> JobId | None:
    """The job that is to be cancelled first; StillRunning where it is to be waited for."""
    running = await running_job(tx, schedule.number)
    if any(each.status is OccurrenceStatus.STARTING for each in await tx.occurrences.open_of(schedule.number)):
        raise StillRunning(f"A job of schedule {schedule.name!r} is being made right now. Look at it first.")
    if running is not None and schedule.rules.overlap is not Overlap.CANCEL:
        raise StillRunning(
            f"Job {running} of schedule {schedule.name!r} has not ended, and its devices would be called twice. "
            f"`muster job watch {running}` follows it, `muster job cancel {running}` ends it."
        )
    return running


async def _started(app: App, making: Making, idempotency: Idempotency | None) -> Job:
    try:
        return await start_occurrence(app, making)
    except KeyTaken:
        if idempotency is None:
            raise
        # Not a job of this schedule, which was checked: another request with this key came at the same moment.
        raise IdempotencyConflict(idempotency.key) from None
