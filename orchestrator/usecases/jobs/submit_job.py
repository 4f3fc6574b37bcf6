"""A device list and an action become a job: received in pages, hidden, and published by one last commit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import BinaryIO

from orchestrator.app import App
from orchestrator.domain.access import Actor, scope_of
from orchestrator.domain.errors import IntakeFailed, RequestRejected
from orchestrator.domain.ids import JobId
from orchestrator.domain.job import Intake, Job
from orchestrator.domain.job_spec import JobSpec
from orchestrator.domain.options import declared, packed
from orchestrator.domain.tenant import Tenant
from orchestrator.intake.device_list import DeviceList, IntakeOptions
from orchestrator.intake.input_row import InputRow
from orchestrator.intake.report import IntakeReport
from orchestrator.throttle.forecast import Forecast
from orchestrator.usecases.jobs.forecast_job import forecast_new
from orchestrator.usecases.jobs.idempotency import Idempotency, KeyTaken, job_of_key
from orchestrator.usecases.jobs.read_list import open_list, pages_of, read_to_end
from orchestrator.usecases.jobs.receive_job import (
    JobReception,
    forget_reception,
    new_job,
    publish_reception,
    receiving,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest(JobSpec):
    """The options of a new job, without its devices, and the person who asks."""

    by: Actor
    idempotency_key: str | None = None
    retry_of: JobId | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """The verdict on a device list and the forecast of its end, shown before any call.

    `unknown` counts managed device ids that the tenant's inventory does not have; None where it was not asked.
    """

    report: IntakeReport
    id_columns: tuple[str, ...]
    forecast: Forecast
    unknown: int | None = None


class NotConfirmed(RequestRejected):
    """The person said no; nothing was stored."""


async def submit_job(
    app: App,
    request: JobRequest,
    stream: BinaryIO,
    *,
    file_name: str | None,
    options: IntakeOptions,
    confirm: Callable[[Preview], bool] | None = None,
    check_way: Callable[[], Awaitable[object]] | None = None,
) -> Job:
    """Store the job for the workers; IntakeFailed with every bad line, NotConfirmed, IdempotencyConflict.

    `confirm` is asked once everything is read, before it is published. `check_way` comes before it and may raise: where
    nothing could be called, nothing is asked and nothing is stored.
    With a key that was used for the same request before, the answer is that job.
    """
    tenant = app.tenant(request.tenant)
    request.by.grant.refuse_change(scope_of(request.action, tenant.name, 0))
    devices = await open_list(
        app, tenant, stream, file_name=file_name, via=request.via, options=options, action=request.action
    )
    by, columns = request.by, devices.columns
    old = request.retry_of
    new = new_job(app, request, columns, by=by, reason=request.reason, file_name=file_name, retry_of=old)
    async with receiving(app, new) as reception:
        await _receive(app, reception, devices, options, tenant)
        report = devices.report()
        refuse_if_bad(report, options)
        request.by.grant.refuse_devices(report.good)
        if check_way is not None:
            await check_way()
        if confirm is not None:
            forecast = await forecast_new(app, tenant, report.good, request.priority)
            preview = Preview(report, devices.id_columns.names, forecast)
            if not await asyncio.to_thread(confirm, preview):
                raise NotConfirmed("Nothing was submitted.")
        intake = Intake(report.rows, report.duplicates, report.rejected, report.sha256, file_name)
        return await _publish(app, reception, request, intake, _idempotency(request, options, report.sha256))


async def preview_job(
    app: App, request: JobRequest, stream: BinaryIO, *, file_name: str | None, options: IntakeOptions
) -> Preview:
    """Read the whole list and say what would be done; nothing is stored."""
    tenant = app.tenant(request.tenant)
    devices = await open_list(
        app, tenant, stream, file_name=file_name, via=request.via, options=options, action=request.action
    )
    unknown = await read_to_end(app, tenant, devices, options)
    report = devices.report()
    forecast = await forecast_new(app, tenant, report.good, request.priority)
    return Preview(report, devices.id_columns.names, forecast, unknown)


def refuse_if_bad(report: IntakeReport, options: IntakeOptions) -> None:
    """IntakeFailed where lines are bad and are not to be skipped, or where no device is left."""
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


async def _receive(
    app: App, reception: JobReception, devices: DeviceList, options: IntakeOptions, tenant: Tenant
) -> None:
    last: Sequence[InputRow] = ()
    async with aclosing(pages_of(app, tenant, devices, options)) as pages:
        async for page in pages:
            if options.skip_invalid or not devices.report().bad:
                if last:
                    await reception.add(last)
                last = page.rows
    # With the rest of the batches, in one transaction: a small list has one page.
    await reception.add(last, is_last=True)


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
        async with app.store.reading() as tx:
            job = await job_of_key(tx, idempotency)
        if job is None:
            raise
        await forget_reception(app, reception.number)
        return job


def _idempotency(request: JobRequest, options: IntakeOptions, sha256: str) -> Idempotency | None:
    """Everything that could make it another job; not the name of the file, which may be a temporary one."""
    if request.idempotency_key is None:
        return None
    asked_for = packed(request)
    # These are always part of the request: a key of the release before names the same job.
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
