"""A device list and an action become a job: received in pages, hidden, and published by one last commit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import BinaryIO

from orchestrator.app import App
from orchestrator.domain.access import Actor, scope_of
from orchestrator.domain.batch import BATCH_SIZE, split
from orchestrator.domain.circuit_breaker import BrakeOptions, canary_ranks
from orchestrator.domain.errors import IntakeFailed, LineProblem, RequestRejected
from orchestrator.domain.ids import ID_ALPHABET, ID_LENGTH, JobId, JobNumber
from orchestrator.domain.job import Intake, Job
from orchestrator.domain.job_spec import JobSpec
from orchestrator.domain.options import declared, packed
from orchestrator.domain.tenant import Tenant
from orchestrator.engine.publish_waiting import publish_job
from orchestrator.intake.device_list import DeviceList, IntakeOptions
from orchestrator.intake.identifiers import name_column
from orchestrator.intake.input_row import InputRow, name_of
from orchestrator.intake.pages import pack
from orchestrator.intake.report import IntakeReport
from orchestrator.store.engine.database import Transaction
from orchestrator.store.jobs.reception import NewJob
from orchestrator.store.work.brakes import FIRST_LOOK_WITHIN
from orchestrator.telemetry.logger import get_logger
from orchestrator.throttle.forecast import Forecast
from orchestrator.usecases.jobs.forecast_job import forecast_new
from orchestrator.usecases.jobs.idempotency import Idempotency, KeyTaken, job_of_key
from orchestrator.usecases.jobs.read_list import open_list, pages_of, read_to_end

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest(JobSpec):
    """The options of a new job, without its devices, and the person who asks."""

    by: Actor
    idempotency_key: str | None = None
    retry_of: JobId | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """The verdict on a device list and the forecast of its end, shown before any call.

    `unknown` counts managed device ids that the tenant's inventory does not have; None where nobody looked.
    """

    rows: int
    good: int
    duplicates: int
    rejected: int
    ineligible: int
    left_out: int
    id_columns: tuple[str, ...]
    ignored: tuple[str, ...]
    matched: dict[str, int]
    problems: tuple[LineProblem, ...]
    bad: int
    forecast: Forecast
    sha256: str
    columns: tuple[str, ...] = ()
    unknown: int | None = None
    mended: tuple[LineProblem, ...] = ()


class NotConfirmed(RequestRejected):
    """The person said no; nothing was stored."""


async def submit_job(
    app: App,
    request: JobRequest,
    stream: BinaryIO,
    *,
    file_name: str | None,
    options: IntakeOptions,
    on_rows: Callable[[int], None] | None = None,
    confirm: Callable[[Preview], bool] | None = None,
    check_way: Callable[[], Awaitable[object]] | None = None,
) -> Job:
    """Store the job for whoever works; IntakeFailed with every bad line, NotConfirmed, IdempotencyConflict.

    `on_rows` hears how many rows were read so far; `confirm` is asked once everything is read, before it is published.
    `check_way` comes before it and may raise: where nothing could be called, nothing is asked and nothing is stored.
    With a key that was used for the same request before, the answer is that job.
    """
    tenant = app.tenant(request.tenant)
    request.by.grant.refuse_change(scope_of(request.action, tenant.name, 0))
    devices = await open_list(app, tenant, stream, file_name=file_name, via=request.via, options=options)
    async with receiving(app, _new(app, request, devices, file_name)) as reception:
        await _receive(app, reception, devices, options, tenant, on_rows)
        report = devices.report()
        refuse_if_bad(report, options)
        request.by.grant.refuse_devices(report.good)
        if check_way is not None:
            await check_way()
        if confirm is not None:
            preview = preview_of(devices, report, await forecast_new(app, tenant, report.good, request.priority))
            await asyncio.to_thread(_ask, confirm, preview)
        intake = Intake(report.rows, report.duplicates, report.rejected, report.sha256, file_name)
        return await _publish(app, reception, request, intake, _idempotency(request, options, report.sha256))


async def preview_job(
    app: App, request: JobRequest, stream: BinaryIO, *, file_name: str | None, options: IntakeOptions
) -> Preview:
    """Read the whole list and say what would be done; nothing is stored."""
    tenant = app.tenant(request.tenant)
    devices = await open_list(app, tenant, stream, file_name=file_name, via=request.via, options=options)
    unknown = await read_to_end(app, tenant, devices, options)
    report = devices.report()
    preview = preview_of(devices, report, await forecast_new(app, tenant, report.good, request.priority))
    return replace(preview, unknown=unknown)


def refuse_if_bad(report: IntakeReport, options: IntakeOptions) -> None:
    """IntakeFailed where lines are bad and nobody said to skip them, or where no device is left."""
    if report.bad and not options.skip_invalid:
        lines = "line is" if report.bad == 1 else "lines are"
        skip = ", or take the good rows with --skip-invalid" if report.good else ""
        raise IntakeFailed(
            f"{report.bad:,} {lines} bad, so nothing was submitted and nothing is called. Mend the file{skip}.",
            report.problems,
            columns=report.columns,
        )
    if not report.good:
        words = "No row is left to call: every one was rejected or is a duplicate."
        raise IntakeFailed(words, report.problems, columns=report.columns)


def preview_of(devices: DeviceList, report: IntakeReport, forecast: Forecast) -> Preview:
    """The preview of a list that was read to its end."""
    return Preview(
        rows=report.rows,
        good=report.good,
        duplicates=report.duplicates,
        rejected=report.rejected,
        ineligible=report.ineligible,
        left_out=report.left_out,
        id_columns=devices.id_columns.names,
        ignored=report.ignored,
        matched=report.matched,
        problems=report.problems,
        bad=report.bad,
        forecast=forecast,
        sha256=report.sha256,
        columns=report.columns,
        mended=report.mended,
    )


_Target = tuple[int, str, str | None]
"""Line, device and name."""


class JobReception:
    """A job while it is being received: pages of input in, whole batches out."""

    def __init__(self, app: App, number: JobNumber, job: JobId, columns: Sequence[str]) -> None:
        self.number = number
        self.job = job
        self.total = 0
        self._app = app
        self._pages = 0
        self._batches = 0
        self._rest: list[_Target] = []
        self._name_at = name_column(columns)

    async def add(self, rows: Sequence[InputRow], *, is_last: bool = False) -> None:
        """Keep some rows and the batches that they fill; the last ones fill a shorter batch."""
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
    reception = await begin_reception(app, new)
    try:
        yield reception
    except BaseException:
        await asyncio.shield(forget_reception(app, reception.number))
        raise


async def begin_reception(app: App, new: NewJob) -> JobReception:
    """A hidden job, ready for its pages."""
    async with app.store.transaction() as tx:
        number = await tx.reception.begin(new, now=await tx.now())
    return JobReception(app, number, new.id, new.input_columns)


def new_job_id(app: App) -> JobId:
    """A new random id, which people can read out."""
    return JobId("".join(app.chance.choice(ID_ALPHABET) for _ in range(ID_LENGTH)))


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
        job = await tx.jobs.by_number(reception.number)
        await tx.fair_queue.rejoin(job.number, job.lane, now=now)
        await tx.brakes.set_options(job.number, brake)
        if canary:
            ranks = canary_ranks(reception.total, canary)
            await tx.brakes.choose_canaries(job.number, ranks, until=now + FIRST_LOOK_WITHIN)
        kept = None if idempotency is None else idempotency.kept
        if not await tx.reception.publish(reception.number, intake, total=reception.total, idempotency=kept, now=now):
            raise KeyTaken
        await tx.target_lookup.enqueue(reception.number)
        published = await tx.jobs.by_number(reception.number)
        await _write_audit_entry(tx, by, published, devices=reception.total, now=now)
        if together_with is not None:
            await together_with(tx, published)
        tx.after_commit(lambda: publish_job(app, job.number))
    log.info("job.submitted", job=published.id, action=published.action, targets=reception.total)
    return published


def _new(app: App, request: JobRequest, devices: DeviceList, file_name: str | None) -> NewJob:
    tenant = app.tenant(request.tenant)
    return NewJob(
        id=new_job_id(app),
        name=request.name,
        action=request.action,
        via=request.via,
        tenant=tenant.name,
        lane=tenant.lane,
        priority=request.priority,
        input_columns=tuple(devices.columns),
        submitted_by=request.by.name,
        submitter=request.by.caller,
        submit_reason=request.reason,
        file_name=file_name,
        retry_of=request.retry_of,
    )


async def _receive(  # noqa: PLR0917 - private, and called once
    app: App,
    reception: JobReception,
    devices: DeviceList,
    options: IntakeOptions,
    tenant: Tenant,
    on_rows: Callable[[int], None] | None,
) -> None:
    async with aclosing(pages_of(app, tenant, devices, options)) as pages:
        async for page, read in pages:
            if options.skip_invalid or not devices.report().bad:
                await reception.add(page.rows)
            if on_rows is not None:
                on_rows(read)
    await reception.add([], is_last=True)


async def _publish(
    app: App, reception: JobReception, request: JobRequest, intake: Intake, idempotency: Idempotency | None
) -> Job:
    try:
        return await publish_reception(
            app,
            reception,
            intake,
            by=request.by,
            idempotency=idempotency,
            brake=request.brake,
            canary=request.canary,
        )
    except KeyTaken:
        if idempotency is None:
            raise
        async with app.store.reading() as tx:
            job = await job_of_key(tx, idempotency)
        if job is None:
            raise
        await forget_reception(app, reception.number)
        return job


async def _write_audit_entry(tx: Transaction, by: Actor, job: Job, *, devices: int, now: datetime) -> None:
    facts: dict[str, object] = {"action": job.action, "devices": devices, "tenant": job.tenant}
    if job.retry_of is not None:
        facts["retryOf"] = job.retry_of
    what = "job.submitted" if job.retry_of is None else "job.retried"
    await tx.audit.write(by, what, job.id, reason=job.submit_reason, facts=facts, now=now)


async def forget_reception(app: App, number: JobNumber) -> None:
    """Remove what was received of a job that nobody will see, a piece at a time."""
    is_gone = False
    while not is_gone:
        async with app.store.transaction() as tx:
            is_gone = await tx.reception.forget(number)


def _ask(confirm: Callable[[Preview], bool], preview: Preview) -> None:
    if not confirm(preview):
        raise NotConfirmed("Nothing was submitted.")


def _idempotency(request: JobRequest, options: IntakeOptions, sha256: str) -> Idempotency | None:
    """Everything that could make it another job; not the name of the file, which may be a temporary one."""
    if request.idempotency_key is None:
        return None
    asked_for = packed(request)
    # The first ones are always told: a key of the release before names the same job.
    asked = [asked_for.pop(key) for key in _ALWAYS_TOLD]
    new = [
        f"{each.key}: {asked_for[each.key]}"
        for each in declared(JobRequest)
        if each.key in asked_for and asked_for[each.key] != each.default
    ]
    taken: list[object] = [options.column, options.skip_invalid, options.only_eligible, options.take_all]
    if options.match is not None or options.prefer_newest:
        taken += [options.match, options.prefer_newest]
    if options.choices:
        taken.append(sorted(options.choices.items()))
    return Idempotency(request.by, request.idempotency_key, ["submit", *asked, *taken, *new, sha256])


_ALWAYS_TOLD = ("action", "via", "tenant", "name", "reason", "priority", "canary", "brakeShare", "brakeSample")
