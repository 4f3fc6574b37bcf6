"""Start one job for each due occurrence, or record why none starts; any number of clocks may do this at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from orchestrator.app import App
from orchestrator.domain.access import Actor
from orchestrator.domain.due import Skip, Start, Wait, decide, due_occurrences, missed_words
from orchestrator.domain.errors import CannotContinue, MusterError, RequestRejected, ScheduleInvalid, TryLater
from orchestrator.domain.ids import JobId, ScheduleNumber
from orchestrator.domain.inventory import InventoryTooOld, NoInventory
from orchestrator.domain.job import JobStatus
from orchestrator.domain.notice_kinds import Event
from orchestrator.domain.notice_words import notice_of_schedule
from orchestrator.domain.schedule import OccurrenceStatus, Schedule, ScheduleStatus
from orchestrator.domain.selection import EmptySelection, SelectionCollapsed
from orchestrator.store.engine.database import Transaction
from orchestrator.store.schedules.occurrences import Held, OccurrenceFacts
from orchestrator.store.work.workers import CLOCKS
from orchestrator.telemetry.logger import get_logger
from orchestrator.usecases.access.revoke_key import refusal_of_creator
from orchestrator.usecases.operations.stops_in_force import halted_by
from orchestrator.usecases.operations.write_notices import write_notice
from orchestrator.usecases.schedules.expansions import Expansions
from orchestrator.usecases.schedules.past_runs import last_job
from orchestrator.usecases.schedules.start_occurrence import MAKING, ByHand, Making, OccurrenceLost, start_occurrence

log = get_logger(__name__)

_SCHEDULES_A_LOOK = 100
_EXPANDED_AGAIN = timedelta(minutes=1)


async def fire_schedules(app: App, expansions: Expansions | None = None) -> int:
    """Decides on all due occurrences; returns the number of new jobs. A bad schedule is set aside, the others go on.

    Selections are expanded beside the others: in `expansions`, which outlives this call, or they are waited for here.
    """
    beside = expansions or Expansions()
    async with app.store.reading() as tx:
        now = await tx.now()
        due = await tx.schedules.due(now, limit=_SCHEDULES_A_LOOK)
        open_occurrences = await tx.occurrences.takable(now, limit=_SCHEDULES_A_LOOK)
    made = 0
    for number, at in [*open_occurrences, *((number, None) for number in due)]:
        try:
            made += await _fire(app, number, at, beside)
        except TryLater:
            raise
        except Exception:
            # Not even setting it aside worked; the others go on all the same.
            log.exception("schedule.beyond_help", schedule=number)
    return made if expansions is not None else made + await beside.finished()


async def _fire(
    app: App, number: ScheduleNumber, at: datetime | None, beside: Expansions, making: Making | None = None
) -> bool:
    """Decides on the open or due occurrence of a schedule; an error sets it aside. Returns whether a job was made."""
    try:
        if making is None:
            making = await (_decide_due(app, number) if at is None else _decide_again(app, number, at))
            if making is not None and making.schedule.order.source is not None:
                beside.begin(app, making, partial(_fire, app, number, at, beside, making))
                return False
        if making is not None:
            await start_occurrence(app, making)
    except OccurrenceLost:
        log.info("occurrence.lost", schedule=number)
        return False
    except TryLater as problem:
        if making is None or making.schedule.order.source is None:
            raise
        await _try_again_soon(app, making, str(problem))
        return False
    except (RequestRejected, CannotContinue) as problem:
        await _cannot_start(app, number, at if making is None else making.at, making, problem)
        return False
    except Exception as problem:
        log.exception("schedule.broke", schedule=number)
        fault = f"This is a fault of Muster: {type(problem).__name__}: {problem}. The log has more."
        await _set_aside(app, number, at if making is None else making.at, fault)
        return False
    return making is not None


async def _cannot_start(
    app: App, number: ScheduleNumber, at: datetime | None, making: Making | None, problem: MusterError
) -> None:
    """Set the schedule aside, except where the next run may find what this one lacks."""
    if making is not None and isinstance(problem, InventoryTooOld | NoInventory):
        await _fail(app, making, str(problem))
        return
    if not isinstance(problem, EmptySelection | SelectionCollapsed):
        await _set_aside(app, number, at, str(problem))
        return
    words = f"This run waits for a person. {problem}"
    if making is not None:
        words += f" Once it is mended, `muster schedule resume {making.schedule.name}` lets the schedule go on."
    await _set_aside(app, number, at, words, status=OccurrenceStatus.SKIPPED)


async def _decide_due(app: App, number: ScheduleNumber) -> Making | None:
    async with app.store.transaction() as tx:
        now = await tx.now()
        schedule = await tx.schedules.locked(number)
        if schedule is None or schedule.status is not ScheduleStatus.ACTIVE or schedule.next_at is None:
            return None
        await _refuse_without_creator(tx, schedule, now=now)
        open_occurrences = await tx.occurrences.open_of(number)
        if any(each.status is OccurrenceStatus.STARTING for each in open_occurrences):
            # One at a time: whether its job still runs can be asked once it is there.
            return None
        first = schedule.next_at
        if schedule.next_at_is_lost:
            worked_out = await _work_out_next(app, tx, schedule, now=now)
            if worked_out is None or worked_out > now:
                await tx.schedules.advance(schedule, worked_out)
                return None
            first, schedule = worked_out, replace(schedule, next_at=worked_out)
        # Years of minutes take seconds to count, and calls must go on meanwhile.
        due = await asyncio.to_thread(due_occurrences, schedule, first, now)
        if not due.occurrences:
            return None
        *older, newest = due.occurrences
        await _skip_older(app, tx, schedule, older, due.dropped, now=now)
        await tx.schedules.advance(schedule, due.next_at)
        blackouts = await tx.schedules.blackouts(schedule)
        running = await running_job(tx, number)
        decision = decide(
            schedule,
            newest,
            now=now,
            blackouts=blackouts,
            running=running,
            another_waits=bool(open_occurrences),
            clock_since=await _clock_since(app, tx, newest),
            halted=await halted_by(app, tx, schedule.order.tenant),
        )
        return await _write(app, tx, schedule, newest, decision, now=now)


async def _work_out_next(app: App, tx: Transaction, schedule: Schedule, *, now: datetime) -> datetime | None:
    """The newest occurrence that may still start, else the next one, where the row no longer says it.

    One row tells of those before it.
    """
    earliest = now - schedule.rules.start_within - schedule.rules.jitter
    latest = (await tx.occurrences.latest_of([schedule.number])).get(schedule.number)
    known_until = max(earliest, schedule.created_at, latest.at if latest is not None else earliest)
    first = next((each.at for each in schedule.recurrence.occurrences(known_until)), None)
    if first is not None and first <= now:
        due = await asyncio.to_thread(due_occurrences, schedule, first, now)
        first = known_until = due.occurrences[-1] if due.occurrences else first
    words = (
        "The time of the next run could not be read and was worked out again from the schedule. "
        f"Runs that were due before {_occurrence(known_until)} and have no row here were not started"
    )
    # A second ago: an occurrence that is due right now keeps its own row.
    at = now.replace(microsecond=0) - timedelta(seconds=1)
    await tx.occurrences.add([OccurrenceFacts(schedule.number, at, OccurrenceStatus.MISSED, words, now)])
    await _notify_missed(app, tx, schedule, at, f"{words}.")
    return first


async def _decide_again(app: App, number: ScheduleNumber, at: datetime) -> Making | None:
    """An occurrence that waited for the last job, or whose clock went silent."""
    async with app.store.transaction() as tx:
        now = await tx.now()
        schedule = await tx.schedules.locked(number)
        occurrence = next((each for each in await tx.occurrences.open_of(number) if each.at == at), None)
        if schedule is None or occurrence is None or schedule.status is ScheduleStatus.PAUSED:
            return None
        if occurrence.by is None:
            await _refuse_without_creator(tx, schedule, now=now)
        blackouts = await tx.schedules.blackouts(schedule)
        running = await running_job(tx, number)
        decision = decide(
            schedule,
            at,
            now=now,
            blackouts=blackouts,
            running=running,
            has_waited=occurrence.status is OccurrenceStatus.QUEUED,
            clock_since=await _clock_since(app, tx, at),
            halted=await halted_by(app, tx, schedule.order.tenant),
        )
        match decision:
            case Wait():
                if occurrence.status is OccurrenceStatus.STARTING:
                    await tx.occurrences.settle(number, at, OccurrenceStatus.QUEUED, decision.reason, now=now)
                return None
            case Skip(status, reason):
                if occurrence.reason and occurrence.status is OccurrenceStatus.STARTING:
                    reason = f"{reason}; {occurrence.reason}"
                if await tx.occurrences.settle(number, at, status, reason, now=now):
                    await _notify_if_missed(app, tx, schedule, at, decision)
                return None
            case Start(window, cancels):
                if not await tx.occurrences.lease(number, at, app.worker, lease_until=now + MAKING, now=now):
                    return None
                # A run by hand has no window: a person wants it now. Their rights were checked when they asked.
                by_hand = None if occurrence.by is None else ByHand(Actor(occurrence.by, "clock"))
                return Making(schedule, at, None if by_hand else window, cancels, app.worker, by_hand)


async def _refuse_without_creator(tx: Transaction, schedule: Schedule, *, now: datetime) -> None:
    """ScheduleInvalid, which sets the schedule aside, where the key that created it was revoked or has expired."""
    refusal = await refusal_of_creator(tx, schedule.creator, now=now)
    if refusal is not None:
        raise ScheduleInvalid(refusal.replace("NAME", schedule.name))


async def _clock_since(app: App, tx: Transaction, due_at: datetime) -> datetime | None:
    """The start of the clock that runs longest, among those that reported since then and this process."""
    heard_of = [each.started_at for each in await tx.workers.active_since(due_at) if each.kind in CLOCKS]
    return min([*heard_of, app.started_at], default=None)


async def running_job(tx: Transaction, number: ScheduleNumber) -> JobId | None:
    """The schedule's last job where it has not ended; one that was stopped has."""
    job = await last_job(tx, number)
    return None if job is None or job.status.is_final or job.status is JobStatus.STOPPED else job.id


