"""Fill a fresh database with a month of work, for the demonstration."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from functools import partial
from io import BytesIO
from random import Random

from orchestrator.app import App
from orchestrator.domain.access import Actor
from orchestrator.domain.action import Action
from orchestrator.domain.blackout import parse_blackout
from orchestrator.domain.course import EventKind
from orchestrator.domain.device import Via
from orchestrator.domain.ids import JobNumber
from orchestrator.domain.job import Job, JobStatus
from orchestrator.domain.job_filter import JobFilter
from orchestrator.domain.recurrence import first_occurrences, parse_cron
from orchestrator.domain.schedule import OccurrenceStatus, Order, Rules, Schedule
from orchestrator.domain.target import TargetStatus
from orchestrator.intake.device_list import IntakeOptions
from orchestrator.inventory.contents import InventorySource, import_inventory
from orchestrator.store.engine.database import Store
from orchestrator.store.jobs.past_jobs import PastEnd, PastTarget
from orchestrator.usecases.jobs.describe_jobs import list_jobs
from orchestrator.usecases.jobs.retry_job import retry_job
from orchestrator.usecases.jobs.submit_job import JobRequest, submit_job
from orchestrator.usecases.jobs.submit_list import ListRequest, submit_list
from orchestrator.usecases.lists.import_list import import_list
from orchestrator.usecases.operations.demo_plan import (
    CONTOSO,
    DAYS,
    FABRIKAM,
    GONE,
    PER_SECOND,
    SCHEDULES,
    UNAVAILABLE,
    Course,
    DemoDevice,
    DemoSchedule,
    Ending,
    Sites,
    course_of,
    devices_of,
    endings,
    fleet,
    inventory_csv,
    list_csv,
)
from orchestrator.usecases.schedules.add_schedule import NewSchedule, add_schedule

_ADMIN = Actor("admin@contoso.example", "", is_command_line=True)
_HELPDESK = Actor("helpdesk@contoso.example", "", is_command_line=True)
_OPTIONS = IntakeOptions()
_MOST_BYTES = 1 << 24
_WHY_MISSED = (
    "no clock was running when it was due: noticed 2 h 10 min late, and it starts within 1 h 00 min or not at all"
)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A job that a person submits by hand, for the devices of a site."""

    tenant: str
    action: Action
    site: Sites
    name: str
    reason: str
    by: Actor = _ADMIN


@dataclass(slots=True)
class PastClock:
    """A clock that stands where it was set: what is stored by it was stored then."""

    at: datetime = field(default_factory=lambda: datetime(2000, 1, 1, tzinfo=UTC))

    def now(self) -> datetime:
        """The time that was set."""
        return self.at

    def monotonic(self) -> float:
        """Seconds of the time that was set."""
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        """Moves the clock instead of waiting."""
        self.at += timedelta(seconds=seconds)


async def seed_demo(app: App, past: Store, clock: PastClock) -> None:
    """A month of two tenants up to now, and jobs that run now; `past` is the store of `app` by `clock`."""
    now = app.clock.now()
    then = replace(app, store=past, clock=clock, chance=Random(7))  # noqa: S311 - the same ids in each demonstration
    await _inventories(then, clock, now)
    schedules = [await _schedule(then, clock, now - timedelta(days=DAYS), each) for each in SCHEDULES]
    steps: list[tuple[datetime, Callable[[App, PastClock], Awaitable[None]]]]
    steps = [(now - before, make) for before, make in _MANUAL]
    for plan, schedule in zip(SCHEDULES, schedules, strict=True):
        due = _due(schedule, plan.days, now)
        for at in due:
            course = course_of(plan.name, (now - at).days, is_last=at == due[-1])
            steps.append((at, partial(_run, plan=plan, schedule=schedule, course=course, days_ago=(now - at).days)))
    for at, make in sorted(steps, key=lambda step: step[0]):
        clock.at = at
        await make(then, clock)
    clock.at = now
    async with past.transaction() as tx:
        for schedule in schedules:
            await tx.schedules.advance(schedule, first_occurrences(schedule.recurrence, now, 1)[0].at)
        freeze = (now + timedelta(days=5)).date()
        blackout = parse_blackout(f"{freeze}..{freeze + timedelta(days=2)}", "Change freeze")
        await tx.schedules.add_blackouts([blackout], schedule=None)
    await _submit(
        app, _Wanted(CONTOSO, Action.WINDOWS_DEFENDER_UPDATE_SIGNATURES, "", "Signatures, all offices", "CHG-4720")
    )
    await _submit(app, _Wanted(FABRIKAM, Action.QUICK_SCAN, "", "Quick scan after incident 2291", "INC-2291"))
    await _submit(app, _Wanted(CONTOSO, Action.REFRESH_USER_POLICY, "MUC", "User policy, Munich", "CHG-4721"))


