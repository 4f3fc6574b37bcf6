"""A saved list becomes a job: its newest version, with what the last window left first if so wanted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime

from orchestrator.app import App
from orchestrator.domain.access import Actor
from orchestrator.domain.device import Device
from orchestrator.domain.errors import ScheduleInvalid
from orchestrator.domain.ids import JobId
from orchestrator.domain.job import Job, JobStatus
from orchestrator.domain.schedule import Order
from orchestrator.domain.target import RowVerdict, TargetFilter, TargetStatus
from orchestrator.intake.input_row import InputRow
from orchestrator.intake.pages import unpack, unpack_devices
from orchestrator.intake.tenant_column import TenantRows, place_of_tenants
from orchestrator.inventory.saved_list_pages import list_pages
from orchestrator.inventory.saved_list_tenants import rows_of_tenant
from orchestrator.store.engine.database import Transaction
from orchestrator.store.jobs.saved_lists import ListVersion
from orchestrator.usecases.jobs.idempotency import Idempotency
from orchestrator.usecases.jobs.receive_job import JobReception, new_job, publish_reception, receiving


@dataclass(frozen=True, slots=True)
class ListRequest:
    """The request of one occurrence of a schedule; `rest_of` is the job whose waiting devices come first.

    `reason` is the one of a run by hand, where it has one; else it is the order's.
    """

    order: Order
    schedule: str
    by: Actor
    not_after: datetime | None = None
    not_after_reason: str | None = None
    rest_of: JobId | None = None
    reason: str | None = None
    idempotency: Idempotency | None = None


async def submit_list(
    app: App,
    request: ListRequest,
    version: ListVersion,
    *,
    together_with: Callable[[Transaction, Job], Awaitable[None]] | None = None,
) -> Job:
    """Store the job for the workers; ScheduleInvalid where the list does not fit the order, KeyTaken.

    Its lines are those of the list, or, where a rest comes first, counted in the order in which they are called.
    """
    order = request.order
    tenant = app.tenant(order.tenant)
    if version.via is not order.via:
        raise ScheduleInvalid(
            f"List {version.name!r} was imported for --via {version.via}, and --via {order.via} needs other columns."
        )
    rest = await _rest_of(app, request.rest_of) if request.rest_of is not None else frozenset[str]()
    label = version.label if order.source is None else order.source.label[:_LONGEST_LABEL]
    new = new_job(
        app,
        order,
        version.columns,
        by=request.by,
        reason=request.reason or order.reason,
        file_name=label,
        schedule=request.schedule,
        not_after=request.not_after,
        not_after_reason=request.not_after_reason,
    )
    place = place_of_tenants(version.columns)
    owned = _Owned(rows_of_tenant(app, tenant.name), place)
    async with receiving(app, new) as reception:
        await _receive(app, reception, version, rest, owned)
        if owned.others and not reception.total:
            raise ScheduleInvalid(
                f"List {version.name!r} has no device of tenant {tenant.name} in its column `tenant`."
            )
        intake = replace(version.intake, file_name=label, rejected=version.intake.rejected + owned.others)
        return await publish_reception(
            app,
            reception,
            intake,
            by=request.by,
            idempotency=request.idempotency,
            brake=order.brake,
            canary=order.canary,
            together_with=together_with,
        )


@dataclass(slots=True)
class _Owned:
    """Rejects the rows of other tenants in a list whose tenant column is at `place`, and counts them in `others`."""

    rows: TenantRows
    place: int | None
    others: int = 0

    def judged(self, rows: list[InputRow]) -> list[InputRow]:
        """The rows, those of other tenants with their verdict."""
        if self.place is None:
            return rows
        judged = [self._judged(row, self.place) for row in rows]
        self.others += sum(new is not old for new, old in zip(judged, rows, strict=True))
        return judged

    def _judged(self, row: InputRow, place: int) -> InputRow:
        problem = None if row.verdict is not None else self.rows.objection(row.cells, place)
        return row if problem is None else row._replace(verdict=RowVerdict.REJECTED, message=problem)


async def _receive(
    app: App, reception: JobReception, version: ListVersion, rest: Collection[str], owned: _Owned
) -> None:
    if not rest:
        async for rows in _pages(app, version):
            await reception.add(owned.judged(rows))
    else:
        line = 1
        for first in (True, False):
            async for rows in _pages(app, version):
                chosen = [row for row in rows if _is_of(row, rest) is first]
                if chosen:
                    renumbered = [row._replace(line=line + step) for step, row in enumerate(chosen, start=1)]
                    await reception.add(owned.judged(renumbered))
                    line += len(chosen)
    await reception.add([], is_last=True)


def _is_of(row: InputRow, rest: Collection[str]) -> bool:
    return row.verdict is None and row.device is not None and row.device.key in rest


async def _pages(app: App, version: ListVersion) -> AsyncIterator[list[InputRow]]:
    async for page in list_pages(app, version):
        yield await asyncio.to_thread(_rows, page.payload, page.devices)


def _rows(payload: bytes, devices: bytes) -> list[InputRow]:
    keys = unpack_devices(devices)
    return [
        row._replace(device=Device.from_key(keys[row.line])) if row.line in keys else row for row in unpack(payload)
    ]


async def _rest_of(app: App, job_id: JobId) -> frozenset[str]:
    """The devices that a job left waiting when its window ended."""
    waiting = TargetFilter((TargetStatus.WAITING,))
    async with app.store.reading() as tx:
        job = await tx.jobs.find(job_id)
        if job.status is not JobStatus.STOPPED:
            return frozenset()
        rest: set[str] = set()
        last = 0
        while True:
            page = await tx.targets.page(job.number, job.id, waiting, after_line=last, limit=5000)
            rest.update(target.device for target in page)
            if len(page) < 5000:
                return frozenset(rest)
            last = page[-1].line


_LONGEST_LABEL = 200