async def _skip_older(
    app: App, tx: Transaction, schedule: Schedule, older: Sequence[datetime], dropped: int, *, now: datetime
) -> None:
    if not older:
        return
    zone_blackouts = await tx.schedules.blackouts(schedule)
    clock_since = await _clock_since(app, tx, older[0])
    rows = []
    for at in older:
        decision = decide(schedule, at, now=now, blackouts=zone_blackouts, running=None, clock_since=clock_since)
        match decision:
            case Skip(status, reason):
                rows.append(OccurrenceFacts(schedule.number, at, status, reason, now))
            case _:
                later = "a later occurrence has come as well, and only the newest runs"
                rows.append(OccurrenceFacts(schedule.number, at, OccurrenceStatus.MISSED, later, now))
    if dropped and schedule.next_at is not None:
        words = f"{missed_words(schedule.next_at, clock_since)}, and for {dropped - 1:,} occurrences after it"
        oldest = OccurrenceFacts(
            schedule.number, schedule.next_at, OccurrenceStatus.MISSED, words, now, more=dropped - 1
        )
        rows.insert(0, oldest)
    await tx.occurrences.add(rows)
    missed = [row for row in rows if row.status is OccurrenceStatus.MISSED]
    if missed:
        count = sum(1 + row.more for row in missed)
        words = missed[-1].reason or ""
        if count > 1:
            words = f"{count:,} runs, the last of them due at {_occurrence(missed[-1].at)}: {words}"
        await _notify_missed(app, tx, schedule, missed[-1].at, words)


