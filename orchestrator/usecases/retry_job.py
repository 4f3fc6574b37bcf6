"""A new job from the targets of an old one that did not work out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from orchestrator.domain.device import Device
from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.job import Intake, Job, JobStatus
from orchestrator.domain.target import TargetStatus
from orchestrator.intake.input_row import InputRow
from orchestrator.intake.pages import unpack
from orchestrator.store.reception import NewJob
from orchestrator.usecases.app import App
from orchestrator.usecases.cancel_job import cancel_job
from orchestrator.usecases.submit_job import Reception, begin_reception, new_job_id, publish_reception

RETRIABLE = (TargetStatus.FAILED, TargetStatus.UNCERTAIN, TargetStatus.CANCELLED, TargetStatus.WAITING)


async def retry_job(
    app: App,
    wanted: str,
    *,
    statuses: Sequence[TargetStatus] = (TargetStatus.FAILED,),
    code: str | None = None,
    by: str,
    reason: str | None = None,
) -> Job:
    """A linked job of the targets with these statuses (and this error code), under the lines of the first input.

    What still waits in a paused or stopped job is cancelled there, so that no device is in two jobs at once.
    RequestRejected where no target fits, or where waiting ones are asked for while the job runs.
    """
    async with app.store.reading() as tx:
        old = await tx.jobs.find(wanted)
    taken = set(statuses)
    if TargetStatus.WAITING in taken and not old.status.is_final:
        if old.status not in {JobStatus.PAUSED, JobStatus.STOPPED}:
            raise RequestRejected(f"Job {old.id} is {old.status}: what waits in it will be called. Pause it first.")
        await cancel_job(app, old.id, by=by, reason="its waiting targets go on in a retry")
        taken.add(TargetStatus.CANCELLED)
    reception = await begin_reception(
        app,
        NewJob(
            id=new_job_id(app),
            name=old.name,
            action=old.action,
            via=old.via,
            tenant=app.tenant(old.tenant).name,
            lane=app.tenant(old.tenant).lane,
            priority=old.priority,
            input_columns=old.input_columns,
            submitted_by=by,
            submit_reason=reason,
            file_name=old.intake.file_name,
            retry_of=old.id,
        ),
    )
    try:
        rows = await _receive(app, reception, old, taken, code)
        return await publish_reception(app, reception, Intake(rows, file_name=old.intake.file_name))
    except BaseException:
        await asyncio.shield(_forget(app, reception))
        raise


async def _receive(app: App, reception: Reception, old: Job, taken: set[TargetStatus], code: str | None) -> int:
    count, number = 0, -1
    while True:
        async with app.store.reading() as tx:
            page = await tx.inputs.page_after(old.number, number)
            if page is None:
                break
            facts = await tx.targets.between(old.number, old.id, page.first_line, page.last_line)
        number = page.page
        wanted = {
            target.line: Device.from_key(target.device)
            for target in facts
            if target.status in taken and (code is None or (target.error_code or "").casefold() == code.casefold())
        }
        if wanted:
            stored = await asyncio.to_thread(unpack, page.payload)
            rows = [InputRow(row.line, row.cells, device=wanted[row.line]) for row in stored if row.line in wanted]
            await reception.add(rows)
            count += len(rows)
    if not count:
        raise RequestRejected(f"Job {old.id} has no {' or '.join(sorted(taken))} target to retry.")
    await reception.add([], is_last=True)
    return count


async def _forget(app: App, reception: Reception) -> None:
    async with app.store.transaction() as tx:
        await tx.reception.forget(reception.number)
