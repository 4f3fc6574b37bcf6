"""End a key at once, and on request everything that it created."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from orchestrator.app import App
from orchestrator.domain.access import Actor, Role, caller_of_key, key_of_caller
from orchestrator.domain.confirmation import Facts, all_key_facts, refuse_outdated
from orchestrator.domain.errors import ScheduleUnreadable
from orchestrator.domain.job import ACTIVE, JobStatus
from orchestrator.domain.keys import ApiKey, Creations
from orchestrator.domain.schedule import ScheduleStatus
from orchestrator.store.engine.database import Transaction
from orchestrator.telemetry.logger import get_logger

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Revoked:
    """A key that opens nothing any more, and what it created; `is_ended_with_it` says that this ended as well."""

    key: ApiKey
    created: Creations
    is_ended_with_it: bool
    now: datetime


async def revoke_key(
    app: App,
    wanted: str,
    *,
    with_created: bool = False,
    by: Actor,
    reason: str | None = None,
    shown: Facts | None = None,
) -> Revoked:
    """Let a key open nothing from now on; revoking twice is once. No fresh sign-in is asked for: it takes access away.

    `with_created` revokes the keys that it created, pauses its schedules and pauses its unfinished jobs, in the same
    transaction. Without it the schedules are set aside when they are next due, and keys and jobs go on.
    """
    by.grant.refuse_below(Role.ADMIN)
    async with app.store.transaction() as tx:
        key = await tx.keys.find(wanted)
        now = await tx.now()
        created = await creations_of(tx, key.id, now=now)
        if key.revoked_at is None or with_created:
            refuse_outdated(shown, all_key_facts(key, key.status(now), created))
        await _revoke(tx, key, by=by, reason=reason, now=now)
        if with_created:
            words = f"key {key.name} ({key.id}), which created it, was revoked"
            for each in created.keys:
                await _revoke(tx, await tx.keys.find(each), by=by, reason=words, now=now)
            await _pause(tx, created, by=by, words=words, now=now)
        return Revoked(await tx.keys.find(key.id), created, with_created, now)


async def creations_of(tx: Transaction, key_id: str, *, now: datetime) -> Creations:
    """Everything in force that the key created, directly or by way of keys that it created."""
    callers, keys = [caller_of_key(key_id)], set[str]()
    while True:
        found = await tx.creations.of(callers, now=now)
        if keys >= set(found.keys) - {key_id}:
            return Creations(tuple(sorted(keys)), found.schedules, found.jobs)
        keys |= set(found.keys) - {key_id}
        callers = [caller_of_key(each) for each in (key_id, *sorted(keys))]


async def refusal_of_creator(tx: Transaction, creator: str | None, *, now: datetime) -> str | None:
    """Why nothing may be called in the right of this creator any more, in words; None where it may.

    Only keys end: a person's schedules stay when the person leaves, since a schedule is the team's.
    """
    key_id = key_of_caller(creator)
    if key_id is None:
        return None
    found = await tx.keys.with_hash(key_id)
    if found is not None and found[0].is_valid(now):
        return None
    which = f"Key {key_id}" if found is None else f"Key {found[0].name} ({key_id})"
    what = "is not there any more" if found is None else _ended(found[0], now)
    return (
        f"{which}, which created this schedule, {what}, so no device is called. `muster schedule resume NAME` lets it "
        "go on in the name of the person or key that resumes it."
    )


def _ended(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return f"was revoked on {key.revoked_at:%Y-%m-%d %H:%M} UTC"
    return f"{key.status(now)} on {key.expires_at:%Y-%m-%d %H:%M} UTC"


async def _revoke(tx: Transaction, key: ApiKey, *, by: Actor, reason: str | None, now: datetime) -> None:
    if await tx.keys.revoke(key.id, now=now):
        await tx.audit.write(by, "key.revoked", key.id, reason=reason, facts={"name": key.name}, now=now)
        log.info("key.revoked", key=key.id, by=by.name)


async def _pause(tx: Transaction, created: Creations, *, by: Actor, words: str, now: datetime) -> None:
    for name in created.schedules:
        try:
            schedule = await tx.schedules.by_name(name)
        except ScheduleUnreadable:
            continue  # it makes no job
        if schedule.status is ScheduleStatus.ACTIVE:
            await tx.schedules.set_status(schedule.number, ScheduleStatus.PAUSED, f"paused by {by.name}: {words}")
            await tx.audit.write(by, "schedule.paused", name, reason=words, now=now)
    for job_id in created.jobs:
        job = await tx.jobs.find(job_id)
        if await tx.jobs.move(job.number, JobStatus.PAUSED, if_in=ACTIVE, reason=words, now=now):
            await tx.audit.write(by, "job.paused", job.id, reason=words, now=now)
