"""The scope of a change of what is stored: which actions, tenants and how many devices it concerns."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.domain.access import Actor, Grant, Scope, scope_of
from orchestrator.domain.errors import NotPermitted
from orchestrator.domain.job import Job, Tally
from orchestrator.domain.schedule import Schedule, ScheduleStatus
from orchestrator.store.engine.database import Transaction


async def job_to_change(tx: Transaction, wanted: str, by: Actor) -> tuple[Job, Tally]:
    """Returns the job of this id or unambiguous prefix, and its counts; NotPermitted where it is beyond the grant."""
    job = await tx.jobs.find(wanted)
    tally = (await tx.jobs.tallies([job.number]))[job.number]
    by.grant.refuse_change(scope_of(job.action, job.tenant, tally.total))
    return job, tally


async def schedule_to_change(tx: Transaction, name: str, by: Actor) -> Schedule:
    """Returns the schedule of this name; NotPermitted where the actor may not change it."""
    schedule = await tx.schedules.by_name(name)
    by.grant.refuse_change(await scope_of_schedule(tx, schedule))
    return schedule


async def scope_of_schedule(tx: Transaction, schedule: Schedule) -> Scope:
    """The schedule's action and tenant, and the devices of its list; of a list that is gone none."""
    version = await tx.lists.find_newest(schedule.order.list_name)
    return scope_of(schedule.order.action, schedule.order.tenant, 0 if version is None else version.devices)


async def scope_of_schedules(tx: Transaction, schedules: Iterable[Schedule]) -> Scope:
    """The union of their scopes; a schedule that has ended calls no device, so it does not count."""
    scope = Scope()
    for schedule in schedules:
        if schedule.status is not ScheduleStatus.ENDED:
            scope |= await scope_of_schedule(tx, schedule)
    return scope


async def refuse_list_change(tx: Transaction, grant: Grant, name: str, *, devices: int = 0) -> None:
    """NotPermitted where the list, as it is stored or with so many devices, is beyond the grant.

    A list has no action and no tenant of its own: those of the schedules that would call its devices count.
    """
    stored = await tx.lists.find_newest(name)
    grant.refuse_change(Scope(devices=devices if stored is None else max(stored.devices, devices)))
    for schedule in await tx.schedules.of_list(name):
        if schedule.status is not ScheduleStatus.ENDED:
            try:
                grant.refuse_change(scope_of(schedule.order.action, schedule.order.tenant, 0))
            except NotPermitted as refusal:
                raise NotPermitted(f"Schedule {schedule.name!r} calls the devices of this list. {refusal}") from None
