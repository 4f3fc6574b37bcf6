"""The scope of a change of what is stored: which actions, tenants and how many devices it concerns."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.domain.access import Grant, Scope, scope_of
from orchestrator.domain.errors import NotPermitted, UnknownList
from orchestrator.domain.job import Job
from orchestrator.domain.schedule import Schedule, ScheduleStatus
from orchestrator.store.engine.database import Transaction


async def scope_of_job(tx: Transaction, job: Job) -> Scope:
    """The job's action and tenant, and all its devices."""
    return scope_of(job.action, job.tenant, (await tx.jobs.tallies([job.number]))[job.number].total)


async def scope_of_schedule(tx: Transaction, schedule: Schedule) -> Scope:
    """The schedule's action and tenant, and the devices of its list; of a list that is gone none."""
    try:
        devices = (await tx.lists.newest(schedule.order.list_name)).devices
    except UnknownList:
        devices = 0
    return scope_of(schedule.order.action, schedule.order.tenant, devices)


async def scope_of_schedules(tx: Transaction, schedules: Iterable[Schedule]) -> Scope:
    """The union of their scopes; a schedule that has ended calls nobody and counts for nothing."""
    scope = Scope()
    for schedule in schedules:
        if schedule.status is not ScheduleStatus.ENDED:
            scope |= await scope_of_schedule(tx, schedule)
    return scope


async def refuse_list_change(tx: Transaction, grant: Grant, name: str, *, devices: int = 0) -> None:
    """NotPermitted where the list, as it is stored or with so many devices, is beyond the grant.

    A list has no action and no tenant of its own: those of the schedules that would call its devices count.
    """
    try:
        stored = (await tx.lists.newest(name)).devices
    except UnknownList:
        stored = 0
    grant.refuse_change(Scope(devices=max(stored, devices)))
    for schedule in await tx.schedules.of_list(name):
        if schedule.status is not ScheduleStatus.ENDED:
            try:
                grant.refuse_change(scope_of(schedule.order.action, schedule.order.tenant, 0))
            except NotPermitted as refusal:
                raise NotPermitted(f"Schedule {schedule.name!r} calls the devices of this list. {refusal}") from None