async def _write(
    app: App, tx: Transaction, schedule: Schedule, at: datetime, decision: Start | Wait | Skip, *, now: datetime
) -> Making | None:
    match decision:
        case Skip(status, reason):
            if await tx.occurrences.add([OccurrenceFacts(schedule.number, at, status, reason, now)]):
                log.warning("occurrence.skipped", schedule=schedule.name, occurrence=at, status=status, reason=reason)
                await _notify_if_missed(app, tx, schedule, at, decision)
            return None
        case Wait(reason):
            await tx.occurrences.add([OccurrenceFacts(schedule.number, at, OccurrenceStatus.QUEUED, reason, now)])
            return None
        case Start(window, cancels):
            starting = OccurrenceFacts(schedule.number, at, OccurrenceStatus.STARTING, None, now)
            if not await tx.occurrences.add([starting], holder=app.worker, lease_until=now + MAKING):
                return None
            return Making(schedule, at, window, cancels, app.worker)


async def _notify_if_missed(app: App, tx: Transaction, schedule: Schedule, at: datetime, passed: Skip) -> None:
    # A blackout was wanted; all else that did not run was not.
    if passed.status is not OccurrenceStatus.BLACKOUT:
        await _notify_missed(app, tx, schedule, at, f"The run of {_occurrence(at)} did not start: {passed.reason}.")