async def _inventories(app: App, clock: PastClock, now: datetime) -> None:
    for tenant, age in ((CONTOSO, timedelta(hours=3)), (FABRIKAM, timedelta(days=9))):
        clock.at = now - age
        source = InventorySource(BytesIO(inventory_csv(fleet(tenant), clock.at)), f"{tenant}-devices.csv")
        await import_inventory(app, tenant, [source], by=_ADMIN, reason=None, max_bytes=_MOST_BYTES)


async def _schedule(app: App, clock: PastClock, at: datetime, plan: DemoSchedule) -> Schedule:
    clock.at = at
    await _list(app, plan, devices_of(plan.tenant, plan.site)[: plan.listed_first])
    new = NewSchedule(
        name=plan.name,
        recurrence=parse_cron(plan.cron, plan.timezone, now=at),
        order=Order(
            action=plan.action, via=Via.MANAGED_DEVICES, tenant=plan.tenant, list_name=plan.list_name, name=plan.name
        ),
        rules=Rules(until=time.fromisoformat(plan.until) if plan.until else None),
    )
    return (await add_schedule(app, new, by=_ADMIN)).schedule


async def _list(app: App, plan: DemoSchedule, devices: Sequence[DemoDevice]) -> None:
    file = f"{plan.list_name}.csv"
    content = BytesIO(list_csv(devices))
    await import_list(
        app, plan.list_name, content, via=Via.MANAGED_DEVICES, file_name=file, options=_OPTIONS, by=_ADMIN
    )


async def _grown_list(app: App, clock: PastClock) -> None:
    del clock
    for plan in SCHEDULES:
        if plan.listed_first is not None:
            await _list(app, plan, devices_of(plan.tenant, plan.site))


def _due(schedule: Schedule, days: int, now: datetime) -> list[datetime]:
    occurrences = first_occurrences(schedule.recurrence, now - timedelta(days=days), 6 * DAYS)
    return [instant.at for instant in occurrences if instant.at < now - timedelta(minutes=5)]


async def _run(
    app: App, clock: PastClock, *, plan: DemoSchedule, schedule: Schedule, course: Course, days_ago: int
) -> None:
    at = clock.at
    if course is Course.MISSED:
        async with app.store.transaction() as tx:
            await tx.past_jobs.occurrence(schedule.number, at, OccurrenceStatus.MISSED, job=None, reason=_WHY_MISSED)
        return
    async with app.store.reading() as tx:
        version = await tx.lists.newest(plan.list_name)
    job = await submit_list(app, ListRequest(schedule.order, schedule.name, _ADMIN), version)
    chance = Random(f"{plan.name} {at:%Y-%m-%d %H}")  # noqa: S311 - the same failures in each demonstration
    events: tuple[tuple[datetime, EventKind], ...] = ()
    if course is Course.OUTAGE:
        seconds = version.devices / PER_SECOND
        events = (
            (at + timedelta(seconds=0.35 * seconds), EventKind.OUTAGE),
            (at + timedelta(seconds=0.75 * seconds), EventKind.OUTAGE_OVER),
        )
    ends = list(endings(course, devices_of(plan.tenant, plan.site), days_ago, chance))
    await _end(app, job, ends, JobStatus.FINISHED, events=events)
    async with app.store.transaction() as tx:
        await tx.past_jobs.occurrence(schedule.number, at, OccurrenceStatus.STARTED, job=job.id, reason=None)


async def _end(
    app: App,
    job: Job,
    ends: Sequence[Ending],
    status: JobStatus,
    *,
    reason: str | None = None,
    events: Sequence[tuple[datetime, EventKind]] = (),
) -> None:
    """Write that the calls of a job ended so, one after the other; a device without an ending waits still."""
    began = job.submitted_at + timedelta(seconds=1)
    async with app.store.transaction() as tx:
        lines = await tx.past_jobs.lines(JobNumber(job.number))
        targets = [
            PastTarget(
                line,
                end.status,
                began + timedelta(seconds=place / PER_SECOND) if end.status is not TargetStatus.CANCELLED else None,
                end.attempts,
                end.http_status,
                end.code,
                end.message,
            )
            for place, (line, end) in enumerate(zip(lines, ends, strict=False))
        ]
        waiting = [PastTarget(line, TargetStatus.WAITING, None) for line in lines[len(targets) :]]
        called = sum(target.at is not None for target in targets)
        ended = began + timedelta(seconds=max(1.0, called / PER_SECOND))
        samples = []
        for place in range(0, called, int(5 * PER_SECOND)):
            accepted = sum(target.status is TargetStatus.ACCEPTED for target in targets[:place])
            samples.append((began + timedelta(seconds=place / PER_SECOND), accepted, place))
        accepted = sum(target.status is TargetStatus.ACCEPTED for target in targets)
        samples.append((ended, accepted, called))
        end = PastEnd(status, reason, began if called else None, ended, [*targets, *waiting], samples, events)
        await tx.past_jobs.end(job.number, end, per_second=PER_SECOND)


