"""A job is received in pages, hidden, and published by one last commit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from orchestrator.app import App
from orchestrator.domain.access import Actor
from orchestrator.domain.batch import BATCH_SIZE, split
from orchestrator.domain.brake_options import FIRST_LOOK_WITHIN, BrakeOptions, canary_ranks
from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.ids import ID_ALPHABET, ID_LENGTH, JobId, JobNumber
from orchestrator.domain.job import Intake, Job
from orchestrator.domain.job_spec import JobSpec
from orchestrator.engine.publish_waiting import publish_job
from orchestrator.intake.identifiers import name_column
from orchestrator.intake.input_row import InputRow, name_of
from orchestrator.intake.pages import pack
from orchestrator.store.engine.database import Transaction
from orchestrator.store.jobs.reception import NewJob
from orchestrator.telemetry.logger import get_logger
from orchestrator.usecases.jobs.idempotency import Idempotency, KeyTaken

log = get_logger(__name__)

_Target = tuple[int, str, str | None]
"""Line, device and name."""


class JobReception:
    """A job while it is being received: pages of input in, whole batches out."""

    def __init__(self, app: App, number: JobNumber, new: NewJob) -> None:
        self.number = number
        self.lane = new.lane
        self.total = 0
        self._app = app
        self._pages = 0
        self._batches = 0
        self._rest: list[_Target] = []
        self._name_at = name_column(new.input_columns)

    async def add(self, rows: Sequence[InputRow], *, is_last: bool = False) -> None:
        """Stores some rows and the batches that they fill; the last rows may fill a shorter batch."""
        targets, payload = await asyncio.to_thread(self._prepared, rows) if rows else ([], b"")
        self._rest += targets
        ready = len(self._rest) if is_last else len(self._rest) // BATCH_SIZE * BATCH_SIZE
        batches = split(self._rest[:ready])
        async with self._app.store.transaction() as tx:
            now = await tx.now()
            if rows:
                await tx.reception.add_page(self.number, self._pages, (rows[0].line, rows[-1].line), payload, now=now)
            if batches:
                await tx.reception.add_batches(self.number, self._batches, batches, now=now)
        self._rest = self._rest[ready:]
        self._pages += 1
        self._batches += len(batches)
        self.total += ready

    def _prepared(self, rows: Sequence[InputRow]) -> tuple[list[_Target], bytes]:
        targets = [
            (row.line, row.device.key, name_of(row, self._name_at))
            for row in rows
            if row.verdict is None and row.device is not None
        ]
        return targets, pack(rows)


@asynccontextmanager
async def receiving(app: App, new: NewJob) -> AsyncIterator[JobReception]:
    """A hidden job, to be published within the block; of what breaks there, Ctrl-C included, nothing is left."""
    async with app.store.transaction() as tx:
        number = await tx.reception.begin(new, now=await tx.now())
    reception = JobReception(app, number, new)
    try:
        yield reception
    except BaseException:
        await asyncio.shield(forget_reception(app, reception.number))
        raise


def new_job(
    app: App,
    like: JobSpec | Job,
    columns: Sequence[str],
    *,
    by: Actor,
    reason: str | None,
    file_name: str | None,
    **others: Any,
) -> NewJob:
    """Returns a job with the options of a request or of an old job, under a random id that people can read out.

    `others` are further fields of `NewJob`. UnknownTenant where the settings do not have the tenant.
    """
    tenant = app.tenant(like.tenant)
    return NewJob(
        id=JobId("".join(app.chance.choice(ID_ALPHABET) for _ in range(ID_LENGTH))),
        name=like.name,
        action=like.action,
        via=like.via,
        tenant=tenant.name,
        lane=tenant.lane,
        priority=like.priority,
        input_columns=tuple(columns),
        submitted_by=by.name,
        submitter=by.caller,
        submit_reason=reason,
        file_name=file_name,
        **others,
    )


async def publish_reception(
    app: App,
    reception: JobReception,
    intake: Intake,
    *,
    by: Actor,
    idempotency: Idempotency | None = None,
    brake: BrakeOptions,
    canary: int = 0,
    together_with: Callable[[Transaction, Job], Awaitable[None]] | None = None,
) -> Job:
    """Let the job be seen and run, and wake the workers; KeyTaken where another job has the idempotency key.

    `together_with` becomes true in the same commit; what it raises undoes both.
    """
    async with app.store.transaction() as tx:
        now = await tx.now()
        if not await tx.reception.is_open(reception.number):
            raise RequestRejected("The job was left unconfirmed for too long, so it was not stored. Submit it again.")
        await tx.fair_queue.rejoin(reception.number, reception.lane, now=now)
        if canary:
            ranks = canary_ranks(reception.total, canary)
            await tx.canaries.choose(reception.number, ranks, until=now + FIRST_LOOK_WITHIN)
        kept = None if idempotency is None else idempotency.columns
        if not await tx.reception.publish(
            reception.number, intake, total=reception.total, brake=brake, idempotency=kept, now=now
        ):
            raise KeyTaken
        await tx.reception.enqueue_for_lookup(reception.number)
        published = await tx.jobs.by_number(reception.number)
        await _write_audit_entry(tx, by, published, devices=reception.total, now=now)
        if together_with is not None:
            await together_with(tx, published)
        tx.after_commit(lambda: publish_job(app, reception.number))
    log.info("job.submitted", job=published.id, action=published.action, targets=reception.total)
    return published


async def _write_audit_entry(tx: Transaction, by: Actor, job: Job, *, devices: int, now: datetime) -> None:
    facts: dict[str, object] = {"action": job.action, "devices": devices, "tenant": job.tenant}
    if job.retry_of is not None:
        facts["retryOf"] = job.retry_of
    what = "job.submitted" if job.retry_of is None else "job.retried"
    await tx.audit.write(by, what, job.id, reason=job.submit_reason, facts=facts, now=now)


async def forget_reception(app: App, number: JobNumber) -> None:
    """Remove the received part of a job that is not published, a piece at a time."""
    is_gone = False
    while not is_gone:
        async with app.store.transaction() as tx:
            is_gone = await tx.reception.forget(number)
