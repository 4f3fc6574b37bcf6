"""Gather what decides what needs attention, in a number of statements that does not grow; and acknowledge an item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from orchestrator.app import App
from orchestrator.domain import confirmation
from orchestrator.domain.access import Actor, Role
from orchestrator.domain.attention import (
    AttentionItem,
    Facts,
    IdleWork,
    InventoryFacts,
    JobFacts,
    ScheduleFacts,
)
from orchestrator.domain.attention_rules import is_above_tolerance, needs_attention
from orchestrator.domain.errors import RequestRejected, ScheduleUnreadable, UnknownAttentionItem
from orchestrator.domain.ids import JobNumber
from orchestrator.domain.job import Job, JobStatus, Tally
from orchestrator.domain.plain_text import plain_text
from orchestrator.domain.schedule import Rules, Schedule, ScheduleStatus
from orchestrator.domain.target import may_mend
from orchestrator.domain.waiting import WaitKind
from orchestrator.queueing.batch_queue import NoQueue
from orchestrator.store.engine.database import Transaction
from orchestrator.telemetry.logger import get_logger
from orchestrator.usecases.jobs.describe_jobs import JobView, list_running

log = get_logger(__name__)

MOST_RUNNING = 100
_NEEDS_PERSON = frozenset({WaitKind.TENANT_CHANGED, WaitKind.SIGN_IN})
"""Causes of waiting that do not end by themselves."""


async def list_attention(app: App) -> list[AttentionItem]:
    """The items that need attention now."""
    running, _ = await list_running(app, limit=MOST_RUNNING)
    async with app.store.reading() as tx:
        return await attention_of(app, tx, running, await tx.schedules.all_as_stored())


async def attention_of(
    app: App, tx: Transaction, running: Sequence[JobView], stored: Sequence[Schedule | ScheduleUnreadable]
) -> list[AttentionItem]:
    """The items that need attention, where the jobs under way and all schedules are known."""
    schedules = [each for each in stored if isinstance(each, Schedule)]
    unreadable = [each for each in stored if isinstance(each, ScheduleUnreadable)]
    return needs_attention(
        Facts(
            now=await tx.now(),
            stops=await tx.emergency_stops.in_force(),
            jobs=[*map(_waiting_job, filter(_waits_for_person, running)), *await _jobs_at_rest(tx, schedules)],
            schedules=[*await _schedules(tx, schedules), *map(_unreadable, unreadable)],
            idle=_idle_work(app, running),
            credentials=app.credential_ends(),
            inventories=_inventories(app, await tx.inventories.read_times(), await tx.inventories.waiting_since()),
            clock_command="muster serve" if isinstance(app.queue, NoQueue) else "muster clock",
            acknowledged=await tx.attention.acknowledged(),
        )
    )


async def acknowledge(
    app: App, wanted: str, *, reason: str, by: Actor, shown: confirmation.Facts | None = None
) -> AttentionItem:
    """The item that is acknowledged now, and needs attention no more unless it begins anew.

    `wanted` is the id of an item, or its subject where that has one item. UnknownAttentionItem where there is none,
    RequestRejected without a reason, ConfirmationOutdated where it began anew since it was `shown`, NotPermitted below
    an operator and beyond an operator's tenants.
    """
    by.grant.refuse_below(Role.OPERATOR)
    reason = plain_text(reason).strip()
    if not reason:
        raise RequestRejected("Say why: an acknowledgement needs a reason.")
    items = await list_attention(app)
    found = [item for item in items if item.id == wanted] or [item for item in items if item.subject == wanted]
    if len(found) != 1:
        raise UnknownAttentionItem(wanted, tuple(item.id for item in found or items))
    item = found[0]
    confirmation.refuse_outdated(shown, confirmation.attention_facts(item))
    if item.tenant is not None:
        by.grant.refuse_tenant(item.tenant)
    async with app.store.transaction() as tx:
        now = await tx.now()
        await tx.attention.acknowledge(item.id, by=by.name, reason=reason, now=now)
        facts = {"item": item.id, "sentence": item.sentence}
        await tx.audit.write(by, "attention.acknowledged", item.subject, reason=reason, facts=facts, now=now)
    log.info("attention.acknowledged", item=item.id, by=by.name, reason=reason)
    return item


def _waits_for_person(view: JobView) -> bool:
    return view.waiting_for is not None and view.waiting_for.kind in _NEEDS_PERSON


def _waiting_job(view: JobView) -> JobFacts:
    waits_for = None if view.waiting_for is None else view.waiting_for.message
    return _job(view.job, view.tally, view.job.started_at or view.job.submitted_at, waits_for=waits_for)


def _idle_work(app: App, running: Sequence[JobView]) -> IdleWork | None:
    idle = [view for view in running if view.waiting_for is not None and view.waiting_for.kind is WaitKind.NO_WORKER]
    if not idle:
        return None
    return IdleWork(
        jobs=len(idle),
        devices=sum(view.tally.waiting for view in idle),
        since=min(view.job.submitted_at for view in idle),
        command="muster serve" if isinstance(app.queue, NoQueue) else "muster worker",
    )


async def _jobs_at_rest(tx: Transaction, schedules: Sequence[Schedule]) -> list[JobFacts]:
    numbers = await tx.attention.jobs()
    if not numbers:
        return []
    jobs = await tx.jobs.by_numbers(numbers)
    numbers = [job.number for job in jobs]
    tallies = await tx.jobs.tallies(numbers)
    retried = await tx.jobs.retried_by([job.id for job in jobs])
    at_rest = await tx.attention.at_rest_since(numbers)
    windows = await tx.attention.ends_of_windows(numbers)
    rules = {schedule.name: schedule.rules for schedule in schedules}
    tolerated = {name: each.tolerate for name, each in rules.items()}
    can_mend = await _can_mend(tx, [job for job in jobs if _is_bad(job, tallies[job.number], tolerated)])
    found = []
    for job in jobs:
        ended = job.finished_at if job.status.is_final else at_rest.get(job.number)
        since = ended or job.started_at or job.submitted_at
        is_over = job.number in windows and windows[job.number] <= since
        goes_on = job.status is JobStatus.STOPPED and is_over and _carries_over(rules.get(job.schedule or ""))
        found.append(
            _job(
                job,
                tallies[job.number],
                since,
                is_retried=job.id in retried,
                can_mend=can_mend.get(job.number, True),
                goes_on_by_itself=goes_on,
            )
        )
    return found


def _is_bad(job: Job, tally: Tally, tolerated: Mapping[str, int]) -> bool:
    return job.status is JobStatus.FINISHED and is_above_tolerance(tally, tolerated.get(job.schedule or "", 0))


async def _can_mend(tx: Transaction, jobs: Sequence[Job]) -> dict[JobNumber, bool]:
    """Whether another attempt may mend any failure of each of these jobs."""
    if not jobs:
        return {}
    errors = await tx.jobs.errors_of([job.number for job in jobs])
    return {
        number: any(may_mend(group.status, group.http_status) for group in groups) for number, groups in errors.items()
    }


def _job(job: Job, tally: Tally, since: datetime, **facts: object) -> JobFacts:
    return JobFacts(
        job.number,
        job.id,
        job.name or job.intake.file_name,
        job.tenant,
        job.schedule,
        job.status,
        job.reason,
        tally,
        since,
        **facts,  # type: ignore[arg-type] # named by the two callers above
    )


async def _schedules(tx: Transaction, schedules: Sequence[Schedule]) -> list[ScheduleFacts]:
    if not schedules:
        return []
    last = await tx.attention.last_occurrences()
    lacking = await tx.attention.lacking_lists()
    # A selection has a list of its own, which the next run writes.
    blocked = [each for each in schedules if each.number in lacking and each.order.source is None]
    lists = {each.number: each.order.list_name for each in blocked}
    removed_at = await tx.audit.last_times("list.removed", set(lists.values())) if lists else {}
    found = []
    for schedule in schedules:
        occurrence = last.get(schedule.number)
        is_due = schedule.status is ScheduleStatus.ACTIVE and schedule.next_at is not None
        found.append(
            ScheduleFacts(
                schedule.name,
                schedule.order.tenant,
                schedule.status,
                reason=schedule.reason,
                tolerated=schedule.rules.tolerate,
                last_at=None if occurrence is None else occurrence.at,
                last_status=None if occurrence is None else occurrence.status,
                last_reason=None if occurrence is None else occurrence.reason,
                due_at=schedule.next_at + schedule.jitter_at(schedule.next_at) if is_due and schedule.next_at else None,
                start_within=schedule.rules.start_within,
                created_at=schedule.created_at,
                lacks_list=lists.get(schedule.number),
                lacking_since=removed_at.get(schedule.order.list_name),
            )
        )
    return found


def _unreadable(problem: ScheduleUnreadable) -> ScheduleFacts:
    return ScheduleFacts(problem.name, None, ScheduleStatus.SET_ASIDE, reason=str(problem))


def _carries_over(rules: Rules | None) -> bool:
    return rules is not None and rules.carry_over


def _inventories(
    app: App, read_at: Mapping[str, datetime], waiting_since: Mapping[str, datetime]
) -> list[InventoryFacts]:
    return [
        InventoryFacts(name, read_at[tenant.directory], app.inventory_max_age, waiting_since.get(tenant.directory))
        for name, tenant in sorted(app.tenants.items())
        if tenant.directory in read_at
    ]