async def _submit(app: App, wanted: _Wanted) -> tuple[Job, list[DemoDevice]]:
    devices = devices_of(wanted.tenant, wanted.site)
    request = JobRequest(
        action=wanted.action, tenant=wanted.tenant, by=wanted.by, name=wanted.name, reason=wanted.reason
    )
    file = f"{wanted.name.lower().replace(' ', '-').replace(',', '')}.csv"
    job = await submit_job(app, request, BytesIO(list_csv(devices)), file_name=file, options=_OPTIONS)
    return job, devices


async def _stopped(app: App, clock: PastClock) -> None:
    job, _ = await _submit(app, _Wanted(CONTOSO, Action.APP_EVALUATION, "PAR", "App evaluation, ring 2", "CHG-4711"))
    ends = [Ending(TargetStatus.ACCEPTED)] * 520
    ends += [UNAVAILABLE if place % 3 == 1 else Ending(TargetStatus.ACCEPTED) for place in range(120)]
    reason = "The brake stopped it: 40 of the latest 120 devices ended with an error, and 25 % is the limit."
    at = clock.at + timedelta(seconds=1 + len(ends) / PER_SECOND)
    await _end(app, job, ends, JobStatus.STOPPED, reason=reason, events=[(at, EventKind.BRAKED)])


async def _all_failed(app: App, clock: PastClock) -> None:
    del clock
    job, devices = await _submit(
        app, _Wanted(FABRIKAM, Action.WAKE_UP_CLIENT, "KIO", "Wake kiosks for maintenance", "CHG-4702", by=_HELPDESK)
    )
    await _end(app, job, [GONE] * len(devices), JobStatus.FINISHED)


async def _paused(app: App, clock: PastClock) -> None:
    job, _ = await _submit(
        app, _Wanted(CONTOSO, Action.FULL_SCAN, "PAR", "Full scan after incident 2291", "INC-2291", by=_HELPDESK)
    )
    ends = [Ending(TargetStatus.ACCEPTED)] * 512
    at, why = clock.at + timedelta(seconds=1 + len(ends) / PER_SECOND), "wait for the night"
    reason = f"paused by {_HELPDESK.name}: {why}"
    await _end(app, job, ends, JobStatus.PAUSED, reason=reason, events=[(at, EventKind.PAUSED)])
    await _moved(app, job, _HELPDESK, what="job.paused", why=why, at=at)


async def _cancelled(app: App, clock: PastClock) -> None:
    job, devices = await _submit(
        app, _Wanted(CONTOSO, Action.FULL_SCAN, ("BER", "MUC", "HAM"), "Full scan, all laptops", "CHG-4705")
    )
    called = 214
    ends = list(endings(Course.USUAL, devices[:called], 2, Random(2)))  # noqa: S311 - likewise
    ends += [Ending(TargetStatus.CANCELLED, 0, None)] * (len(devices) - called)
    why = "started by mistake"
    await _end(app, job, ends, JobStatus.CANCELLED, reason=f"cancelled by {_ADMIN.name}: {why}")
    at = clock.at + timedelta(seconds=1 + called / PER_SECOND)
    await _moved(app, job, _ADMIN, what="job.cancelled", why=why, at=at)


async def _retried(app: App, clock: PastClock) -> None:
    del clock
    nights = await list_jobs(app, wanted=JobFilter(schedule="nightly-policy"), limit=3)
    worst = max(nights, key=lambda view: view.tally.failed).job
    retry = await retry_job(app, worst.id, by=_ADMIN, reason="INC-2254 is over")
    await _end(app, retry, [Ending(TargetStatus.ACCEPTED)] * retry.intake.rows, JobStatus.FINISHED)


async def _moved(app: App, job: Job, by: Actor, *, what: str, why: str, at: datetime) -> None:
    async with app.store.transaction() as tx:
        await tx.audit.write(by, what, job.id, reason=why, now=at)


async def _pilot(app: App, clock: PastClock, *, days_ago: int) -> None:
    job, devices = await _submit(
        app, _Wanted(CONTOSO, Action.REFRESH_USER_POLICY, "HAM", "User policy, Hamburg", "CHG-4698", by=_HELPDESK)
    )
    ends = list(endings(Course.USUAL, devices, days_ago, Random(clock.at.day)))  # noqa: S311 - likewise
    await _end(app, job, ends, JobStatus.FINISHED)


_MANUAL: tuple[tuple[timedelta, Callable[[App, PastClock], Awaitable[None]]], ...] = (
    (timedelta(days=20), _grown_list),
    (timedelta(days=8, hours=22), _retried),
    (timedelta(days=8, hours=3), partial(_pilot, days_ago=8)),
    (timedelta(days=2, hours=5), _cancelled),
    (timedelta(days=1, hours=4), partial(_pilot, days_ago=1)),
    (timedelta(hours=3), _all_failed),
    (timedelta(hours=1, minutes=20), _paused),
    (timedelta(minutes=12), _stopped),
)
