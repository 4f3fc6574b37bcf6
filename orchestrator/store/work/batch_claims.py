"""Claiming batches: a worker holds one, and reads its due targets."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Update,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
    tuple_,
    update,
)

from orchestrator.domain.action import Action
from orchestrator.domain.batch import BATCH_SIZE, POISONED_AFTER
from orchestrator.domain.brake_options import NEVER_STOPS
from orchestrator.domain.claim import Claim
from orchestrator.domain.device import Via
from orchestrator.domain.ids import BatchKey, JobId, JobNumber, WorkerId
from orchestrator.domain.job import JobStatus, Tally
from orchestrator.domain.target import Target, TargetStatus
from orchestrator.store.engine.errors_text import unpack_errors
from orchestrator.store.engine.repository import Repository
from orchestrator.store.engine.stored_json import stored_canaries
from orchestrator.store.engine.times import first_of
from orchestrator.store.jobs.job_locks import lock_jobs
from orchestrator.store.rows.jobs import BatchRow, JobRow
from orchestrator.store.rows.targets import TargetRow
from orchestrator.store.work.canaries import Canaries
from orchestrator.store.work.claimable import DUE, NOW, OWN, asked, may_be_called
from orchestrator.store.work.many_claims import NOTHING, TARGET, Lines, ManyClaims, TargetColumns, flying_of, target_of

FIRST_CALLS = 20
"""Calls of a job that may leave before Graph has answered one of them."""


class BatchClaims(Repository):
    """SQL of claims; no method commits."""

    async def claim(
        self,
        number: JobNumber,
        *,
        worker: WorkerId,
        lease: timedelta,
        now: datetime,
        held: Lines = NOTHING,
        wanted: int | None = None,
    ) -> Claim | None:
        """Leases a batch of the job, and prefetches its due targets; none of them may be called yet.

        From a batch that the worker holds (`held`, with the lines that it has) it takes targets that have become due
        since, under the same fencing token. The worker must not write the state of its batches meanwhile, because one
        change would undo the other. A claim that crashed before its commit was acknowledged owns no targets. Of several
        free batches the first is leased, or the one that is `wanted`. Returns None where no batch of the job can be
        leased now, or another process was quicker.
        """
        found = await self._jobs([number], worker=worker, now=now)
        if not found:
            return None
        job, _ = found[0]
        most = BATCH_SIZE
        is_probe = job.probe_at is not None
        if is_probe or not job.answered:
            # Locked, so that "is this the first" is one question for all.
            found = await self._jobs([number], worker=worker, now=now, lock=True)
            if not found or await self._is_held(number):
                return None
            job, _ = found[0]
            # While Graph is out one call at a time asks whether it is back.
            most = 1 if is_probe else FIRST_CALLS
        batch = await self._takable_batch(number, held, wanted, worker=worker, now=now)
        if batch is None:
            return None
        most = 1 if batch.crash_count >= POISONED_AFTER else most
        flying = flying_of(batch, held)
        targets, rest_due_at = await self._due_targets(batch, most, flying, now=now, canaries=job.canaries)
        is_ours = batch.holder == worker
        if not targets and not is_ours:
            # Its due time was too early, or canaries go first and none of them waits in it: without another due time
            # each claim would find it. A lease at most, since another process may release the canaries meanwhile.
            if job.canaries is not None and rest_due_at is None:
                lines = stored_canaries(job.canaries) or ()
                await Canaries(self._connection).postpone_others(number, lines, until=now + lease)
                return None
            moved = {**_key(batch), "due_at": rest_due_at or now + lease}
            await self._connection.execute(_move_batch(), moved)
            return None
        fencing_token = batch.fencing_token if is_ours else batch.fencing_token + 1
        held_as = {
            "holder": worker,
            "fencing_token": fencing_token,
            "lease_until": now + lease,
            "due_at": rest_due_at or now,
        }
        await self._connection.execute(_hold_batch(), {**_key(batch), **held_as})
        await self._begin([number] if job.status == JobStatus.QUEUED else [], now)
        return _claim(found[0], batch, fencing_token, targets, rest_due_at=rest_due_at)

    async def claim_many(
        self,
        numbers: Collection[JobNumber],
        *,
        worker: WorkerId,
        lease: timedelta,
        now: datetime,
        held: Lines = NOTHING,
        wanted: Collection[BatchKey] = (),
    ) -> dict[JobNumber, Claim]:
        """Claims for each of these jobs as `claim` does, in few statements for all of them.

        A job is missing where nothing of it can be held now, or where another process was quicker.
        """
        found = {JobNumber(row[0].number): row for row in await self._jobs(numbers, worker=worker, now=now)}
        jobs = {number: job for number, (job, _) in found.items()}
        claims: dict[JobNumber, Claim] = {}
        many = ManyClaims(self._connection)
        # Which are the first of their job is one query for all of them, and the queued ones are changed below.
        unsure = (number for number, job in jobs.items() if job.probe_at is not None or not job.answered)
        queued = (number for number, job in jobs.items() if job.status == JobStatus.QUEUED)
        await lock_jobs(self._connection, {*unsure, *queued})
        for number, job in list(jobs.items()):
            if job.probe_at is not None or job.canaries is not None:
                del jobs[number]
                first = next((key.batch for key in wanted if key.job == number), None)
                claim = await self.claim(number, worker=worker, lease=lease, now=now, held=held, wanted=first)
                if claim is not None:
                    claims[number] = claim
        if unanswered := [number for number, job in jobs.items() if not job.answered]:
            unheld = await many.unheld(unanswered)
            jobs = {number: job for number, job in jobs.items() if job.answered or number in unheld}
        most = {number: BATCH_SIZE if job.answered else FIRST_CALLS for number, job in jobs.items()}
        taken = []
        if most:
            taken = await many.hold(most, worker=worker, lease=lease, now=now, held=held, wanted=wanted)
        await self._begin([number for number, job in jobs.items() if job.status == JobStatus.QUEUED], now)
        for each in taken:
            number, targets = JobNumber(each.batch.job_number), each.targets
            if each.batch.crash_count >= POISONED_AFTER:
                # A batch that crashed its workers goes on one target at a time.
                targets = targets[:1]
            claims[number] = _claim(
                found[number],
                each.batch,
                each.fencing_token,
                targets,
                rest_due_at=each.rest_due_at if len(targets) == len(each.targets) else now,
            )
        return claims

    async def _begin(self, numbers: Collection[JobNumber], now: datetime) -> None:
        if numbers:
            await self._connection.execute(
                update(JobRow)
                .where(JobRow.number.in_(numbers), JobRow.status == JobStatus.QUEUED)
                .values(status=JobStatus.RUNNING, started_at=first_of(JobRow.started_at, now))
            )

    async def _jobs(
        self, numbers: Collection[JobNumber], *, worker: WorkerId, now: datetime, lock: bool = False
    ) -> list[_Job]:
        """The jobs among these of which something may be held now."""
        return await self._rows_with(_jobs_query(lock=lock), {"numbers": list(numbers), **asked(worker, now)})

    async def _is_held(self, number: JobNumber) -> bool:
        # Asked after the lock: its last holder may just have taken the first calls.
        query = select(exists().where(BatchRow.job_number == number, BatchRow.holder.is_not(None)))
        return bool((await self._connection.execute(query)).scalar_one())

    async def _takable_batch(
        self,
        number: JobNumber,
        held: Collection[BatchKey],
        wanted: int | None,
        *,
        worker: WorkerId,
        now: datetime,
    ) -> BatchRow | None:
        first = _NONE if wanted is None else wanted
        given = {
            "number": number,
            "held": [tuple(key) for key in held],
            "wanted": first,
            **asked(worker, now),
        }
        return await self._row(_takable_query(any_held=bool(held)), given)

    async def _due_targets(
        self, batch: BatchRow, most: int, flying: Collection[int], *, now: datetime, canaries: str | None
    ) -> tuple[list[Target], datetime | None]:
        given: dict[str, Any] = {
            "number": batch.job_number,
            "first": batch.first_line,
            "last": batch.last_line,
            "now": now,
            "most": most + 1,
            "flying": list(flying),
        }
        if canaries is not None:
            # No call leaves while the canaries are unknown; the breaker stops such a job.
            lines = stored_canaries(canaries) or ()
            given["canaries"] = [line for line in lines if batch.first_line <= line <= batch.last_line]
        kind = {"any_flying": bool(flying), "any_canaries": canaries is not None}
        rows = (await self._connection.execute(_due_query(**kind), given)).all()
        targets = [target_of(*row) for row in rows[:most]]
        if len(rows) > most:
            return targets, now
        if batch.waiting == len(targets):
            return targets, None
        return targets, (await self._connection.execute(_later_query(**kind), given)).scalar_one_or_none()


_Job = tuple[JobRow, bool]
"""A job, and whether Graph accepted a call of it before."""

_NONE = -1
"""No batch has this number."""


@cache
def _jobs_query(*, lock: bool) -> Select[JobRow, bool]:
    accepted = exists().where(BatchRow.job_number == JobRow.number, BatchRow.accepted > 0)
    query = select(JobRow, and_(JobRow.answered, accepted)).where(
        JobRow.number.in_(bindparam("numbers", expanding=True)),
        may_be_called(),
    )
    return query.with_for_update() if lock else query


@cache
def _takable_query(*, any_held: bool) -> Select[BatchRow]:
    free = BatchRow.holder.is_(None)
    held = tuple_(BatchRow.job_number, BatchRow.batch).in_(bindparam("held", expanding=True))
    return (
        select(BatchRow)
        .where(BatchRow.job_number == bindparam("number"), DUE, or_(free, and_(OWN, held)) if any_held else free)
        # Leased batches are finished first: few batches are open at a time, and few are lost with a worker.
        .order_by(free, BatchRow.batch != bindparam("wanted", type_=Integer()), BatchRow.batch)
        .limit(1)
        .with_for_update(skip_locked=True)
    )


@cache
def _due_query(*, any_flying: bool, any_canaries: bool) -> Select[*TargetColumns]:
    due = or_(TargetRow.not_before.is_(None), TargetRow.not_before <= NOW)
    waiting = _waiting(any_flying=any_flying, any_canaries=any_canaries)
    return select(*TARGET).where(*waiting, due).order_by(TargetRow.line).limit(bindparam("most", type_=Integer()))


@cache
def _later_query(*, any_flying: bool, any_canaries: bool) -> Select[datetime | None]:
    waiting = _waiting(any_flying=any_flying, any_canaries=any_canaries)
    return select(func.min(TargetRow.not_before)).where(*waiting, TargetRow.not_before > NOW)


def _waiting(*, any_flying: bool, any_canaries: bool) -> list[ColumnElement[bool]]:
    conditions = [
        TargetRow.job_number == bindparam("number"),
        TargetRow.line.between(bindparam("first"), bindparam("last")),
        TargetRow.status == TargetStatus.WAITING,
    ]
    if any_flying:
        conditions.append(TargetRow.line.not_in(bindparam("flying", expanding=True)))
    if any_canaries:
        conditions.append(TargetRow.line.in_(bindparam("canaries", expanding=True)))
    return conditions


def _key(batch: BatchRow) -> dict[str, int]:
    return {"of_job": batch.job_number, "of_batch": batch.batch}


@cache
def _move_batch() -> Update:
    return _one_batch().values(due_at=bindparam("due_at"))


@cache
def _hold_batch() -> Update:
    return _one_batch().values({name: bindparam(name) for name in ("holder", "fencing_token", "lease_until", "due_at")})


def _one_batch() -> Update:
    return update(BatchRow).where(BatchRow.job_number == bindparam("of_job"), BatchRow.batch == bindparam("of_batch"))


def _claim(
    found: _Job,
    batch: BatchRow,
    fencing_token: int,
    targets: Sequence[Target],
    *,
    rest_due_at: datetime | None,
) -> Claim:
    job, accepted_before = found
    return Claim(
        key=BatchKey(JobNumber(batch.job_number), batch.batch),
        fencing_token=fencing_token,
        job=JobId(job.id),
        action=Action(job.action),
        via=Via(job.via),
        targets=tuple(targets),
        tally=Tally(batch.waiting, batch.sending, batch.accepted, batch.failed, batch.uncertain, batch.cancelled),
        errors=unpack_errors(batch.errors),
        rest_due_at=rest_due_at,
        answered_before=job.answered,
        accepted_before=accepted_before,
        is_probe=job.probe_at is not None,
        judges_first=not job.answered and job.brake_share < NEVER_STOPS,
        not_after=job.not_after,
    )