async def _notify_missed(app: App, tx: Transaction, schedule: Schedule, at: datetime, words: str) -> None:
    key = f"missed/{schedule.number}/{_occurrence(at)}"
    facts = {"occurrence": _occurrence(at)}
    await write_notice(
        app, tx, notice_of_schedule(schedule.name, Event.MISSED, words, key=key, facts=facts), schedule.channels
    )


async def _try_again_soon(app: App, making: Making, reason: str) -> None:
    """Let the occurrence be taken up again in a minute, by any clock, for as long as its run may start late."""
    log.warning("occurrence.waits_for_graph", schedule=making.schedule.name, occurrence=making.at, reason=reason)
    held = Held(making.schedule.number, making.at, making.holder)
    async with app.store.transaction() as tx:
        await tx.occurrences.extend(held, until=await tx.now() + _EXPANDED_AGAIN, reason=reason)


async def _fail(app: App, making: Making, reason: str) -> None:
    """The run did not start, and the next one may: an inventory that is too old is renewed meanwhile."""
    schedule, at = making.schedule, making.at
    async with app.store.transaction() as tx:
        if await tx.occurrences.settle(schedule.number, at, OccurrenceStatus.FAILED, reason, now=await tx.now()):
            words = f"The run of {_occurrence(at)} did not start: {reason}"
            await _notify_missed(app, tx, schedule, at, words)
    log.warning("occurrence.failed", schedule=schedule.name, occurrence=at, reason=reason)


async def _set_aside(
    app: App,
    number: ScheduleNumber,
    at: datetime | None,
    reason: str,
    *,
    status: OccurrenceStatus = OccurrenceStatus.FAILED,
) -> None:
    async with app.store.transaction() as tx:
        now = await tx.now()
        # First, and without reading it: it may be the definition that cannot be read.
        await tx.schedules.set_status(number, ScheduleStatus.SET_ASIDE, reason)
        name, next_at, channels = await tx.schedules.headline(number)
        occurrence = at or next_at
        if occurrence is not None and not await tx.occurrences.settle(number, occurrence, status, reason, now=now):
            await tx.occurrences.add([OccurrenceFacts(number, occurrence, status, reason, now)])
        key = f"set-aside/{number}/{now.timestamp():.0f}"
        facts = {"occurrence": None if occurrence is None else _occurrence(occurrence)}
        await write_notice(app, tx, notice_of_schedule(name, Event.SET_ASIDE, reason, key=key, facts=facts), channels)
    log.error("schedule.set_aside", schedule=name, reason=reason)


def _occurrence(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
